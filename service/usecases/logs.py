"""What attempts write: added by byte offset, so that a repeat changes nothing, and capped, the middle being left out.

The head says how an attempt began, the tail how it ended: those two are kept.
"""

from dataclasses import dataclass

from service.domain.actor import LOCAL, Actor
from service.domain.errors import AttemptNotFound, OffsetGap, StaleLease
from service.domain.trial import AttemptKey, LogPiece
from service.usecases.ports import Transaction
from service.usecases.reporting import own

MOST_AT_ONCE = 1_000_000
_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of the log of an attempt, and where to go on reading."""

    attempt: int
    data: bytes
    next_offset: int


def append(
    tx: Transaction,
    study: str,
    number: int,
    attempt: int,
    token: int,
    offset: int,
    data: bytes,
    *,
    most_bytes: int,
    actor: Actor = LOCAL,
) -> int:
    """Add what is new of these bytes; answers how many there are now.

    The last words of an attempt that has ended are welcome from whoever held it: they say why.
    """
    key = AttemptKey(tx.studies.get(study).id, number, attempt)
    found = tx.attempts.lock([key]).get(key)
    if found is None:
        raise AttemptNotFound(f"trial {number} has no attempt {attempt}")
    own(found, actor)
    if found.token != token:
        raise StaleLease(f"attempt {attempt} of trial {number} was not granted with token {token}")
    end = tx.logs.end(key)
    if offset > end:
        text = f"the bytes begin at {offset}, the log that is stored ends at {end}"
        raise OffsetGap(text, next_offset=end)
    new = data[end - offset :]
    if not new:
        return end
    # Small pieces, so that what is left out is cut about where it should be.
    size = max(1, min(_PIECE_BYTES, most_bytes // 8))
    for place in range(0, len(new), size):
        tx.logs.append(LogPiece(key=key, begin=end + place, data=new[place : place + size]))
    end += len(new)
    if end > most_bytes:
        head = most_bytes // 2
        tx.logs.trim(key, head, end - (most_bytes - head))
    return end


def read(tx: Transaction, study: str, number: int, attempt: int | None, offset: int, most_bytes: int) -> LogPart:
    """Read a part of the log of an attempt, or of the newest one. What was left out is told in its place."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    if attempt is None:
        attempt = max(1, trial.attempts)
    elif not 1 <= attempt <= trial.attempts:
        raise AttemptNotFound(f"trial {number} has no attempt {attempt}")
    key = AttemptKey(trial.study_id, number, attempt)
    at, text, room = offset, bytearray(), most_bytes
    for piece in tx.logs.pieces(key, offset, most_bytes):
        if piece.begin > at:
            text += f"\n... {piece.begin - at:,} bytes are left out here ...\n".encode()
            at = piece.begin
        part = piece.data[at - piece.begin :][:room]
        text += part
        at += len(part)
        room -= len(part)
    return LogPart(attempt, bytes(text), at)
