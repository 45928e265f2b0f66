"""How a training ended: what a return value or an exception makes of the attempt."""

import errno
import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainers.api import End, Failed, Stop, Trial
from trainers.dialect import is_of_device
from trainers.source import TrainerProblem
from worker import messages

MOST_MESSAGE = 2_000
MOST_TAIL = 12_000
_OUTCOMES: Mapping[End, messages.Outcome] = {"stop": "pruned", "pause": "paused", "preempt": "preempted"}
_CLASSES: frozenset[str] = frozenset(
    {"oom", "nan", "crash", "infra", "preempted", "timeout", "cancelled", "user_error"}
)
_HOME = Path(__file__).resolve().parents[2]
_OURS = (str(_HOME / "worker"), str(_HOME / "trainers" / "api.py"), str(_HOME / "trainers" / "source.py"))
# What libraries say, in lower case, when memory runs out or the node is at fault.
_MEMORY = ("out of memory", "cublas_status_alloc_failed", "can't allocate memory", "cannot allocate memory")
_NODE = (
    "uncorrectable ecc error",
    "busy or unavailable",
    "no cuda-capable device",
    "cuda driver version is insufficient",
    "unspecified launch failure",
    "fell off the bus",
    "device kernel image is invalid",
    "ncclsystemerror",
    "ncclremoteerror",
)
_NAN = ("returned nan values", "input contains nan", "found invalid values", "contains infinity")


def returned(value: Any, trial: Trial, metrics: Sequence[str]) -> messages.Ended:
    """The trainer came back by itself, with a value, several, or none."""
    try:
        values = _values(value, trial.metric, metrics)
    except (TypeError, ValueError) as error:
        return _failed("user_error", str(error))
    except RuntimeError as error:
        return raised(error, trial)
    if trial.obeyed is not None:
        return messages.Ended(outcome=_OUTCOMES[trial.obeyed], values=values, message=trial.orders.reason)
    for name, one in (values or {}).items():
        if math.isnan(one):
            return messages.Ended(
                outcome="failed", values=values, failure_class="nan", message=f"the final value of {name} is NaN"
            )
    if values is None and not trial.last and trial.resume is None:
        return _failed("user_error", "the trainer reported nothing and returned nothing: return the final value")
    return messages.Ended(outcome="completed", values=values)


def raised(error: BaseException, trial: Trial) -> messages.Ended:
    """The trainer ended with an exception."""
    if isinstance(error, Stop) or _is_called(error, "TrialPruned"):
        end = trial.obeyed or trial.orders.end or "stop"
        return messages.Ended(outcome=_OUTCOMES[end], message=trial.orders.reason or text(error))
    if isinstance(error, SystemExit):
        if error.code in {None, 0}:
            return returned(None, trial, ())
        return _failed("user_error", f"the trainer called sys.exit({error.code!r})", tail(error))
    if isinstance(error, Failed) and error.failure_class == "infeasible":
        # Servers know it as the class of points that have no value.
        return _failed("nan", f"infeasible: {text(error)}")
    if isinstance(error, Failed):
        # A trainer that says how it failed has found that itself: where in its code it did so is of no use.
        return replace(_failed(failure_class(error, trial), text(error)), signal=error.signal)
    return _failed(failure_class(error, trial), f"{type(error).__name__}: {text(error)}".rstrip(": "), tail(error))


def failure_class(error: BaseException, trial: Trial) -> messages.Class:
    """What kind of failure an exception is."""
    if isinstance(error, Failed) and error.failure_class in _CLASSES:
        known: messages.Class = error.failure_class  # type: ignore[assignment]
        return known
    said = text(error).lower()
    if _is_called(error, "OutOfMemoryError") or isinstance(error, MemoryError):
        return "oom"
    if isinstance(error, RuntimeError | OSError) and any(one in said for one in _MEMORY):
        return "oom"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}:
        return "infra"
    if isinstance(error, RuntimeError) and any(one in said for one in _NODE):
        return "infra"
    last = trial.last.get(trial.metric, 0.0)
    if isinstance(error, FloatingPointError) or math.isnan(last) or any(one in said for one in _NAN):
        return "nan"
    return "user_error"


def unusable(problem: TrainerProblem) -> messages.Ended:
    """There was no trainer to call."""
    cause = problem.__cause__
    return _failed("user_error", str(problem), tail(cause) if cause is not None else "")


def text(error: BaseException) -> str:
    """What an exception says, even if it cannot."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        # A trainer's exception may be anything; that it cannot be shown is no reason to lose the failure.
        return "(its text cannot be shown)"


def tail(error: BaseException) -> str:
    """The end of the traceback, without the frames that are ours."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    try:
        lines = traceback.format_exception(type(error), error, frames)
    except Exception:  # noqa: BLE001
        return type(error).__name__
    return "".join(lines)[-MOST_TAIL:]


def _failed(kind: messages.Class, message: str, end: str = "") -> messages.Ended:
    return messages.Ended(outcome="failed", failure_class=kind, message=_cut(message), tail=end)


def _cut(message: str) -> str:
    clean = message.replace("\0", " ")
    return clean if len(clean) <= MOST_MESSAGE else f"{clean[: MOST_MESSAGE - 1]}…"


def _is_called(error: BaseException, name: str) -> bool:
    """By its name, for its library may not even be installed here."""
    return any(kind.__name__ == name for kind in type(error).__mro__)


def _values(value: Any, metric: str, metrics: Sequence[str]) -> dict[str, float] | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        wanted = metrics or (metric,)
        # What else a trainer knows of its end is no value of an objective.
        return {str(name): _number(str(name), one) for name, one in value.items() if name in wanted} or None
    if isinstance(value, tuple | list):
        wanted = metrics or (metric,)
        if len(value) != len(wanted):
            raise ValueError(
                f"the trainer returned {len(value)} values, but there are {len(wanted)}: {', '.join(wanted)}"
            )
        return {name: _number(name, one) for name, one in zip(wanted, value, strict=True)}
    return {metric: _number(metric, value)}


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        if is_of_device(error, value):
            raise
        raise TypeError(
            f"the trainer returned a {type(value).__name__} as {name}: return a number, a mapping of metrics or nothing"
        ) from None
