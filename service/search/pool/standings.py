"""Where a trial stands at a rung: found without going through all trials, of which there may be ten thousand.

What each showed at each rung is kept, and brought up to date by the trials that changed.
"""

import math
import threading
from collections.abc import Sequence
from itertools import compress
from operator import is_not

import numpy as np

from service.domain.trial import Trial
from service.search.pool.contest import loss, order
from service.search.pool.rungs import UNSHOWN, Values, at_rung, shown
from service.usecases.engine import Basis, History
from service.wire.objective import Direction


class Standings:
    """The standings of one study, with one metric or several."""

    def __init__(self, ways: Sequence[Direction]) -> None:
        self._ways = ways
        self._trials: dict[int, Trial] = {}
        self._rungs: list[dict[int, float]] = []
        self._lock = threading.Lock()

    def count(self, history: History, number: int, rung: int) -> int:
        """How many trials came to a rung, this one included."""
        with self._lock:
            self._refresh(history)
            there = self._rungs[rung] if rung < len(self._rungs) else {}
            return len(there) + (number not in there)

    def stand(self, history: History, number: int, rung: int, step: int, values: Values, going_on: int) -> Basis:
        """Where a trial stands with what it shows at a rung, and what the last one that goes on showed there."""
        if len(self._ways) > 1:
            return self._among_fronts(history, number, rung, step, values)
        own, way = loss(values[0], self._ways[0]), self._ways[0]
        with self._lock:
            self._refresh(history)
            others = dict(self._rungs[rung]) if rung < len(self._rungs) else {}
        others.pop(number, None)
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

    def _refresh(self, history: History) -> None:
        trials = list(history.trials.values())
        before = list(map(self._trials.get, history.trials))
        if len(trials) - before.count(None) < len(self._trials):
            # Trials are gone: this history is older than the one before it.
            self._trials.clear()
            self._rungs.clear()
            before = [None] * len(trials)
        for trial in compress(trials, map(is_not, trials, before)):
            self._take(trial)

    def _take(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        showed = [] if trial.state in UNSHOWN else shown(trial)
        while len(self._rungs) < len(showed):
            self._rungs.append({})
        for rung, there in enumerate(self._rungs):
            if rung < len(showed):
                there[trial.number] = loss(showed[rung][0], self._ways[0])
            else:
                there.pop(trial.number, None)


def _value(cut: float, way: Direction) -> float:
    # NaN is the worst there is: where it is the cut, all others are NaN too.
    if math.isinf(cut) and cut > 0:
        return math.nan
    return cut if way == "minimize" else -cut
