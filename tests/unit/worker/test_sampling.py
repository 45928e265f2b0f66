"""A point of a space for a dry run."""

import pytest
from pydantic import TypeAdapter

from service.wire.space import Space
from worker.problems import WorkerProblem
from worker.sampling import point

SPACE = TypeAdapter(Space).validate_python(
    {
        "rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
        "share": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25},
        "layers": {"type": "int", "low": 1, "high": 9, "step": 4},
        "width": {"type": "int", "low": 16, "high": 1024, "log": True},
        "batch": {"type": "ordinal", "values": [16, 32, 64]},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
        "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"optimizer": "sgd"}},
        "beta": {"type": "float", "low": 0.0, "high": 1.0, "when": {"optimizer": ["adamw"]}},
        "deep": {"type": "int", "low": 1, "high": 3, "when": {"layers": {"min": 6}}},
        "scaled": {"type": "derived", "expression": "rate * batch"},
        "of_beta": {"type": "derived", "expression": "beta * 2"},
        "fixed": {"type": "constant", "value": "yes"},
    }
)


def test_the_middle() -> None:
    found = point(SPACE, {})
    assert found.pop("rate") == pytest.approx(1e-3)
    assert found.pop("scaled") == pytest.approx(0.032)
    assert found == {
        "share": 0.5,
        "layers": 5,
        "width": 128,
        "batch": 32,
        "optimizer": "sgd",
        "momentum": 0.5,
        "fixed": "yes",
    }


def test_what_is_given_stands_and_conditions_follow_it() -> None:
    found = point(SPACE, {"optimizer": "adamw", "layers": 9, "beta": 0.25})
    assert "momentum" not in found
    assert (found["beta"], found["of_beta"], found["deep"]) == (0.25, 0.5, 2)


def test_drawn_points_lie_in_the_space_and_hang_on_the_seed() -> None:
    points = [point(SPACE, {}, seed) for seed in range(200)]
    assert points[3] == point(SPACE, {}, 3)
    assert {one["layers"] for one in points} == {1, 5, 9}
    assert {one["share"] for one in points} == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {one["batch"] for one in points} == {16, 32, 64}
    assert all(16 <= float(one["width"]) <= 1024 for one in points)  # type: ignore[arg-type]
    assert all(("momentum" in one) == (one["optimizer"] == "sgd") for one in points)


def test_an_unknown_parameter() -> None:
    with pytest.raises(WorkerProblem, match="--param rte: the study has no such parameter"):
        point(SPACE, {"rte": 1.0})
