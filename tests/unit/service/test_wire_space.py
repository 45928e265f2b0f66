"""Parameters: what each kind takes and refuses, each by itself."""

import math
import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.wire.space import AnyParameter, Range, Space, identity, same
from tests.unit.service.refusals import said

NO_LOG = "a logarithm has no value there"
NO_STEPS = "cannot be used with log: a logarithmic range has no even steps"
TOO_FAR = "their difference is no number any more"
SCALAR = "must be text, a number, true, false or null"
KINDS = "must be of type 'float', 'int', 'categorical', 'ordinal', 'constant', 'derived'"


def parameter(**fields: Any) -> Any:
    return TypeAdapter(AnyParameter).validate_python(fields)


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"low": 0.1, "high": 0.01}, ["high: must be greater than low (0.1)"]),
        ({"low": 0.1, "high": 0.1}, ["high: must be greater than low (0.1)"]),
        ({"low": 0, "high": 1, "log": True}, [f"log: needs low greater than 0 (is 0.0): {NO_LOG}"]),
        ({"low": -1, "high": 1, "log": True}, [f"log: needs low greater than 0 (is -1.0): {NO_LOG}"]),
        ({"low": math.nan, "high": 1}, ["low: must be a finite number"]),
        ({"low": 0, "high": math.inf}, ["high: must be a finite number"]),
        ({"low": "x", "high": 1}, ["low: must be a number"]),
        ({"low": -1.7e308, "high": 1.7e308}, [f"high: is too far from low (-1.7e+308): {TOO_FAR}"]),
        ({"high": 1}, ["low: is missing"]),
        ({"low": 0}, ["high: is missing"]),
        ({}, ["low: is missing", "high: is missing"]),
        ({"low": 0, "high": 1, "step": 0}, ["step: must be greater than 0"]),
        ({"low": 0, "high": 1, "step": -1}, ["step: must be greater than 0"]),
        ({"low": 0, "high": 1, "step": 2}, ["step: must not be greater than high - low (1.0)"]),
        ({"low": 0.1, "high": 1, "step": 0.1, "log": True}, [f"step: {NO_STEPS}"]),
        ({"low": 0, "high": 1, "hgih": 2}, ["hgih: is not a known field"]),
        ({"low": 0, "high": 1, "choices": [1]}, ["choices: is not a known field"]),
        ({"low": None, "high": []}, ["low: must be a number", "high: must be a number"]),
    ],
)
def test_floats_that_are_refused(given: dict[str, Any], errors: list[str]) -> None:
    assert said(AnyParameter, {"type": "float", **given}) == errors


@pytest.mark.parametrize(
    "given",
    [
        {"low": 0, "high": 1},
        {"low": 5e-324, "high": 1.7e308, "log": True},
        {"low": -1, "high": 1, "step": 0.25},
        {"low": 0, "high": 1, "step": 1},
        {"low": "1e-5", "high": "0.1"},
    ],
)
def test_floats_that_are_taken(given: dict[str, Any]) -> None:
    found = parameter(type="float", **given)
    assert (found.low, found.high) == (float(given["low"]), float(given["high"]))


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"low": 5, "high": 5}, ["high: must be greater than low (5)"]),
        ({"low": 0, "high": 5, "log": True}, [f"log: needs low of at least 1 (is 0): {NO_LOG}"]),
        ({"low": 1.5, "high": 3}, ["low: must be a whole number"]),
        ({"low": 1, "high": "many"}, ["high: must be a whole number"]),
        ({"low": 1, "high": 2**53 + 1}, ["high: must be at most 9007199254740992"]),
        ({"low": 1, "high": 10**400}, ["high: must be at most 9007199254740992"]),
        ({"low": 1, "high": 9, "step": 0}, ["step: must be at least 1"]),
        ({"low": 1, "high": 9, "step": 9}, ["step: must not be greater than high - low (8)"]),
        ({"low": 1, "high": 9, "step": 2, "log": True}, [f"step: {NO_STEPS}"]),
        ({"low": 1, "high": math.nan}, ["high: must be a finite number"]),
    ],
)
def test_ints_that_are_refused(given: dict[str, Any], errors: list[str]) -> None:
    assert said(AnyParameter, {"type": "int", **given}) == errors


def test_ints_that_are_taken() -> None:
    assert parameter(type="int", low=1.0, high=8).low == 1
    assert parameter(type="int", low=-(2**53), high=2**53).step == 1
    assert parameter(type="int", low=1, high=8, log=True).log
    assert parameter(type="int", low=1, high=10, step=4).step == 4


@pytest.mark.parametrize(
    ("choices", "errors"),
    [
        ([], ["choices: must hold at least 1 value(s)"]),
        (None, ["choices: must be a list"]),
        ("abc", ["choices: must be a list"]),
        ([1, "1", 1.0], ["choices: holds 1.0 twice"]),
        ([None, None], ["choices: holds None twice"]),
        ([True, False, True], ["choices: holds True twice"]),
        ([math.nan], ["choices: must not be NaN or infinite"]),
        ([1, [2], {}], [f"choices[1]: {SCALAR}", f"choices[2]: {SCALAR}"]),
        (list(range(1001)), ["choices: must have at most 1000 items"]),
        (["x" * 1001], ["choices: must not hold text of more than 1000 characters"]),
        (["x" * 1000, "x" * 1000], [f"choices: holds '{'x' * 79}… twice"]),
        (["a\0"], ["choices[0]: must not hold the character NUL or halves of characters"]),
        ([10**400], ["choices[0]: must not be or hold a whole number of more than 64 bits"]),
    ],
)
def test_choices_that_are_refused(choices: Any, errors: list[str]) -> None:
    assert said(AnyParameter, {"type": "categorical", "choices": choices}) == errors


def test_choices_keep_their_kind() -> None:
    choices = parameter(type="categorical", choices=[1, True, "1", 2.0, None, False, 0, ""]).choices
    assert [repr(choice) for choice in choices] == ["1", "True", "'1'", "2.0", "None", "False", "0", "''"]


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([16], ["values: must hold at least 2 value(s)"]),
        ([], ["values: must hold at least 2 value(s)"]),
        ([16, 64, 32], ["values: must rise or fall from one value to the next"]),
        ([16, 16], ["values: holds 16 twice"]),
        ([1, None], ["values[1]: must not be null, which has no place in an order"]),
        ([1, math.inf], ["values: must not be NaN or infinite"]),
    ],
)
def test_ordinals_that_are_refused(values: Any, errors: list[str]) -> None:
    assert said(AnyParameter, {"type": "ordinal", "values": values}) == errors


@pytest.mark.parametrize("values", [[16, 32, 64], [0.1, 0.01], ["small", "large", "huge"], [1, "many"], [False, True]])
def test_ordinals_that_are_taken(values: Any) -> None:
    assert parameter(type="ordinal", values=values).values == tuple(values)


def test_constants() -> None:
    for value in (1, 1.5, True, None, "x"):
        assert parameter(type="constant", value=value).value is value
    assert said(AnyParameter, {"type": "constant", "value": math.nan}) == ["value: must not be NaN or infinite"]
    assert said(AnyParameter, {"type": "constant"}) == ["value: is missing"]
    assert said(AnyParameter, {"type": "constant", "value": [1]}) == [f"value: {SCALAR}"]


def test_derived() -> None:
    assert parameter(type="derived", expression="lr * 2").expression == "lr * 2"
    assert said(AnyParameter, {"type": "derived", "expression": "lr +"}) == [
        "expression: ends where a value is expected"
    ]
    assert said(AnyParameter, {"type": "derived", "expression": ""}) == ["expression: must not be empty"]
    assert said(AnyParameter, {"type": "derived", "expression": "{lr}"}) == [
        "expression: cannot be read at character 1"
    ]
    assert said(AnyParameter, {"type": "derived", "expression": "1+" * 300}) == [
        "expression: must have at most 500 characters"
    ]


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"type": "flaot"}, [f"{KINDS}, not 'flaot'"]),
        ({"low": 0, "high": 1}, ["needs a 'type'"]),
        ({"type": None}, [f"{KINDS}, not 'None'"]),
        (5, ["must be a mapping"]),
        ([], ["must be a mapping"]),
        (None, ["must be a mapping"]),
    ],
)
def test_kinds_that_there_are_not(given: Any, errors: list[str]) -> None:
    assert said(AnyParameter, given) == errors


@pytest.mark.parametrize(
    ("when", "errors"),
    [
        ({}, ["when: must have at least 1 item(s)"]),
        ("a", ["when: must be a mapping"]),
        ({"a": []}, ["when.a: must have 1 to 1000 values"]),
        ({"a": {}}, ["when.a: must have 'min', 'max' or both"]),
        ({"a": {"min": 2, "max": 1}}, ["when.a: min must not be greater than max"]),
        ({"a": {"min": math.nan}}, ["when.a.min: must be a finite number"]),
        ({"a": {"least": 1}}, ["when.a.least: is not a known field"]),
        ({"a": {"min": "x"}}, ["when.a.min: must be a number"]),
        ({"a": [["x"]]}, [f"when.a[0]: {SCALAR}"]),
        ({"1": "x"}, ["when.1: must begin with a letter and hold at most 100 letters, digits and _ . - /"]),
        ({f"p{n}": 1 for n in range(17)}, ["when: must have at most 16 items"]),
    ],
)
def test_conditions_that_are_refused(when: Any, errors: list[str]) -> None:
    assert said(AnyParameter, {"type": "float", "low": 0, "high": 1, "when": when}) == errors


def test_conditions_that_are_taken() -> None:
    when = parameter(
        type="float", low=0, high=1, when={"a": "x", "b": [1, None], "c": {"min": 1}, "d": None, "e": True}
    ).when
    assert when == {"a": "x", "b": [1, None], "c": Range(min=1), "d": None, "e": True}


def test_names_of_parameters() -> None:
    one = {"type": "float", "low": 0, "high": 1}
    assert said(Space, {"x" * 10_000: one}) == [
        f"{'x' * 100}…: must begin with a letter and hold at most 100 letters, digits and _ . - /"
    ]
    assert said(Space, {f"p{n}": one for n in range(201)}) == ["must have at most 200 items"]


def test_which_values_are_the_same() -> None:
    assert same(1, 1.0)
    assert same("a", "a")
    assert same(None, None)
    assert not same(1, True)
    assert not same(0, False)
    assert not same("1", 1)
    assert not same(None, 0)
    assert len({identity(value) for value in (1, 1.0, True, "1", None, 0, False, "")}) == 7


def test_a_large_space_is_read_quickly() -> None:
    choices = [f"choice {n}" for n in range(1000)]
    space = {f"p{n}": {"type": "categorical", "choices": choices} for n in range(200)}
    began = time.perf_counter()
    assert said(Space, space) == []
    assert time.perf_counter() - began < 5
