"""The cube: points of a search space as rows of numbers between 0 and 1, for models that know nothing else."""

import math
from collections.abc import Mapping
from typing import cast

import numpy as np

from service.search.distributions import Dimension, Layout, choices
from service.wire.message import Scalar
from service.wire.space import CategoricalParameter, FloatParameter, IntParameter

ABSENT = 0.5
"""Where a parameter is shown that takes no part: in the middle, no nearer to one value than to another."""

_APART = math.sqrt(0.5)


class Cube:
    """A space as a cube with an axis for each parameter; points without an order get an axis for each of them.

    A place has one number for each parameter. Features are what models see: choices that have no order stand apart.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.names = tuple(layout.dimensions)
        self._widths = tuple(_width(dimension) for dimension in layout.dimensions.values())

    @property
    def width(self) -> int:
        """How many features a point has."""
        return sum(self._widths)

    def place(self, params: Mapping[str, Scalar]) -> np.ndarray:
        """Where a point lies; parameters that take no part are in the middle."""
        return np.array(
            [
                unit(dimension, params[name]) if name in params else ABSENT
                for name, dimension in self.layout.dimensions.items()
            ]
        )

    def features(self, places: np.ndarray) -> np.ndarray:
        """What models see of places."""
        columns = []
        for column, width in enumerate(self._widths):
            along = places[:, column]
            if width == 1:
                columns.append(along[:, None])
            else:
                columns.append(np.eye(width)[_index(along, width)] * _APART)
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(places), 0))

    def valid(self, places: np.ndarray) -> np.ndarray:
        """The places of the points that are next to these: on steps and choices, and in the middle where absent."""
        rounded = places.copy()
        for column, dimension in enumerate(self.layout.dimensions.values()):
            rounded[:, column] = _on_steps(dimension, places[:, column])
        if self.layout.conditional:
            return np.array([self.place(self.point(row)) for row in rounded])
        return rounded

    def point(self, place: np.ndarray) -> dict[str, Scalar]:
        """The point at a place: parameters that take no part are left out."""
        at = dict(zip(self.names, place, strict=True))
        return self.layout.walk(lambda dimension: value(dimension, float(at[dimension.name])))

    def distances(self, places: np.ndarray, here: np.ndarray) -> np.ndarray:
        """How far places are from one, as models see it."""
        return cast(np.ndarray, np.linalg.norm(self.features(places) - self.features(here[None, :]), axis=1))


def unit(dimension: Dimension, at: Scalar) -> float:
    """A value as a number between 0 and 1; a choice without order as the middle of its share."""
    parameter, inner = dimension.parameter, dimension.inward(at)
    if isinstance(parameter, FloatParameter | IntParameter):
        low, high = float(parameter.low), float(parameter.high)
        if high <= low:
            return ABSENT
        if parameter.log:
            return math.log(float(inner) / low) / math.log(high / low)
        return (float(inner) - low) / (high - low)
    count = len(choices(parameter))
    if isinstance(parameter, CategoricalParameter):
        return (int(inner) + 0.5) / count
    return int(inner) / (count - 1) if count > 1 else ABSENT


def value(dimension: Dimension, at: float) -> Scalar:
    """The value next to a number between 0 and 1."""
    parameter = dimension.parameter
    if isinstance(parameter, FloatParameter | IntParameter):
        low, high = float(parameter.low), float(parameter.high)
        found = low * (high / low) ** at if parameter.log else low + (high - low) * at
        found = min(max(found, low), high)
        return (
            dimension.outward(round((found - low) / parameter.step) * parameter.step + parameter.low)
            if isinstance(parameter, IntParameter)
            else dimension.outward(found)
        )
    count = len(choices(parameter))
    if isinstance(parameter, CategoricalParameter):
        return dimension.outward(int(_index(np.array([at]), count)[0]))
    return dimension.outward(round(at * (count - 1)))


def _width(dimension: Dimension) -> int:
    many = isinstance(dimension.parameter, CategoricalParameter)
    return len(choices(dimension.parameter)) if many else 1


def _index(along: np.ndarray, count: int) -> np.ndarray:
    return cast(np.ndarray, np.clip((along * count).astype(int), 0, count - 1))


def _on_steps(dimension: Dimension, along: np.ndarray) -> np.ndarray:
    count = dimension.count()
    parameter = dimension.parameter
    if count is None:
        return along
    if count == 1:
        return np.full_like(along, unit(dimension, value(dimension, ABSENT)))
    if isinstance(parameter, CategoricalParameter):
        return (_index(along, count) + 0.5) / count
    if isinstance(parameter, FloatParameter | IntParameter):
        if parameter.log:
            return np.array([unit(dimension, value(dimension, float(one))) for one in along])
        # The last step need not be at the upper bound.
        wide = (parameter.step or 1) / (parameter.high - parameter.low)
        return np.clip(np.round(along / wide), 0, count - 1) * wide
    return np.round(along * (count - 1)) / (count - 1)
