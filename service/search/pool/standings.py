"""Where a trial stands at a rung: found without going through all trials, of which there may be ten thousand."""

import math
from collections.abc import Sequence

import numpy as np

from service.domain.trial import Trial
from service.search.pool.contest import loss, order
from service.search.pool.rungs import UNSHOWN, Values, at_rung, shown
from service.search.rung_values import RungValues
from service.usecases.engine import Basis, History
from service.wire.objective import Direction


class Standings:
    """The standings of one study, with one metric or several."""

    def __init__(self, ways: Sequence[Direction]) -> None:
        self._ways = ways
        self._values = RungValues(self._losses)

    def count(self, history: History, number: int, rung: int) -> int:
        """How many trials came to a rung, this one included."""
        return self._values.count(history, rung, besides=number) + 1

    def stand(self, history: History, number: int, rung: int, step: int, values: Values, going_on: int) -> Basis:
        """Where a trial stands with what it shows at a rung, and what the last one that goes on showed there."""
        if len(self._ways) > 1:
            return self._among_fronts(history, number, rung, step, values)
        own, way = loss(values[0], self._ways[0]), self._ways[0]
        others = self._values.at(history, rung, besides=number)
        losses = np.fromiter(others.values(), float, len(others))
        before = int((losses < own).sum())
        if (losses == own).any():
            before += sum(one == own and other < number for other, one in others.items())
        cut = float(np.partition(np.append(losses, own), going_on - 1)[going_on - 1]) if going_on else None
        return Basis(
            rung=rung,
            step=step,
            value=values[0],
            cut=None if cut is None else _value(cut, way),
            rank=before + 1,
            n=len(others) + 1,
        )

    def _among_fronts(self, history: History, number: int, rung: int, step: int, values: Values) -> Basis:
        field = at_rung(history.trials, rung, besides=number) | {number: values}
        rank = order(field, self._ways).index(number) + 1
        return Basis(rung=rung, step=step, value=values[0], rank=rank, n=len(field))

    def _losses(self, trial: Trial) -> list[float]:
        showed = [] if trial.state in UNSHOWN else shown(trial)
        return [loss(values[0], self._ways[0]) for values in showed]


def _value(cut: float, way: Direction) -> float:
    # NaN is the worst there is: where it is the cut, all others are NaN too.
    if math.isinf(cut) and cut > 0:
        return math.nan
    return cut if way == "minimize" else -cut
