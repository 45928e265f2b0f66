"""What stopping trials early has saved, by what those that completed have cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.charts.trace import Trace
from service.wire.trial import TrialState

_SECONDS_AN_HOUR = 3600.0
_CUT_SHORT: frozenset[TrialState] = frozenset({"pruned", "paused"})


@dataclass(frozen=True, slots=True)
class Saving:
    """None where there is nothing to tell: no trial has completed, or none was stopped."""

    stopped: int
    completed: int
    full_steps: float | None = None
    steps: float | None = None
    not_taken: float | None = None
    gpu_hours: float | None = None


def saving(trials: Mapping[int, tuple[TrialState, Trace]]) -> Saving:
    """The share of steps that were not taken, had all gone on as long as the median of those that completed."""
    full = [trace.steps[-1] for state, trace in trials.values() if state == "completed"]
    cut = [trace for state, trace in trials.values() if state in _CUT_SHORT]
    if not full or not cut:
        return Saving(len(cut), len(full), float(np.median(full)) if full else None)
    whole = float(np.median(full))
    taken = sum(trace.steps[-1] for _, trace in trials.values())
    saved = sum(max(0.0, whole - trace.steps[-1]) for trace in cut)
    spent, costed = 0.0, 0.0
    for _, trace in trials.values():
        if trace.cost[-1] >= 0 and trace.steps[-1] > 0:
            spent += trace.cost[-1]
            costed += trace.steps[-1]
    share = saved / (taken + saved) if saved else 0.0
    hours = spent / costed * saved / _SECONDS_AN_HOUR if costed else None
    return Saving(len(cut), len(full), whole, share, saved, hours)
