"""What is known of learning curves: how good each trial was, at how much training, for models and for samplers.

Amounts of training are counted in first reports: a trial that has trained four times as long as up to its first report
is at 4, whatever unit it reports in.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from service.domain.trial import Trial
from service.search.pool.cube import Cube
from service.search.pool.rungs import shown
from service.usecases.engine import Curve, History
from service.wire.message import Scalar
from service.wire.objective import Objective

FACTOR = 4
_GIVES = frozenset({"running", "paused", "completed", "pruned", "infeasible"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial had to show after an amount of training. The loss is better the smaller it is."""

    number: int
    amount: float
    loss: float
    newest: bool


def amounts(steps: Sequence[int], first: int) -> list[float]:
    """How much training there was at each step; a trial that counts from 0 has trained once at step 0."""
    return [step + 1.0 if first == 0 else step / first for step in steps]


def losses(objective: Objective, values: Sequence[float]) -> list[float]:
    """Values as losses, as good as the study reads them: where it takes a curve's best point, the best so far."""
    signed = [
        math.inf if math.isnan(value) else value if objective.direction == "minimize" else -value for value in values
    ]
    return list(accumulate(signed, min)) if objective.value == "best" else signed


class Sightings:
    """What the trials of one study had to show. What has not changed since it was last looked at is not read again."""

    def __init__(self, cube: Cube, objective: Objective) -> None:
        self.cube = cube
        self.objective = objective
        self._known: dict[int, tuple[Trial, Curve | None, int, tuple[Seen, ...]]] = {}
        self._places: dict[int, tuple[Mapping[str, Scalar], np.ndarray]] = {}

    def of(self, history: History) -> list[Seen]:
        """What all trials had to show, at the rungs and where they are now."""
        found: list[Seen] = []
        for number, trial in history.trials.items():
            if trial.state in _GIVES:
                found += self._of(number, trial, history.curves.get(number))
        return found

    def amount(self, trial: Trial, curve: Curve | None) -> float | None:
        """How much a trial has trained; None if it has shown nothing yet."""
        found = self._of(trial.number, trial, curve) if trial.state in _GIVES else ()
        return found[-1].amount if found else None

    def place(self, trial: Trial) -> np.ndarray:
        """Where a trial lies."""
        known = self._places.get(trial.number)
        if known is None or known[0] is not trial.params:
            known = self._places[trial.number] = (trial.params, self.cube.place(trial.params))
        return known[1]

    def _of(self, number: int, trial: Trial, curve: Curve | None) -> tuple[Seen, ...]:
        length = 0 if curve is None else len(curve)
        known = self._known.get(number)
        if known is not None and known[0] is trial and known[1] is curve and known[2] == length:
            return known[3]
        found = tuple(_seen_of(number, trial, curve, self.objective))
        self._known[number] = (trial, curve, length, found)
        return found


def _seen_of(number: int, trial: Trial, curve: Curve | None, objective: Objective) -> Iterator[Seen]:
    if trial.state == "infeasible":
        # Nobody should try there again: it is as bad as can be, from the beginning.
        yield Seen(number, 1.0, math.inf, True)
        return
    if curve is None or not len(curve):
        # It runs for the first time: what it showed at rungs is all that is known.
        rungs = shown(trial)
        found = losses(objective, [values[0] for values in rungs])
        for rung, loss in enumerate(found):
            yield Seen(number, float(FACTOR**rung), loss, rung == len(found) - 1)
        return
    at, found = amounts(curve.steps, curve.steps[0]), losses(objective, curve.values)
    level = 1.0
    for place, (amount, loss) in enumerate(zip(at, found, strict=True)):
        newest = place == len(at) - 1
        if amount >= level or newest:
            yield Seen(number, amount, loss, newest)
            while level <= amount:
                level *= 2
