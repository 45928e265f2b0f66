"""Points of discrete spaces: as many as are counted, each once, and which are left."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings

from service.domain.space import check
from service.search.distributions import Layout
from service.search.points import MOST_COUNTED, Tried, discrete, place, points, size
from tests.unit.service.search.spaces import read, spaces


@settings(max_examples=60, deadline=None)
@given(space=spaces(discrete=True, most=4))
def test_there_are_as_many_points_as_are_counted(space: Mapping[str, Any]) -> None:
    layout = Layout(read(space))
    listed = list(points(layout))
    assert size(layout) == len(listed)
    assert len({place(layout, params) for params in listed}) == len(listed)
    for params in listed[:20]:
        assert check(layout.space, params) == (params, [])


def test_a_continuous_range_has_no_end_of_points() -> None:
    layout = Layout(read({"x": {"type": "float", "low": 0, "high": 1}, "n": {"type": "int", "low": 0, "high": 1}}))
    assert not discrete(layout)
    assert size(layout) is None


def test_too_many_points_are_not_counted() -> None:
    wide = {"type": "int", "low": 1, "high": 1001}
    assert size(Layout(read({"a": wide, "b": {"type": "int", "low": 0, "high": 2}}))) == 1001 * 3
    assert size(Layout(read({"a": wide, "b": wide}))) is None
    assert MOST_COUNTED < 1001 * 1001
    branching = {"a": wide, "b": wide, "c": {**wide, "when": {"a": 1, "b": 1}}}
    assert size(Layout(read(branching))) is None


def test_conditions_on_what_is_derived_are_counted() -> None:
    space = read(
        {
            "a": {"type": "int", "low": 1, "high": 4},
            "twice": {"type": "derived", "expression": "a * 2"},
            "b": {"type": "int", "low": 1, "high": 10, "when": {"twice": {"min": 7}}},
        }
    )
    assert size(Layout(space)) == 3 + 10


def test_points_that_are_almost_the_same_are_the_same() -> None:
    layout = Layout(read({"x": {"type": "float", "low": 0, "high": 1, "step": 0.1}}))
    assert place(layout, {"x": 0.3}) == place(layout, {"x": 0.1 + 0.2})
    assert place(layout, {"x": 0.3}) != place(layout, {"x": 0.4})


def test_what_is_no_point_of_the_space_has_no_place() -> None:
    layout = Layout(read({"x": {"type": "categorical", "choices": ["a", "b"]}}))
    assert place(layout, {"x": "gone"}) is None
    assert place(layout, {"x": "b", "more": 1}) == (("x", 1),)


def test_points_are_tried_as_long_as_a_trial_is_there() -> None:
    tried = Tried()
    here, there = (("x", 1),), (("x", 2),)
    tried.put(0, here)
    tried.put(1, here)
    tried.put(2, there)
    assert tried.besides(9) == {here, there}
    assert tried.besides(1) == {here, there}
    assert tried.besides(2) == {here}
    tried.put(1, None)
    assert tried.besides(0) == {there}
    tried.put(0, there)
    assert tried.besides(9) == {there}
