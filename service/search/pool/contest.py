"""A contest: where trials stand among each other at a rung, with one objective or several."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from optuna.study._multi_objective import _fast_non_domination_rank

from service.search.pool.rungs import Values
from service.wire.objective import Direction
from service.wire.study import StudyDefinition


def directions(definition: StudyDefinition, metric: str | None) -> tuple[Direction, ...]:
    """Which way is better, for each value that a trial shows."""
    if metric is None:
        return tuple(objective.direction for objective in definition.objectives)
    known = {objective.metric: objective.direction for objective in definition.objectives}
    return (known.get(metric, "minimize"),)


def order(field: Mapping[int, Values], ways: Sequence[Direction]) -> list[int]:
    """The trials' numbers, the best first; of equals the first to be added.

    With several objectives a trial stands before those that it dominates, and of those on one front before those that
    are more like the others.
    """
    numbers = sorted(field)
    if not numbers:
        return []
    losses = np.array([_losses(field[number], ways) for number in numbers])
    if len(ways) == 1:
        return [numbers[place] for place in np.argsort(losses[:, 0], kind="stable")]
    fronts = _fast_non_domination_rank(losses)
    spread = _spread(losses, fronts)
    return [numbers[place] for place in np.lexsort((np.arange(len(numbers)), -spread, fronts))]


def _losses(values: Values, ways: Sequence[Direction]) -> list[float]:
    return [loss(value, way) for value, way in zip(values, ways, strict=True)]


def loss(value: float, way: Direction) -> float:
    """A value of which a smaller one is better; NaN is the worst there is."""
    return math.inf if math.isnan(value) else value if way == "minimize" else -value


def _spread(losses: np.ndarray, fronts: np.ndarray) -> np.ndarray:
    """How far each is from its neighbours on its front (the crowding distance of Deb et al. 2002)."""
    spread = np.zeros(len(losses))
    finite = np.clip(losses, -1e300, 1e300)
    for front in np.unique(fronts):
        members = np.flatnonzero(fronts == front)
        for column in range(losses.shape[1]):
            ranked = members[np.argsort(finite[members, column], kind="stable")]
            values = finite[ranked, column]
            width = values[-1] / 2 - values[0] / 2
            spread[ranked[[0, -1]]] = np.inf
            if width > 0:
                spread[ranked[1:-1]] += (values[2:] / 2 - values[:-2] / 2) / width
    return spread
