"""Points of a space: what takes part, what is in range, and what the trainer is given."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.domain.space import check, fit, holds, resolve, takes_part
from service.wire.space import AnyParameter, Range
from service.wire.study import CheckedSpace

DEFINED: dict[str, Any] = {
    "scaled": {"type": "derived", "expression": "lr * batch / base"},
    "lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
    "base": {"type": "constant", "value": 32},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw", None, 1, True]},
    "momentum": {"type": "float", "low": 0, "high": 0.9, "step": 0.3, "when": {"optimizer": "sgd"}},
    "nesterov": {"type": "categorical", "choices": [True, False], "when": {"momentum": {"min": 0.5}}},
    "layers": {"type": "int", "low": 1, "high": 9, "step": 4},
    "warmup": {"type": "constant", "value": "yes", "when": {"layers": [5, 9]}},
}
SPACE = TypeAdapter(CheckedSpace).validate_python(DEFINED)
CHOICES = "must be one of 'sgd', 'adamw', None, 1, True"
POINT: dict[str, Any] = {"lr": 0.01, "batch": 32, "optimizer": "adamw", "layers": 1}


def parameter(**fields: Any) -> Any:
    return TypeAdapter(AnyParameter).validate_python(fields)


def checked(**changes: Any) -> tuple[dict[str, Any], list[str]]:
    point, errors = check(SPACE, {**POINT, **changes})
    return point, [str(error) for error in errors]


@pytest.mark.parametrize(
    ("changes", "point"),
    [
        ({}, POINT),
        ({"lr": 0.001}, {**POINT, "lr": 0.001}),
        ({"lr": 0.1}, {**POINT, "lr": 0.1}),
        ({"batch": 32.0, "layers": 5.0}, {**POINT, "batch": 32, "layers": 5}),
        ({"optimizer": None}, {**POINT, "optimizer": None}),
        ({"optimizer": 1.0}, {**POINT, "optimizer": 1}),
        ({"optimizer": True}, {**POINT, "optimizer": True}),
        ({"optimizer": "sgd", "momentum": 0.3}, {**POINT, "optimizer": "sgd", "momentum": 0.3}),
        # The third step from 0 is 0.8999999999999999: as near as one can count.
        (
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
            {**POINT, "optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        ),
        # What takes no part may be given as nothing.
        ({"momentum": None, "nesterov": None}, POINT),
    ],
)
def test_points_that_are_taken(changes: dict[str, Any], point: dict[str, Any]) -> None:
    found, errors = checked(**changes)
    assert errors == []
    assert found == point
    assert list(map(type, found.values())) == [type(point[name]) for name in found]
    assert list(found) == [name for name in DEFINED if name in point]


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"lr": 0.2}, ["params.lr: must lie between 0.001 and 0.1 (is 0.2)"]),
        ({"lr": 0}, ["params.lr: must lie between 0.001 and 0.1 (is 0)"]),
        ({"lr": math.nan}, ["params.lr: must be a finite number (is nan)"]),
        ({"lr": math.inf}, ["params.lr: must be a finite number (is inf)"]),
        ({"lr": "0.01"}, ["params.lr: must be a finite number (is '0.01')"]),
        ({"lr": True}, ["params.lr: must be a finite number (is True)"]),
        ({"lr": None}, ["params.lr: must be a finite number (is None)"]),
        ({"lr": 2**63}, ["params.lr: must lie between 0.001 and 0.1 (is 9223372036854775808)"]),
        ({"batch": 48}, ["params.batch: must be one of 16, 32, 64 (is 48)"]),
        ({"batch": "32"}, ["params.batch: must be one of 16, 32, 64 (is '32')"]),
        ({"optimizer": False}, [f"params.optimizer: {CHOICES} (is False)"]),
        ({"optimizer": "x" * 500}, [f"params.optimizer: {CHOICES} (is '{'x' * 79}…)"]),
        ({"layers": 10}, ["params.layers: must lie between 1 and 9 (is 10)"]),
        ({"layers": 1.5}, ["params.layers: must be a whole number (is 1.5)"]),
        ({"layers": math.inf}, ["params.layers: must be a whole number (is inf)"]),
        ({"layers": math.nan}, ["params.layers: must be a whole number (is nan)"]),
        ({"layers": True}, ["params.layers: must be a whole number (is True)"]),
        ({"layers": 4}, ["params.layers: must lie on a step of 4 from 1 (is 4)"]),
        ({"optimizer": "sgd"}, ["params.momentum: is missing"]),
        ({"optimizer": "sgd", "momentum": 0.4}, ["params.momentum: must lie on a step of 0.3 from 0.0 (is 0.4)"]),
        ({"momentum": 0.3}, ["params.momentum: takes no part here: 'optimizer' is 'adamw'"]),
        ({"nesterov": True}, ["params.nesterov: takes no part here: 'momentum' takes no part"]),
        (
            {"optimizer": "sgd", "momentum": 0.3, "nesterov": True},
            ["params.nesterov: takes no part here: 'momentum' is 0.3"],
        ),
        ({"base": 32}, ["params.base: is constant and cannot be given"]),
        ({"scaled": 1}, ["params.scaled: is derived and cannot be given"]),
        ({"colour": 1}, ["params.colour: is not a parameter of this study"]),
        (
            {"colour": 1, "lr": 2, "batch": 3},
            [
                "params.colour: is not a parameter of this study",
                "params.lr: must lie between 0.001 and 0.1 (is 2)",
                "params.batch: must be one of 16, 32, 64 (is 3)",
            ],
        ),
    ],
)
def test_points_that_are_refused(changes: dict[str, Any], errors: list[str]) -> None:
    assert checked(**changes)[1] == errors


def test_everything_is_missing() -> None:
    assert [str(error) for error in check(SPACE, {})[1]] == [
        "params.lr: is missing",
        "params.batch: is missing",
        "params.optimizer: is missing",
        "params.layers: is missing",
    ]


@pytest.mark.parametrize(
    ("point", "given"),
    [
        (POINT, {"scaled": 0.01, **POINT, "base": 32}),
        ({**POINT, "layers": 5}, {"scaled": 0.01, **POINT, "layers": 5, "base": 32, "warmup": "yes"}),
        ({}, {"base": 32}),
    ],
)
def test_what_the_trainer_is_given(point: dict[str, Any], given: dict[str, Any]) -> None:
    found = resolve(SPACE, point)
    assert found == given
    assert list(found) == [name for name in DEFINED if name in given]


def test_a_derived_value_that_is_none_is_told_as_nan() -> None:
    space = TypeAdapter(CheckedSpace).validate_python(
        {
            "x": {"type": "int", "low": 0, "high": 9},
            "y": {"type": "derived", "expression": "1 / x"},
            "z": {"type": "derived", "expression": "y + 1"},
        }
    )
    assert resolve(space, {"x": 2}) == {"x": 2, "y": 0.5, "z": 1.5}
    assert str(resolve(space, {"x": 0})) == str({"x": 0, "y": math.nan, "z": math.nan})


def test_conditions_on_what_is_worked_out() -> None:
    space = TypeAdapter(CheckedSpace).validate_python(
        {
            "a": {"type": "float", "low": 0, "high": 1},
            "b": {"type": "float", "low": 0, "high": 1, "when": {"double": {"min": 1}}},
            "double": {"type": "derived", "expression": "a * 2"},
            "c": {"type": "derived", "expression": "b + 1"},
        }
    )
    assert [str(error) for error in check(space, {"a": 0.75})[1]] == ["params.b: is missing"]
    assert check(space, {"a": 0.25}) == ({"a": 0.25}, [])
    assert resolve(space, {"a": 0.25}) == {"a": 0.25, "double": 0.5}
    assert resolve(space, {"a": 0.75, "b": 0.5}) == {"a": 0.75, "b": 0.5, "double": 1.5, "c": 1.5}


@pytest.mark.parametrize(
    ("test", "value", "passes"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (None, None, True),
        ([1, "a"], "a", True),
        ([1, "a"], 1.0, True),
        ([1, "a"], True, False),
        ([], 1, False),
        (Range(min=1), 1, True),
        (Range(min=1), 0.5, False),
        (Range(max=1), 1, True),
        (Range(max=1), 2, False),
        (Range(min=1, max=2), 1.5, True),
        (Range(min=0), True, False),
        (Range(min=0), "5", False),
        (Range(min=0), None, False),
        (Range(min=0), math.nan, False),
    ],
)
def test_whether_a_condition_holds(test: Any, value: Any, passes: bool) -> None:
    assert holds(test, value) is passes


def test_all_conditions_must_hold_and_of_what_takes_no_part_none_does() -> None:
    one = parameter(type="float", low=0, high=1, when={"a": 1, "b": [2, 3]})
    assert takes_part(one, {"a": 1, "b": 3})
    assert not takes_part(one, {"a": 1, "b": 4})
    assert not takes_part(one, {"a": 1})
    assert takes_part(parameter(type="float", low=0, high=1), {})


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text(max_size=3))


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(DEFINED)), st.text(max_size=3)), SCALARS))
def test_any_point_is_taken_or_refused(params: dict[str, Any]) -> None:
    point, errors = check(SPACE, params)
    if not errors:
        # What was taken is taken again, and unchanged.
        assert check(SPACE, point) == (point, [])
        assert set(resolve(SPACE, point)) >= set(point)


@given(SCALARS)
def test_any_value_fits_or_is_refused(value: Any) -> None:
    for one in SPACE.values():
        found, wrong = fit(one, value)
        assert wrong is None or wrong
        if wrong is None:
            assert fit(one, found) == (found, None) or found != found
