"""The unit cube: points of a space in it, and how far they are from one another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from service.search.distributions import Layout
from service.wire.message import Scalar


class Cube:
    """A space in which every range is as long as 1, logarithmic ones by their logarithms.

    A categorical parameter is at distance 1 wherever it differs. So is one that takes part at one of two points only.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._varied = {
            name: one.distribution for name, one in layout.dimensions.items() if not one.distribution.single()
        }
        self._unordered = np.array(
            [isinstance(one, CategoricalDistribution) for one in self._varied.values()], dtype=bool
        )

    def points(self, params: Sequence[Mapping[str, Scalar]]) -> np.ndarray:
        """Points as rows; NaN where a parameter takes no part."""
        rows = []
        for one in params:
            known = self._layout.inward(one)
            rows.append(
                [_place(shape, known[name]) if name in known else math.nan for name, shape in self._varied.items()]
            )
        return np.array(rows, dtype=float).reshape(len(params), len(self._varied))

    def gaps(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """The squared distances in each parameter: parameter by row of ours by row of theirs."""
        left, right = ours.T[:, :, None], theirs.T[:, None, :]
        squared = (left - right) ** 2
        differ = (left != right).astype(float)
        squared[self._unordered] = differ[self._unordered]
        none, both = np.isnan(left) & np.isnan(right), np.isnan(left) | np.isnan(right)
        return np.asarray(np.where(none, 0.0, np.where(both, 1.0, squared)))


def _place(distribution: Any, value: Any) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return float(distribution.to_internal_repr(value))
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    # Halved, so that the width of a very wide range is a number still.
    return float((value / 2 - low / 2) / (high / 2 - low / 2))
