"""The cube: points of any space go into it and come back, and what lies between two points becomes one of them."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from service.domain.space import check
from service.search.distributions import Layout
from service.search.pool.cube import ABSENT, Cube
from service.wire.message import Scalar
from service.wire.space import AnyParameter, CategoricalParameter, FloatParameter, IntParameter, OrdinalParameter
from tests.conftest import SEED
from tests.unit.service.search.spaces import read, spaces

MIXED: Mapping[str, Any] = {
    "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "share": {"type": "float", "low": -1.0, "high": 3.0},
    "stepped": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.4},
    "layers": {"type": "int", "low": 1, "high": 10, "step": 4},
    "width": {"type": "int", "low": 8, "high": 512, "log": True},
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
    "name": {"type": "categorical", "choices": ["sgd", True, 1, None]},
    "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"name": ["sgd"]}},
}


def cube(space: Mapping[str, Any]) -> Cube:
    return Cube(Layout(read(space)))


@pytest.mark.parametrize(
    ("name", "at", "unit"),
    [
        ("rate", 1e-5, 0.0),
        ("rate", 1e-3, 0.5),
        ("rate", 0.1, 1.0),
        ("share", 0.0, 0.25),
        ("stepped", 0.8, 0.8),
        ("layers", 5, 4 / 9),
        ("layers", 9, 8 / 9),
        ("width", 64, 0.5),
        ("batch", 16, 0.0),
        ("batch", 32, 0.5),
        ("batch", 64, 1.0),
        ("name", "sgd", 1 / 8),
        ("name", True, 3 / 8),
        ("name", 1, 5 / 8),
        ("name", None, 7 / 8),
    ],
)
def test_where_values_lie(name: str, at: Scalar, unit: float) -> None:
    made = cube(MIXED)
    place = made.place({name: at})
    assert place[made.names.index(name)] == pytest.approx(unit)
    assert all(one == ABSENT for other, one in zip(made.names, place, strict=True) if other != name)


def test_a_range_of_one_value_lies_in_the_middle() -> None:
    # The wire refuses all but the first of these; what was laid out by other means may have them all the same.
    space: dict[str, AnyParameter] = {
        "c": CategoricalParameter(type="categorical", choices=("only",)),
        "n": IntParameter.model_construct(type="int", low=3, high=3),
        "f": FloatParameter.model_construct(type="float", low=0.5, high=0.5),
        "g": FloatParameter.model_construct(type="float", low=2.0, high=2.0, log=True),
        "o": OrdinalParameter.model_construct(type="ordinal", values=(7,)),
        "one": IntParameter.model_construct(type="int", low=3, high=5, step=9),
    }
    made = Cube(Layout(space))
    only: dict[str, Scalar] = {"c": "only", "n": 3, "f": 0.5, "g": 2.0, "o": 7, "one": 3}
    assert list(made.place(only))[:5] == [ABSENT] * 5
    for place in made.valid(np.array([[0.0] * 6, [1.0] * 6, [0.3] * 6])):
        assert made.point(place) == only
        assert list(place)[4:] == list(made.place(only))[4:]


def same(one: Mapping[str, Scalar], other: Mapping[str, Scalar]) -> bool:
    """Whether two points are the same but for the rounding of floats; True, 1 and 1.0 are three values."""
    return one.keys() == other.keys() and all(
        type(value) is type(other[name])
        and (
            value == pytest.approx(other[name], rel=1e-9, abs=1e-12)
            if isinstance(value, float)
            else value == other[name]
        )
        for name, value in one.items()
    )


def test_every_point_comes_back_from_its_place() -> None:
    made = cube(MIXED)
    values: list[list[Any]] = [
        [1e-5, 3.3e-4, 0.1],
        [-1.0, 0.123, 3.0],
        [0.0, 0.4, 0.8],
        [1, 5, 9],
        [8, 9, 10, 100, 511, 512],
        [16, 32, 64],
        ["sgd", True, 1, None],
    ]
    for chosen in itertools.product(*values):
        point = dict(zip(made.names, chosen, strict=False))
        if point["name"] == "sgd":
            point["momentum"] = 0.25
        assert same(made.point(made.place(point)), point)


def test_what_is_valid_lies_on_steps_and_choices() -> None:
    made = cube({name: MIXED[name] for name in ("stepped", "layers", "batch", "name")})
    found = made.valid(np.array([[0.59, 0.2, 0.3, 0.3], [0.61, 0.7, 0.74, 0.5], [1.0, 1.0, 1.0, 1.0]]))
    assert found == pytest.approx(
        np.array([[0.4, 0.0, 0.5, 3 / 8], [0.8, 8 / 9, 0.5, 5 / 8], [0.8, 8 / 9, 1.0, 7 / 8]])
    )


def test_models_see_choices_without_order_as_far_from_each_other_as_the_ends_of_a_range() -> None:
    made = cube({name: MIXED[name] for name in ("share", "name")})
    assert made.width == 5
    places = np.array([made.place({"share": 0.0, "name": name}) for name in ("sgd", True, 1, None)])
    features = made.features(places)
    assert features.shape == (4, 5)
    for one, other in itertools.combinations(features, 2):
        assert np.linalg.norm(one - other) == pytest.approx(1.0)
    ends = made.features(np.array([made.place({"share": share, "name": 1}) for share in (-1.0, 3.0)]))
    assert np.linalg.norm(ends[0] - ends[1]) == pytest.approx(1.0)
    assert made.distances(places, places[0]) == pytest.approx([0.0, 1.0, 1.0, 1.0])


def test_what_takes_no_part_makes_no_difference() -> None:
    made = cube(MIXED)
    places = np.full((2, len(made.names)), 0.6)
    places[:, made.names.index("momentum")] = [0.1, 0.9]
    first, second = made.valid(places)
    assert list(first) == list(second)
    assert "momentum" not in made.point(first)


def test_a_space_without_anything_to_search_has_no_width() -> None:
    made = cube({"x": {"type": "constant", "value": 3}, "n": {"type": "int", "low": 1, "high": 2}})
    assert (made.names, made.width) == (("n",), 1)


@seed(SEED)
@settings(max_examples=150, deadline=None, database=None)
@given(spaces(), st.lists(st.floats(0, 1), min_size=20, max_size=20))
def test_in_any_space_each_place_has_a_valid_point_and_each_point_a_place(space: Any, numbers: list[float]) -> None:
    made = cube(space)
    width = len(made.names)
    places = made.valid(np.array(numbers)[: 4 * width].reshape(-1, width) if width <= 5 else np.zeros((1, width)))
    assert np.isfinite(places).all()
    assert ((places >= -1e-9) & (places <= 1 + 1e-9)).all()
    again = made.valid(places)
    for place, twice in zip(places, again, strict=True):
        point = made.point(place)
        checked, errors = check(read(space), point)
        assert errors == []
        assert dict(checked) == point
        assert np.allclose(made.place(point), place, atol=1e-7), (space, point)
        assert np.allclose(place, twice, atol=1e-7)
    assert made.features(places).shape == (len(places), made.width)
