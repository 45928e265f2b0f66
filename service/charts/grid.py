"""The curves of all trials on one axis, read at evenly spaced columns: kept so, for density and quantiles at any time.

A report changes one row. Nothing else is counted anew, unless curves reach beyond the axis or leave the span of values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.charts.span import Span, span_of
from service.charts.thinning import Floats
from service.wire.charts import Scale
from service.wire.objective import Direction

COLUMNS = 100
ROWS = 120
_FEW = 500
_SPARE = 1.05
_LEFT_BEHIND = 0.02
# What is better than anything that was there is looked for first: little of it outside is too much.
_GOOD_WEIGHT = 20

CurveOf = Callable[[int], tuple[Floats, Floats]]
"""Where the points of a trial's curve lie on the axis, and their values."""


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where the columns of a grid lie."""

    low: float
    high: float

    def column(self, place: float) -> int:
        """The column that is nearest to a place."""
        width = self.high - self.low
        return 0 if width <= 0 else min(COLUMNS - 1, max(0, round((place - self.low) / width * (COLUMNS - 1))))

    @property
    def columns(self) -> Floats:
        """Where the columns lie."""
        return np.linspace(self.low, self.high, COLUMNS)


class Density:
    """How many trials pass each cell of 100 columns and 120 rows, on one scale of values."""

    def __init__(self, span: Span, direction: Direction) -> None:
        self.span = span
        self._good = 0 if direction == "minimize" else ROWS + 1
        # A row below and one above, for what is outside.
        self.counts = np.zeros((COLUMNS, ROWS + 2), dtype=np.int32)
        self.counted = 0
        self.outside = 0

    def add(self, values: Floats, sign: int) -> None:
        """Count the values that one trial has at the columns, or take them out again."""
        places = np.flatnonzero(~np.isnan(values))
        cells = self.cells(values[places])
        known = cells >= 0
        self.counts[places[known], cells[known]] += sign
        self.counted += sign * int(known.sum())
        weights = np.where(cells == self._good, _GOOD_WEIGHT, 1)
        self.outside += sign * int(weights[(cells == 0) | (cells == ROWS + 1)].sum())

    def add_all(self, values: Floats) -> None:
        """Count the values of all trials: a column for each trial."""
        for column, line in enumerate(values):
            cells = self.cells(line[~np.isnan(line)])
            self.counts[column] += np.bincount(cells[cells >= 0], minlength=ROWS + 2).astype(np.int32)
        self.counted = int(self.counts.sum())
        # What lies outside now does so for good reason: from here on it is growth that counts.
        self.outside = 0

    def cells(self, values: Floats) -> npt.NDArray[np.intp]:
        """The cell of each value in its column: 0 is below the span, the last one above it, -1 for a NaN."""
        shares = self.span.shares(values)
        with np.errstate(invalid="ignore"):
            inside = np.minimum(np.floor(np.clip(shares, 0.0, 1.0) * ROWS), ROWS - 1) + 1
            cells = np.where(shares < 0, 0, np.where(shares > 1, ROWS + 1, inside))
        return np.where(np.isnan(shares), -1, cells).astype(np.intp)


class Grid:
    """One row for each trial that has a curve on this axis."""

    def __init__(self, direction: Direction, curve_of: CurveOf) -> None:
        self._direction = direction
        self._curve_of = curve_of
        self._rows: dict[int, int] = {}
        self._values: Floats = np.full((COLUMNS, 64), np.nan)
        self._densities: dict[Scale, Density] = {}
        self._quantiles: list[Floats] | None = None
        self.extent = Extent(0.0, 0.0)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, number: int) -> None:
        """Read the curve of a trial as it is now."""
        places, values = self._curve_of(number)
        if not len(places):
            if number in self._rows:
                self._write(self._rows[number], np.full(COLUMNS, np.nan))
            return
        row = self._row(number)
        if self._reaches(float(places[0]), float(places[-1])):
            self._write(row, sampled(places, values, self.extent))

    def density(self, scale: Scale) -> Density:
        """How many trials pass each cell. Counted anew only when too much has come to lie outside."""
        density = self._densities.get(scale)
        if density is None or density.outside > _allowed(density):
            values = self._values[:, : len(self._rows)]
            density = self._densities[scale] = Density(span_of(values, self._direction, scale), self._direction)
            density.add_all(values)
        return density

    def quantiles(self) -> list[Floats]:
        """The 10th, 50th and 90th percentile of the trials at each column; NaN where there is none."""
        if self._quantiles is None:
            self._quantiles = quantiles(self._values[:, : len(self._rows)], (0.1, 0.5, 0.9))
        return self._quantiles

    def _row(self, number: int) -> int:
        row = self._rows.setdefault(number, len(self._rows))
        if row == self._values.shape[1]:
            self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)], axis=1)
        return row

    def _reaches(self, low: float, high: float) -> bool:
        """Whether the columns reach so far. If not, they are moved apart, and every curve is read at the new ones."""
        fresh = len(self._rows) == 1
        if not fresh and low >= self.extent.low and high <= self.extent.high:
            return True
        spare = _SPARE if len(self._rows) > _FEW else 1.0
        wanted = high if fresh or high <= self.extent.high else high * spare
        self.extent = Extent(low, high) if fresh else Extent(min(low, self.extent.low), max(wanted, self.extent.high))
        for number, row in self._rows.items():
            places, values = self._curve_of(number)
            if len(places):
                self._values[:, row] = sampled(places, values, self.extent)
        self._densities.clear()
        self._quantiles = None
        return False

    def _write(self, row: int, values: Floats) -> None:
        for density in self._densities.values():
            density.add(self._values[:, row], -1)
            density.add(values, 1)
        self._values[:, row] = values
        self._quantiles = None


def sampled(places: Floats, values: Floats, extent: Extent) -> Floats:
    """A curve's values at the columns between its first point and its last; a curve has one column at the least."""
    first, last = extent.column(float(places[0])), extent.column(float(places[-1]))
    row = np.full(COLUMNS, np.nan)
    row[first : last + 1] = _between(extent.columns[first : last + 1], places, values)
    return row


def _between(at: Floats, places: Floats, values: Floats) -> Floats:
    """On the straight line between the points around; numpy's own loses the neighbours of a NaN, exact ones too."""
    left = np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(places) - 1)
    right = np.minimum(left + 1, len(places) - 1)
    width = places[right] - places[left]
    # Behind the last point there is nothing to go towards: an infinite one would become NaN on the way.
    share = np.where(width > 0, np.clip((at - places[left]) / np.where(width > 0, width, 1.0), 0.0, 1.0), 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        line = values[left] + share * (values[right] - values[left])
    return np.where(share == 0, values[left], np.where(share == 1, values[right], line))


def quantiles(values: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Quantiles of each line without its NaNs, between the two nearest values where none is met exactly."""
    if not values.shape[1]:
        return [np.full(len(values), np.nan) for _ in shares]
    # Sorted, the NaNs of a line stand last.
    ordered = np.sort(values, axis=1)
    counts = (~np.isnan(values)).sum(axis=1)
    lines = np.arange(len(values))
    found = []
    for share in shares:
        at = share * np.maximum(counts - 1, 0)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, np.maximum(counts - 1, 0))
        with np.errstate(invalid="ignore", over="ignore"):
            weight = at - low
            between = ordered[lines, low] * (1 - weight) + ordered[lines, high] * weight
        found.append(np.where(counts > 0, between, np.nan))
    return found


def _allowed(density: Density) -> int:
    return max(50, int(_LEFT_BEHIND * density.counted))
