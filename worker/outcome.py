"""How an attempt ended: what its process said, or what it did not say, as the server is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from service.wire.lease import Complete, Completed, Lease, Usage
from service.wire.trial import Failure
from worker.messages import Class, Ended, Order

MAX_MESSAGE = 2_000
MAX_TAIL = 16_000
# What an attempt that came to nothing makes of its trial.
_CAME_TO_NOTHING = frozenset({"queued", "failed", "infeasible", "cancelled"})


@dataclass(frozen=True, slots=True)
class Cut:
    """Why the agent ended a process: its time was over, the server refused what it did, or nobody wants it any more."""

    kind: Literal["gone", "timeout", "refused", "invalid", "disobeyed", "hurry", "fault"]
    message: str


_CLASSES: Mapping[str, Class] = {
    "timeout": "timeout",
    "refused": "user_error",
    "invalid": "user_error",
    "fault": "infra",
}


def conclude(said: Ended | None, order: Order | None, cut: Cut | None, tail: str) -> Ended:
    """How it ended. `said` is the process's last word, `order` what it had been told to do."""
    if cut is not None and (kind := _CLASSES.get(cut.kind)):
        return failed(kind, cut.message, tail)
    if said is not None and not _killed_at_its_end(said, order, cut):
        return replace(said, message=said.message[:MAX_MESSAGE], tail=(said.tail or _tail_of(said, tail))[-MAX_TAIL:])
    match order:
        case "stop":
            return Ended(outcome="pruned")
        case "pause":
            return Ended(outcome="paused")
        case "preempt":
            return Ended(outcome="preempted")
        case _:
            return failed("crash", "the process ended without a word", tail)


def failed(kind: Class, message: str, tail: str = "") -> Ended:
    """A failure that the agent finds."""
    return Ended(outcome="failed", failure_class=kind, message=message[:MAX_MESSAGE], tail=tail[-MAX_TAIL:])


def complete(lease: Lease, ended: Ended, usage: Usage, *, checkpoint: bool) -> Complete:
    """What is written down. Without a checkpoint nothing can go on: then it is no pause and no preemption."""
    if ended.outcome == "preempted" and not checkpoint:
        ended = failed("preempted", ended.message or "the worker had to go before there was a checkpoint", ended.tail)
    if ended.outcome == "paused" and not checkpoint:
        ended = replace(ended, outcome="pruned", failure_class=None)
    objectives = {one.metric for one in lease.objectives}
    values = {name: value for name, value in (ended.values or {}).items() if name in objectives}
    return Complete(
        token=lease.token,
        outcome=ended.outcome,
        values=(values or None) if ended.outcome != "failed" else None,
        failure=_failure(ended),
        usage=usage,
        reason=_whole(ended.message)[:MAX_MESSAGE] or None if ended.outcome == "pruned" else None,
    )


def _failure(ended: Ended) -> Failure | None:
    if ended.outcome != "failed":
        return None
    return Failure.model_validate(
        {
            "class": ended.failure_class or "crash",
            "message": _whole(ended.message)[:MAX_MESSAGE],
            "tail": _whole(ended.tail)[-MAX_TAIL:],
            "signal": ended.signal,
        }
    )


def _killed_at_its_end(said: Ended, order: Order | None, cut: Cut | None) -> bool:
    """Whether it only failed because we killed it while it was obeying."""
    return cut is not None and order is not None and said.outcome == "failed"


def _tail_of(said: Ended, tail: str) -> str:
    return tail if said.outcome == "failed" else ""


def _whole(text: str) -> str:
    """Text that can travel: halves of characters and NUL cannot."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")


def as_it_was(answer: Completed, body: Complete) -> Completed:
    """The answer to an end. To one that is sent again it tells of the trial what others have made of it since."""
    if body.outcome not in {"failed", "preempted"} or answer.state in _CAME_TO_NOTHING:
        return answer
    return answer.model_copy(update={"state": body.outcome, "values": None})
