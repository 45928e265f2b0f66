"""How a learning curve becomes the value of a trial, and which of two values is better."""

import math
import statistics
from collections.abc import Mapping, Sequence

from service.domain.trial import Point
from service.wire.objective import Direction, Objective


def better(value: float, than: float, direction: Direction) -> bool:
    """Whether a value beats another one; NaN beats nothing and is beaten by any number."""
    if math.isnan(value) or math.isnan(than):
        return math.isnan(than) and not math.isnan(value)
    return value < than if direction == "minimize" else value > than


def read(objective: Objective, points: Sequence[Point]) -> float | None:
    """The value of an objective, read from the points in the order of their steps; None if none has the metric."""
    curve = [point.metrics[objective.metric] for point in points if objective.metric in point.metrics]
    if not curve:
        return None
    if objective.value == "last":
        return curve[-1]
    if objective.value == "mean_last":
        tail = curve[-objective.last_k :]
        # Exact: a sum of large numbers would overflow where their mean does not.
        return statistics.mean(tail)
    finite = [value for value in curve if not math.isnan(value)]
    if not finite:
        return math.nan
    return min(finite) if objective.direction == "minimize" else max(finite)


def values(objectives: Sequence[Objective], points: Sequence[Point]) -> tuple[Mapping[str, float], list[str]]:
    """All objectives' values from one curve, and the metrics that it does not hold."""
    live = [point for point in points if not point.superseded]
    found = {objective.metric: read(objective, live) for objective in objectives}
    return (
        {metric: value for metric, value in found.items() if value is not None},
        [metric for metric, value in found.items() if value is None],
    )
