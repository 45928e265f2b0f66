"""What an attempt's process and its agent say to each other: lines of JSON over a pipe of their own.

The trainer's standard output and error are its log; nothing of this goes over them. NaN and infinities are strings, as
everywhere on the wire. A line that cannot be read ends the attempt: the two sides are of one version.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Scalar = bool | int | float | str | None
Class = Literal["oom", "nan", "crash", "infra", "preempted", "timeout", "cancelled", "user_error"]
Outcome = Literal["completed", "pruned", "paused", "preempted", "failed"]
Order = Literal["checkpoint", "pause", "stop", "preempt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Agent to process: what to train. `trainer` is one of the names that the worker was given."""

    study: str
    trial: int
    attempt: int
    trainer: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Scalar]
    seed: int
    metric: str
    direction: Literal["minimize", "maximize"] = "minimize"
    metrics: tuple[str, ...] = ()
    horizon: int | None = None
    purpose: str = "search"
    steps: int | None = None
    data_fingerprint: str | None = None
    waits: bool = False
    """Whether training waits until the server has agreed to the data: the study did not know its own yet."""
    device: str = "cpu"
    folder: str
    resume_step: int | None = None
    resume_path: str | None = None
    memory_fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Agent to process: what to do next. `checkpoint`: save at the next step; `pause`, `preempt`: save and end."""

    order: Order
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Agent to process: the server takes the data that were read as those of the study: training may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Process to agent: the trainer is about to be called."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Process to agent: one point of the curve. `seq` counts them: 1, 2, 3 …"""

    seq: int
    step: int
    metrics: Mapping[str, float]
    elapsed: float
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Process to agent: which data it is trained on, by their SHA-256."""

    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Process to agent: a checkpoint stands whole in a file; `step` is one that was reported (0: before any)."""

    step: int
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Process to agent, the last word: how it ended. The first one counts; none at all is a crash."""

    outcome: Outcome
    values: Mapping[str, float] | None = None
    failure_class: Class | None = None
    message: str = ""
    tail: str = ""
    signal: int | None = None
    """The signal that ended it, if the worker did not send it: the node may be to blame."""


Message = Task | Command | Agreed | Started | Reported | Read | Saved | Ended
_KINDS: Mapping[str, type[Message]] = {
    kind.__name__.lower(): kind for kind in (Task, Command, Agreed, Started, Reported, Read, Saved, Ended)
}
_FIELDS = {kind: (name, tuple(one.name for one in fields(kind))) for name, kind in _KINDS.items()}


def encode(message: Message) -> bytes:
    """A message as a line."""
    kind, names = _FIELDS[type(message)]
    body: dict[str, Any] = {"type": kind}
    for name in names:
        body[name] = getattr(message, name)
    try:
        text = _ENCODER.encode(body)
    except ValueError:
        text = _ENCODER.encode(_finite(body))
    # Half a character, out of a file name for instance, is no reason to lose a message.
    return text.encode(errors="replace") + b"\n"


def decode(line: bytes) -> Message:
    """A line as a message; ValueError if it is none."""
    body = json.loads(line)
    if not isinstance(body, dict) or (kind := _KINDS.get(body.pop("type", ""))) is None:
        raise ValueError(f"not a message: {line[:200]!r}")
    try:
        return kind(**{name: _read(name, value) for name, value in body.items()})
    except TypeError as error:
        raise ValueError(f"not a message: {line[:200]!r}") from error


def lines(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole lines off a buffer."""
    while (end := buffer.find(b"\n")) >= 0:
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        yield line


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a message cannot hold a {type(value).__name__}")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _read(name: str, value: Any) -> Any:
    if name in {"metrics", "values"} and isinstance(value, dict):
        return {metric: float(number) for metric, number in value.items()}
    return tuple(value) if isinstance(value, list) else value


# Made once: a trainer waits while its report is written.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain, separators=(",", ":"))
