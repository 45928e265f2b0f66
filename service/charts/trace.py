"""The learning curve of one trial as charts need it: at most so many points, with its time and its cost."""

import math
from array import array
from collections.abc import Iterable

import numpy as np

from service.charts.thinning import Floats, thinned
from service.usecases.ports import Mark
from service.wire.charts import Axis

MOST_POINTS = 100
_NAN = float("nan")
_SECONDS_AN_HOUR = 3600.0


class Trace:
    """Points in the order of their steps. Twice as many as are shown are gathered, then thinned to half."""

    __slots__ = ("broken", "cost", "elapsed", "last", "seen", "steps", "values")

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self.steps = array("d")
        self.values = array("d")
        self.elapsed = array("f")
        self.cost = array("f")
        self.seen = 0
        """How many points there were, those that are no longer kept included."""
        self.last = _NAN
        """The newest value that is a finite number; NaN if there is none."""
        self.broken = False
        """Whether some value is no finite number."""
        self.extend(marks)

    def extend(self, marks: Iterable[Mark]) -> None:
        """Add points; what does not come behind the last is left out, as it is where curves are judged."""
        for step, value, elapsed, cost in marks:
            if self.steps and step <= self.steps[-1]:
                continue
            self.steps.append(step)
            self.values.append(value)
            self.elapsed.append(_NAN if elapsed is None else elapsed)
            self.cost.append(_NAN if cost is None else cost)
            self.seen += 1
            if math.isfinite(value):
                self.last = value
            else:
                self.broken = True
            if len(self.steps) >= 2 * MOST_POINTS:
                self._thin()

    def _thin(self) -> None:
        kept = thinned(np.array(self.values), MOST_POINTS).tolist()
        for name in ("steps", "values", "elapsed", "cost"):
            long: array[float] = getattr(self, name)
            setattr(self, name, array(long.typecode, [long[place] for place in kept]))

    def __len__(self) -> int:
        return len(self.steps)

    def along(self, axis: Axis, seconds: float | None) -> tuple[Floats, Floats]:
        """Where its points lie on an axis, and their values. `seconds` is how long the trial ran, if that is known.

        Where no time was reported with the points they are taken to have come evenly; hours on a GPU that were not
        reported are those of the trial.
        """
        values = np.array(self.values)
        if axis == "step":
            return np.array(self.steps), values
        told = np.array(self.cost if axis == "gpu" else self.elapsed, dtype=np.float64)
        if np.isnan(told).any() and axis == "gpu":
            told = np.array(self.elapsed, dtype=np.float64)
        if np.isnan(told).any():
            told = np.linspace(0.0, seconds or 0.0, len(values) + 1)[1:]
        # A resumed trial may count its time anew: an axis that ran backwards could not be read.
        return np.maximum.accumulate(told) / _SECONDS_AN_HOUR, values
