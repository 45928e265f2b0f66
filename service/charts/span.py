"""The stretch of values that a chart shows: outliers are left outside, where they are counted."""

from dataclasses import dataclass

import numpy as np

from service.charts.thinning import Floats
from service.wire.charts import Scale
from service.wire.objective import Direction

_TAIL = 99.0
_STRETCH = 1.5
# Where more than one in a hundred has diverged, the percentile is one of those: most values say what is usual.
_MOST = 75.0
_FAR = 20.0
_HUGE = 1e307
_LEAST = float(np.finfo(np.float64).tiny)
_LARGEST = float(np.finfo(np.float64).max)
_LARGEST_LOG = 709.0


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where."""

    low: float
    high: float
    scale: Scale = "linear"

    def shares(self, values: Floats) -> Floats:
        """Where values lie between its ends: 0 at the lower, 1 at the upper; NaN for what has no place on the scale."""
        if self.scale == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(values > 0, np.log(values), np.where(np.isnan(values), np.nan, -np.inf))
            low, high = np.log(self.low), np.log(self.high)
            return np.asarray((logs - low) / (high - low))
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray((values - self.low) / (self.high - self.low))


def span_of(values: Floats, direction: Direction, scale: Scale = "linear") -> Span:
    """All finite values but, on the bad side, those beyond the 99th percentile if they would stretch it by half.

    It ends twenty times as far from the best value as three quarters of all values lie, in any case.
    """
    known = values[np.isfinite(values)]
    if scale == "log":
        known = known[known > 0]
    if not len(known):
        return Span(1.0 if scale == "log" else 0.0, 10.0 if scale == "log" else 1.0, scale)
    measured = np.log(known) if scale == "log" else known
    low, high = float(measured.min()), float(measured.max())
    if direction == "minimize":
        usual = float(np.percentile(measured, _TAIL, method="lower"))
        usual = _near(usual, float(np.percentile(measured, _MOST, method="lower")), low)
        high = usual if _stretched(high, usual, low) else high
    else:
        usual = float(np.percentile(measured, 100 - _TAIL, method="higher"))
        usual = -_near(-usual, -float(np.percentile(measured, 100 - _MOST, method="higher")), -high)
        low = usual if _stretched(-low, -usual, -high) else low
    if not high > low:
        low, high = low - _margin(low), high + _margin(high)
    if scale == "log":
        return Span(max(_LEAST, float(np.exp(low))), float(np.exp(min(high, _LARGEST_LOG))), scale)
    return Span(max(low, -_LARGEST), min(high, _LARGEST), scale)


def _near(usual: float, most: float, good: float) -> float:
    """Not further from the good end than so many times as most values lie; all of it as if small were good."""
    reach = _FAR * (most / 2 - good / 2)
    return min(usual, good + 2 * reach) if most > good and reach < _HUGE else usual


def _stretched(far: float, usual: float, good: float) -> bool:
    # Halves, so that the distance between two huge numbers of different signs does not overflow.
    return usual > good and far / 2 - good / 2 > _STRETCH * (usual / 2 - good / 2)


def _margin(value: float) -> float:
    return abs(value) * 0.05 or 0.5
