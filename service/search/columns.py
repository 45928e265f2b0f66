"""Columns: the values of completed trials step by step, for rules that compare a trial with them at its own step.

Kept beside the trials and not in them, and in order: a number is put in where it belongs, so that a comparison at one
step neither goes through ten thousand trials nor sorts them.
"""

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

import numpy as np

from service.usecases.engine import Curve

_HALF = 0.5
# To put in each by itself takes longer than to sort all where there are many.
_FEW = 20


@dataclass(frozen=True, slots=True)
class Column:
    """What completed trials had at one step, in order, and how many there are whether they had it or not.

    `nothings`: how many had NaN there.
    """

    values: "array[float]"
    nothings: int
    trials: int

    def percentile(self, share: float, at_least: int, *, minimize: bool) -> float:
        """The value that the best `share` per cent reach; NaN if fewer than `at_least` trials have this step."""
        if len(self.values) + self.nothings < at_least or not self.values:
            return math.nan
        return _between(self.values, share if minimize else 100 - share)

    def better(self, value: float, *, minimize: bool) -> int:
        """How many values are better than this one."""
        if minimize:
            return bisect_left(self.values, value)
        return len(self.values) - bisect_right(self.values, value)

    def count(self) -> int:
        """How many values there are."""
        return len(self.values)


@dataclass(slots=True)
class _Step:
    """The values at one step; those that came since it was last looked at are not in order yet."""

    ordered: "array[float]" = field(default_factory=lambda: array("d"))
    fresh: "array[float]" = field(default_factory=lambda: array("d"))
    nothings: int = 0

    def add(self, value: float) -> None:
        if math.isnan(value):
            self.nothings += 1
        else:
            self.fresh.append(value)

    def values(self) -> "array[float]":
        if len(self.fresh) > _FEW:
            self.ordered = array("d", sorted([*self.ordered, *self.fresh]))
        else:
            for value in self.fresh:
                insort(self.ordered, value)
        del self.fresh[:]
        return self.ordered[:]


class Columns:
    """The values of all completed trials of a study."""

    def __init__(self) -> None:
        self._steps: dict[int, _Step] = {}
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
                found = self._steps.get(step)
                if found is None:
                    found = self._steps[step] = _Step()
                found.add(value)

    def clear(self) -> None:
        """Forget all of them."""
        self._steps.clear()
        self._numbers.clear()
        self._made.clear()

    def at(self, step: int) -> Column:
        """The values at a step, which stay as they are."""
        column = self._made.get(step)
        if column is None:
            found = self._steps.get(step) or _Step()
            column = self._made[step] = Column(found.values(), found.nothings, len(self._numbers))
        return column


NOTHING = Column(array("d"), 0, 0)


def _between(values: "array[float]", share: float) -> float:
    """NumPy's percentile to the last bit, of values in order: on the way from the one before to the one after."""
    at = (len(values) - 1) * (share / 100)
    place = min(math.floor(at), max(len(values) - 2, 0))
    before, after, way = values[place], values[min(place + 1, len(values) - 1)], at - place
    if not math.isfinite(after - before):
        return float(np.percentile(values, share))
    return before + (after - before) * way if way < _HALF else after - (after - before) * (1 - way)
