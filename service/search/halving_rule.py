"""Optuna's successive halving over kept values, so that it does not go through all trials at each rung.

It decides as Optuna's `SuccessiveHalvingPruner` does, rung by rung (the equivalence suite holds it to that).
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from service.domain.trial import Trial
from service.search.rung_values import RungValues
from service.search.view import View
from service.wire.scheduler import AshaScheduler

RUNG = "completed_rung_"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands among all that came to a rung: its rank, how many there are, and how many of them go on."""

    rank: int
    n: int
    going_on: int
    cut: float


class HalvingRule(BasePruner):
    """Stops a trial that is not among the best share of all that came to its rung."""

    def __init__(self, options: AshaScheduler) -> None:
        self._least = options.min_resource
        self._factor = options.reduction_factor
        self._values = RungValues(_passed)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to stop. One that went far between two reports passes several rungs at once."""
        step = trial.last_step
        if step is None:
            return False
        value, rung = trial.intermediate_values[step], 0
        while f"{RUNG}{rung}" in trial.system_attrs:
            rung += 1
        while step >= self._least * self._factor**rung:
            if math.isnan(value):
                return True
            study._storage.set_trial_system_attr(trial._trial_id, f"{RUNG}{rung}", value)
            found = self.place(study, rung, value)
            if found.rank > found.going_on:
                return True
            rung += 1
        return False

    def place(self, study: Study, rung: int, value: float) -> Place:
        """Where the own trial stands at a rung with this value. Of equals all go on."""
        view = cast(View, study._storage)
        others = self._values.at(view.scene.history, rung, besides=view.own.number)
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        there = sign * np.fromiter((*others.values(), value), float, len(others) + 1)
        going_on = max(1, len(there) // self._factor)
        cut = sign * float(np.partition(there, going_on - 1)[going_on - 1])
        return Place(1 + int(np.count_nonzero(there < sign * value)), len(there), going_on, cut)


def _passed(trial: Trial) -> list[float]:
    """What a trial had at the rungs it passed, as Optuna's rule has it remembered."""
    values: list[float] = []
    while (value := trial.system.get(f"{RUNG}{len(values)}")) is not None:
        values.append(float(value))
    return values
