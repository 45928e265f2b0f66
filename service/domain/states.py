"""Who may become what: one table for each kind of state, and nowhere else."""

from collections.abc import Mapping
from typing import TypeVar

from service.domain.errors import WrongState
from service.wire.study import StudyState
from service.wire.trial import AttemptState, FailureClass, TrialState

S = TypeVar("S", bound=str)

STUDY: Mapping[StudyState, frozenset[StudyState]] = {
    "active": frozenset({"paused", "stopping", "stopped", "completed"}),
    "paused": frozenset({"active", "stopping", "stopped", "completed"}),
    "stopping": frozenset({"stopped", "active"}),
    "stopped": frozenset({"active"}),
    "completed": frozenset({"active"}),
}

TRIAL: Mapping[TrialState, frozenset[TrialState]] = {
    "queued": frozenset({"running", "cancelled"}),
    "running": frozenset({"queued", "paused", "completed", "pruned", "failed", "infeasible", "cancelled"}),
    "paused": frozenset({"queued", "pruned", "cancelled"}),
    "completed": frozenset(),
    "pruned": frozenset(),
    "failed": frozenset({"queued"}),
    "infeasible": frozenset({"queued"}),
    "cancelled": frozenset({"queued"}),
}

ATTEMPT: Mapping[AttemptState, frozenset[AttemptState]] = {
    "leased": frozenset({"running", "completed", "pruned", "paused", "preempted", "failed", "lost"}),
    "running": frozenset({"completed", "pruned", "paused", "preempted", "failed", "lost"}),
    "completed": frozenset(),
    "pruned": frozenset(),
    "paused": frozenset(),
    "preempted": frozenset(),
    "failed": frozenset(),
    # Until its trial is granted again.
    "lost": frozenset({"leased", "running"}),
}

AFTER_FAILURE: Mapping[FailureClass, TrialState] = {
    "oom": "infeasible",
    "nan": "infeasible",
    "crash": "failed",
    "timeout": "failed",
    "user_error": "failed",
    "cancelled": "cancelled",
    "infra": "queued",
    "preempted": "queued",
}
"""What a failed attempt makes of its trial: `queued` means that it is tried again while attempts are left."""

FINISHED: frozenset[TrialState] = frozenset({"completed", "pruned", "failed", "infeasible", "cancelled"})
LIVE: frozenset[AttemptState] = frozenset({"leased", "running"})
RERUNS_RUN: frozenset[StudyState] = frozenset({"active", "stopping", "stopped", "completed"})
"""The states in which a study hands out other runs of its trials: they are no part of the search, and outlast it."""


def move_study(now: StudyState, to: StudyState) -> StudyState:
    """Answer the new state of a study, or refuse."""
    return _move("study", STUDY, now, to)


def move_trial(now: TrialState, to: TrialState) -> TrialState:
    """Answer the new state of a trial, or refuse."""
    return _move("trial", TRIAL, now, to)


def move_attempt(now: AttemptState, to: AttemptState) -> AttemptState:
    """Answer the new state of an attempt, or refuse."""
    return _move("attempt", ATTEMPT, now, to)


def _move(what: str, table: Mapping[S, frozenset[S]], now: S, to: S) -> S:
    if to not in table[now]:
        ways = f"it can only become {', '.join(sorted(table[now]))}" if table[now] else "that is final"
        raise WrongState(f"the {what} is {now} and cannot become {to}: {ways}")
    return to
