"""What a study may still spend: how many trials it may add, how many it may run, and whether it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.domain.study import Study
from service.wire.message import Metrics
from service.wire.trial import TrialState

_UNLIMITED = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a study has spent at a moment."""

    counts: Mapping[TrialState, int]
    gpu_hours: float
    now: datetime


def may_add(study: Study) -> int:
    """How many trials may still be added; those that ran elsewhere are not counted."""
    most = study.definition.budget.max_trials
    return _UNLIMITED if most is None else max(0, most - (study.next_number - study.added))


def may_run(study: Study, spending: Spending) -> int:
    """How many trials may be started now."""
    budget = study.definition.budget
    running = spending.counts.get("running", 0)
    if over(study, spending) is not None:
        return 0
    room = _UNLIMITED
    if budget.max_running is not None:
        room = min(room, budget.max_running - running)
    if budget.max_completed is not None:
        # Each that runs may yet complete: one more might be one too many.
        room = min(room, budget.max_completed - spending.counts.get("completed", 0) - running)
    return max(0, room)


def done(study: Study, spending: Spending) -> str | None:
    """Why the study has come to its end, if it has: something is spent, and nothing runs any more."""
    if spending.counts.get("running", 0):
        return None
    why = over(study, spending)
    # Of those that are paused, some may yet be worth going on with: whoever promotes them will tell.
    if why is None and may_add(study) == 0 and not any(spending.counts.get(state) for state in ("queued", "paused")):
        why = f"all {study.definition.budget.max_trials} trials have ended"
    return why


def limited(study: Study) -> bool:
    """Whether there is any limit at all: if not, nothing has to be counted."""
    budget = study.definition.budget
    limits = (budget.max_trials, budget.max_completed, budget.max_running, budget.wall_time, budget.gpu_hours)
    return any(limit is not None for limit in limits)


def reached(study: Study, values: Metrics) -> bool:
    """Whether these values are good enough: every objective that has a target has reached it, and one has a target."""
    aims = [(one, one.target) for one in study.definition.objectives if one.target is not None]
    return bool(aims) and all(
        one.metric in values
        and (values[one.metric] <= aim if one.direction == "minimize" else values[one.metric] >= aim)
        for one, aim in aims
    )


def over(study: Study, spending: Spending) -> str | None:
    """What is spent that lets no more trials be started, if something is; the number of trials apart."""
    budget = study.definition.budget
    completed = spending.counts.get("completed", 0)
    if budget.max_completed is not None and completed >= budget.max_completed:
        return f"{completed} trials have completed"
    if budget.wall_time is not None and (spending.now - study.created_at).total_seconds() >= budget.wall_time:
        return "its wall time is over"
    if budget.gpu_hours is not None and spending.gpu_hours >= budget.gpu_hours:
        return f"{spending.gpu_hours:.3g} GPU hours are used"
    return None
