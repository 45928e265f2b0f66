"""When a crash is the trainer's and not the point's: the same one at different points of the space."""

import json
import re
from collections.abc import Iterable

from service.domain.trial import Trial
from service.wire.trial import Failure, FailureClass

OURS: frozenset[FailureClass] = frozenset({"crash", "user_error"})
"""What a trainer's own fault looks like. Out of memory and NaN are the point's."""

_LONGEST = 200
_ADDRESS = re.compile(r"0x[0-9a-f]+", re.IGNORECASE)
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"(),]+){2,}[\\/]?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


def same(failures: Iterable[Trial], failure: Failure) -> list[int]:
    """The numbers of the trials that failed like this one, each at a point of its own, lowest first."""
    sign = crash(failure)
    points: dict[str, int] = {}
    for trial in sorted(failures, key=lambda one: one.number):
        if trial.failure is not None and trial.failure.failure_class in OURS and crash(trial.failure) == sign:
            points.setdefault(json.dumps(dict(trial.params), sort_keys=True), trial.number)
    return list(points.values())


def crash(failure: Failure) -> tuple[FailureClass, str]:
    """What two crashes have in common that are the same: class and message, without numbers, addresses and paths."""
    text = _UNSEEN.sub(" ", message(failure))
    for pattern, word in ((_ADDRESS, "<address>"), (_PATH, "<path>"), (_NUMBER, "#")):
        text = pattern.sub(word, text)
    return failure.failure_class, text.strip().casefold()


def message(failure: Failure) -> str:
    """What a failure says of itself in one line: its message, or else the last line of its log."""
    said = failure.message if failure.message.strip() else failure.tail.rstrip().rpartition("\n")[2]
    text = _UNSEEN.sub(" ", said).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def told(numbers: list[int], failure: Failure, study: str) -> str:
    """Why a study is paused, and what to do about it."""
    *first, last = numbers
    which = f"trials {', '.join(map(str, first))} and {last} failed alike" if first else f"trial {last} failed"
    kind = failure.failure_class
    what = f"{kind}: {message(failure)}" if message(failure) else kind
    return f"{which} ({what}): fix the trainer, then basin study resume {study}"
