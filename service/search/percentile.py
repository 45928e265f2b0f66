"""The percentile rule: Optuna's `PercentilePruner` over columns, so that it does not go through all trials each time.

It decides as Optuna's does, number by number (the equivalence suite holds it to that).
"""

import math
from dataclasses import dataclass
from typing import cast

from optuna.pruners import BasePruner
from optuna.pruners._percentile import _is_first_in_interval_step
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from service.search.view import View
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
        found = standing(self._options, study, trial)
        return found is not None and found.worse


def standing(options: MedianScheduler | PercentileScheduler, study: Study, trial: FrozenTrial) -> Standing | None:
    """Where a trial stands; None if nothing is decided at its step, or there are too few to compare with."""
    step = trial.last_step
    if step is None or not decides(options, trial, step):
        return None
    column = cast(View, study._storage).scene.column(step)
    if column.trials < max(1, options.startup_trials):
        return None
    minimize = study.direction != StudyDirection.MAXIMIZE
    value = best(list(trial.intermediate_values.values()), minimize=minimize)
    if math.isnan(value):
        return Standing(value)
    share = options.percentile if isinstance(options, PercentileScheduler) else MEDIAN
    cut = column.percentile(share, options.min_trials, minimize=minimize)
    if math.isnan(cut):
        return None
    rank = 1 + column.better(value, minimize=minimize)
    return Standing(value, cut, rank, column.count(), value > cut if minimize else value < cut)


def decides(options: MedianScheduler | PercentileScheduler | ThresholdScheduler, trial: FrozenTrial, step: int) -> bool:
    """Whether a rule with warm-up and intervals decides at this step."""
    return step >= options.warmup_steps and _is_first_in_interval_step(
        step, trial.intermediate_values.keys(), options.warmup_steps, options.interval_steps
    )


def best(values: list[float], *, minimize: bool) -> float:
    """The best value; NaN if there is no other."""
    return (min if minimize else max)((value for value in values if not math.isnan(value)), default=math.nan)
