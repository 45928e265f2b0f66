"""Columns: the values of completed trials step by step, for rules that compare a trial with them at its own step.

Kept beside the trials and not in them: one number for each point instead of an entry in a dictionary, and a comparison
at one step does not go through ten thousand trials.
"""

from array import array
from dataclasses import dataclass, field

import numpy as np

from service.usecases.engine import Curve


@dataclass(frozen=True, slots=True)
class Column:
    """What completed trials had at one step, and how many there are whether they had it or not."""

    values: np.ndarray
    trials: int
    _percentiles: dict[float, float] = field(default_factory=dict, compare=False, repr=False)

    def percentile(self, share: float, at_least: int, *, minimize: bool) -> float:
        """The value that the best `share` per cent reach; NaN if fewer than `at_least` trials have this step."""
        if len(self.values) < at_least or np.all(np.isnan(self.values)):
            return float("nan")
        share = share if minimize else 100 - share
        # NumPy takes longer for it than all the rest of a verdict does, which asks twice: for itself and its reason.
        if share not in self._percentiles:
            self._percentiles[share] = float(np.nanpercentile(self.values, share))
        return self._percentiles[share]

    def better(self, value: float, *, minimize: bool) -> int:
        """How many values are better than this one."""
        return int(np.count_nonzero(self.values < value if minimize else self.values > value))

    def count(self) -> int:
        """How many values there are."""
        return int(np.count_nonzero(~np.isnan(self.values)))


class Columns:
    """The values of all completed trials of a study."""

    def __init__(self) -> None:
        self._steps: dict[int, array[float]] = {}
        self._numbers: set[int] = set()
        self._made: dict[int, Column] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def add(self, number: int, curve: Curve | None) -> None:
        """Take in a completed trial, once."""
        if number not in self._numbers:
            self._numbers.add(number)
            self._made.clear()
            for step, value in zip(curve.steps, curve.values, strict=True) if curve else ():
                self._steps.setdefault(step, array("d")).append(value)

    def clear(self) -> None:
        """Forget all of them."""
        self._steps.clear()
        self._numbers.clear()
        self._made.clear()

    def at(self, step: int) -> Column:
        """The values at a step."""
        column = self._made.get(step)
        if column is None:
            column = self._made[step] = Column(np.array(self._steps.get(step, ()), dtype=float), len(self._numbers))
        return column


NOTHING = Column(np.array(()), 0)
