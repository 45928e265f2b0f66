"""Values in Optuna's form and in ours, and that whatever a sampler suggests is a point of the space."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.space import check
from service.search.distributions import Layout
from service.search.engine import OptunaEngine
from service.wire.relations import order
from tests.conformance.engine.drivers import MemoryDriver
from tests.conformance.engine.play import loss
from tests.unit.service.search.spaces import definition, read, spaces

SAMPLERS: list[Any] = [
    {"type": "random"},
    {"type": "tpe", "startup_trials": 3},
    {"type": "tpe", "startup_trials": 3, "group": True},
    {"type": "cmaes", "population_size": 3},
    {"type": "qmc"},
    {"type": "nsga2", "population_size": 2},
    {"type": "auto"},
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(space=spaces(), sampler=st.sampled_from(SAMPLERS))
def test_every_suggestion_is_a_point_of_the_space(space: Mapping[str, Any], sampler: Any) -> None:
    driver = MemoryDriver(definition(space, sampler=sampler), [OptunaEngine()])
    for _ in range(8):
        if driver.exhausted:
            break
        # The driver checks each suggestion as the server checks what people give.
        number, params = driver.ask()
        driver.report(number, 1, loss(params))
        driver.end(number, "completed", [loss(params)])
    assert not [note for note in driver.notes.values() if "failed" in note]


@settings(max_examples=60, deadline=None)
@given(space=spaces(discrete=True))
def test_each_candidate_of_a_discrete_space_is_a_value_of_ours_and_comes_back(space: Mapping[str, Any]) -> None:
    for dimension in Layout(read(space)).dimensions.values():
        candidates = list(dimension.candidates())
        assert len(candidates) == dimension.count()
        places = [dimension.place(dimension.outward(candidate)) for candidate in candidates]
        assert len(set(places)) == len(places)
        for candidate in candidates:
            value = dimension.outward(candidate)
            _, errors = check(
                {dimension.name: dimension.parameter.model_copy(update={"when": None})}, {dimension.name: value}
            )
            assert errors == []
            assert dimension.outward(dimension.inward(value)) == value


def test_one_and_true_stay_two_values() -> None:
    dimension = Layout(read({"x": {"type": "categorical", "choices": [1, True, "1", None]}})).dimensions["x"]
    for value in (1, True, "1", None):
        back = dimension.outward(dimension.inward(value))
        assert back == value
        assert type(back) is type(value)


def test_what_does_not_lie_on_a_step_is_brought_to_the_next() -> None:
    space = read(
        {
            "x": {"type": "float", "low": 0.1, "high": 0.75, "step": 0.1},
            "n": {"type": "int", "low": 1, "high": 9, "step": 4},
        }
    )
    layout = Layout(space)
    assert [layout.dimensions["x"].outward(value) for value in (0.0, 0.26, 0.7000001, 2.0)] == [0.1, 0.3, 0.7, 0.7]
    assert [layout.dimensions["n"].outward(value) for value in (0, 5, 9, 12)] == [1, 5, 9, 9]


def test_the_walk_goes_as_conditions_do() -> None:
    space = read(
        {
            "b": {"type": "int", "low": 1, "high": 3, "when": {"twice": {"min": 3}}},
            "twice": {"type": "derived", "expression": "a * 2"},
            "a": {"type": "int", "low": 1, "high": 3},
            "always": {"type": "constant", "value": "yes"},
            "c": {"type": "int", "low": 1, "high": 3, "when": {"always": "yes", "b": 2}},
        }
    )
    layout = Layout(space)
    drawn: list[str] = []

    def draw(values: Mapping[str, int]) -> Mapping[str, Any]:
        drawn.clear()
        return layout.walk(lambda dimension: drawn.append(dimension.name) or values[dimension.name])  # type: ignore[func-returns-value]

    assert draw({"a": 1}) == {"a": 1}
    assert draw({"a": 2, "b": 1}) == {"b": 1, "a": 2}
    assert draw({"a": 2, "b": 2, "c": 3}) == {"b": 2, "a": 2, "c": 3}
    assert drawn == [name for name in order(space) if name in {"a", "b", "c"}]


def test_a_value_that_the_space_does_not_have_is_left_out() -> None:
    layout = Layout(
        read({"x": {"type": "categorical", "choices": ["a", "b"]}, "y": {"type": "int", "low": 0, "high": 1}})
    )
    assert layout.inward({"x": "gone", "y": 1, "z": 3}) == {"y": 1}


@pytest.mark.parametrize(
    ("parameter", "shown"),
    [
        (
            {"type": "float", "low": 1e-3, "high": 1.0, "log": True},
            "FloatDistribution(high=1.0, log=True, low=0.001, step=None)",
        ),
        (
            {"type": "float", "low": 0.0, "high": 0.75, "step": 0.1},
            "FloatDistribution(high=0.7, log=False, low=0.0, step=0.1)",
        ),
        ({"type": "int", "low": 1, "high": 8, "step": 3}, "IntDistribution(high=7, log=False, low=1, step=3)"),
        ({"type": "ordinal", "values": [16, 32, 64]}, "IntDistribution(high=2, log=False, low=0, step=1)"),
        ({"type": "categorical", "choices": ["a", "b"]}, "CategoricalDistribution(choices=(0, 1))"),
    ],
)
def test_each_kind_has_its_distribution(parameter: Mapping[str, Any], shown: str) -> None:
    assert str(Layout(read({"x": parameter})).dimensions["x"].distribution) == shown
