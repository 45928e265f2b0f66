"""The percentile rule: Optuna's `PercentilePruner` over columns, so that it does not go through all trials each time.

It decides as Optuna's does, number by number (the equivalence suite holds it to that).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from service.search.view import Scene, View
from service.wire.scheduler import MedianScheduler, PercentileScheduler, ThresholdScheduler

MEDIAN = 50.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a trial stands among the completed ones at its step. Without a cut it has nothing but NaN to show."""

    value: float
    cut: float | None = None
    rank: int | None = None
    trials: int | None = None
    worse: bool = True


class PercentileRule(BasePruner):
    """Stops a trial whose best value so far is worse than a percentile of what completed trials had at its step."""

    def __init__(self, options: MedianScheduler | PercentileScheduler) -> None:
        self._options = options

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to stop."""
        scene, points = cast(View, study._storage).scene, trial.intermediate_values
        found = standing(self._options, scene, list(points), list(points.values()))
        return found is not None and found.worse


def standing(
    options: MedianScheduler | PercentileScheduler, scene: Scene, steps: Sequence[int], values: Sequence[float]
) -> Standing | None:
    """Where a trial with these points stands; None if its last step decides nothing, or there are too few others."""
    if not steps or not decides(options, steps):
        return None
    column = scene.column(steps[-1])
    if column.trials < max(1, options.startup_trials):
        return None
    minimize = scene.directions[0] != StudyDirection.MAXIMIZE
    value = best(values, minimize=minimize)
    if math.isnan(value):
        return Standing(value)
    share = options.percentile if isinstance(options, PercentileScheduler) else MEDIAN
    cut = column.percentile(share, options.min_trials, minimize=minimize)
    if math.isnan(cut):
        return None
    rank = 1 + column.better(value, minimize=minimize)
    return Standing(value, cut, rank, column.count(), value > cut if minimize else value < cut)


def decides(options: MedianScheduler | PercentileScheduler | ThresholdScheduler, steps: Sequence[int]) -> bool:
    """Whether a rule with warm-up and intervals decides at the last of these steps: the first in its interval."""
    past = steps[-1] - options.warmup_steps
    begin = steps[-1] - past % options.interval_steps
    return past >= 0 and (len(steps) == 1 or steps[-2] < begin)


def best(values: Sequence[float], *, minimize: bool) -> float:
    """The best value; NaN if there is no other."""
    return (min if minimize else max)((value for value in values if not math.isnan(value)), default=math.nan)
