"""How a curve becomes a value."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.curve import better, read, values
from service.domain.trial import AttemptKey, Point
from service.wire.objective import Objective

NAN, INF = math.nan, math.inf


def points(*curve: Any, metric: str = "loss") -> list[Point]:
    """Points with these values; where there is none, the point holds another metric."""
    return [
        Point(key=AttemptKey(1, 0, 1), seq=seq, step=seq, metrics={"other": 1.0} if value is None else {metric: value})
        for seq, value in enumerate(curve, start=1)
    ]


def objective(**fields: Any) -> Objective:
    return Objective.model_validate({"metric": "loss", **fields})


@pytest.mark.parametrize(
    ("fields", "curve", "value"),
    [
        ({}, [3, 1, 2], 2),
        ({}, [3, 1, None], 1),
        ({}, [3, NAN], NAN),
        ({}, [3, INF], INF),
        ({"value": "best"}, [3, 1, 2], 1),
        ({"value": "best", "direction": "maximize"}, [1, 3, 2], 3),
        ({"value": "best"}, [NAN, 3, NAN, 2], 2),
        ({"value": "best"}, [NAN, NAN], NAN),
        ({"value": "best"}, [3, -INF, 2], -INF),
        ({"value": "best", "direction": "maximize"}, [INF, 3], INF),
        ({"value": "mean_last", "last_k": 2}, [9, 1, 2], 1.5),
        ({"value": "mean_last", "last_k": 5}, [1, 2, 3], 2),
        ({"value": "mean_last", "last_k": 2}, [1, None, 3], 2),
        ({"value": "mean_last", "last_k": 1}, [1, 2], 2),
        ({"value": "mean_last", "last_k": 2}, [1, NAN, 3], NAN),
        ({"value": "mean_last", "last_k": 2}, [1, INF], INF),
        ({"value": "mean_last", "last_k": 2}, [INF, -INF], NAN),
        ({"value": "mean_last", "last_k": 3}, [0.1, 0.1, 0.1], 0.1),
        ({"value": "mean_last", "last_k": 2}, [1.7e308, 1.7e308], 1.7e308),
    ],
)
def test_what_is_read_from_a_curve(fields: dict[str, Any], curve: list[Any], value: float) -> None:
    found = read(objective(**fields), points(*curve))
    assert str(found) == str(float(value)) or found == value


@pytest.mark.parametrize("reading", ["last", "best", "mean_last"])
def test_a_curve_that_does_not_hold_the_metric(reading: str) -> None:
    assert read(objective(value=reading), []) is None
    assert read(objective(value=reading), points(None, None)) is None


def test_values_of_all_objectives_and_what_is_missing() -> None:
    objectives = [objective(), objective(metric="other"), objective(metric="absent")]
    found, missing = values(objectives, points(3, None, 2))
    assert found == {"loss": 2, "other": 1.0}
    assert missing == ["absent"]
    assert values(objectives, []) == ({}, ["loss", "other", "absent"])


def test_superseded_points_do_not_count() -> None:
    old = Point(key=AttemptKey(1, 0, 1), seq=9, step=9, metrics={"loss": 0.0}, superseded=True)
    found, _ = values([objective(value="best")], [*points(3, 2), old])
    assert found == {"loss": 2}


@pytest.mark.parametrize(
    ("value", "than", "smaller", "larger"),
    [
        (1, 2, True, False),
        (2, 1, False, True),
        (1, 1, False, False),
        (0.0, -0.0, False, False),
        (-INF, 1, True, False),
        (INF, 1, False, True),
        (NAN, 1, False, False),
        (1, NAN, True, True),
        (INF, NAN, True, True),
        (NAN, NAN, False, False),
    ],
)
def test_which_value_is_better(value: float, than: float, smaller: bool, larger: bool) -> None:
    assert better(value, than, "minimize") is smaller
    assert better(value, than, "maximize") is larger


@given(st.lists(st.floats(), min_size=1), st.sampled_from(["minimize", "maximize"]))
def test_nothing_on_a_curve_is_better_than_its_best(curve: list[float], direction: Any) -> None:
    best = read(objective(value="best", direction=direction), points(*curve))
    assert best is not None
    assert not any(better(value, best, direction) for value in curve)


@given(st.lists(st.floats(), min_size=1), st.integers(1, 10))
def test_a_mean_lies_between_what_it_is_of(curve: list[float], count: int) -> None:
    tail = curve[-count:]
    mean = read(objective(value="mean_last", last_k=count), points(*curve))
    assert mean is not None
    if all(map(math.isfinite, tail)):
        assert min(tail) <= mean <= max(tail)
