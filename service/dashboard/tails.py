"""The ends of logs, as pages show them."""

from dataclasses import dataclass

from service.domain.trial import AttemptKey, Trial
from service.usecases.ports import Transaction

_MOST_BYTES = 64_000
_MOST_LINES = 400


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of an attempt's log, and how much of it there is in all."""

    attempt: int
    text: str
    bytes: int
    whole: bool


def tail(tx: Transaction, trial: Trial, attempt: int | None = None, text: str = "") -> Tail | None:
    """The end of the log of an attempt, the newest if none is named; only lines with a text, if one is given."""
    number = attempt or trial.attempts
    if not number:
        return None
    key = AttemptKey(trial.study_id, trial.number, number)
    end = tx.logs.end(key)
    begin = max(0, end - _MOST_BYTES)
    pieces = tx.logs.pieces(key, begin, _MOST_BYTES)
    content = b"".join(piece.data[max(0, begin - piece.begin) :] for piece in pieces)
    lines = content.decode(errors="replace").splitlines()
    if begin:
        lines = lines[1:]
    if text:
        lines = [line for line in lines if text.casefold() in line.casefold()]
    shown = lines[-_MOST_LINES:]
    return Tail(number, "\n".join(shown), end, not begin and len(shown) == len(lines))
