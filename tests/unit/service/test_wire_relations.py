"""What must hold between the parameters of a space."""

import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.wire.relations import order
from service.wire.space import Space
from service.wire.study import CheckedSpace
from tests.unit.service.refusals import said

FLOAT: dict[str, Any] = {"type": "float", "low": 0, "high": 1}
OPTIMIZER: dict[str, Any] = {"type": "categorical", "choices": ["sgd", "adamw", 1, None]}
CONSTANT: dict[str, Any] = {"type": "constant", "value": 2}


def only_if(**when: Any) -> dict[str, Any]:
    return {**FLOAT, "when": when}


def derived(expression: str, **fields: Any) -> dict[str, Any]:
    return {"type": "derived", "expression": expression, **fields}


@pytest.mark.parametrize(
    ("space", "errors"),
    [
        ({}, ["must have at least one parameter that is searched"]),
        ({"a": {"type": "constant", "value": 1}}, ["must have at least one parameter that is searched"]),
        ({"a": only_if(opt="sgd")}, ["a.when.opt: is not a parameter of this space"]),
        (
            {"optimizer": OPTIMIZER, "a": only_if(Optimizer="sgd")},
            ["a.when.Optimizer: is not a parameter of this space (did you mean 'optimizer'?)"],
        ),
        (
            {"optimizer": OPTIMIZER, "a": only_if(opt="sgd")},
            ["a.when.opt: is not a parameter of this space (did you mean 'optimizer'?)"],
        ),
        (
            {"o": OPTIMIZER, "a": only_if(o="adam")},
            ["a.when.o: 'adam' is not one of its values ('sgd', 'adamw', 1, None)"],
        ),
        (
            {"o": OPTIMIZER, "a": only_if(o=["sgd", "adam", True])},
            [
                "a.when.o: 'adam' is not one of its values ('sgd', 'adamw', 1, None)",
                "a.when.o: True is not one of its values ('sgd', 'adamw', 1, None)",
            ],
        ),
        (
            {"o": {"type": "categorical", "choices": ["a", "b"]}, "a": only_if(o={"min": 1})},
            ["a.when.o: a range needs a parameter that holds numbers"],
        ),
        ({"b": FLOAT, "a": only_if(b="x")}, ["a.when.b: 'x' can never be the value of a number"]),
        ({"b": FLOAT, "a": only_if(b=[0.5, None])}, ["a.when.b: None can never be the value of a number"]),
        ({"b": FLOAT, "a": only_if(b=True)}, ["a.when.b: True can never be the value of a number"]),
        ({"a": FLOAT, "d": derived("a * b")}, ["d.expression: 'b' is not a parameter of this space"]),
        (
            {"learning_rate": FLOAT, "d": derived("learning_rat * x")},
            [
                "d.expression: 'learning_rat' is not a parameter of this space (did you mean 'learning_rate'?)",
                "d.expression: 'x' is not a parameter of this space",
            ],
        ),
        (
            {"a": FLOAT, "c": {"type": "constant", "value": "x"}, "d": derived("a * c")},
            ["d.expression: 'c' has no value that is a number"],
        ),
        (
            {"o": {"type": "ordinal", "values": ["s", "l"]}, "d": derived("o * 2", when={"x": 1})},
            ["d.when.x: is not a parameter of this space", "d.expression: 'o' has no value that is a number"],
        ),
        ({"a": only_if(a=0.5)}, ["a.when: goes in a circle: a needs a"]),
        (
            {"a": only_if(b=0.5), "b": only_if(c=0.5), "c": only_if(a=0.5), "d": FLOAT},
            ["a.when: goes in a circle: a needs b needs c needs a"],
        ),
        ({"x": FLOAT, "a": derived("a + 1")}, ["a.expression: goes in a circle: a needs a"]),
        (
            {"x": FLOAT, "a": derived("b + 1"), "b": derived("a + x")},
            ["a.expression: goes in a circle: a needs b needs a"],
        ),
        ({"x": only_if(a={"min": 0}), "a": derived("x + 1")}, ["x.when: goes in a circle: x needs a needs x"]),
        # A circle is looked for once all else is right.
        ({"a": only_if(a=0.5), "b": only_if(z=1)}, ["b.when.z: is not a parameter of this space"]),
    ],
)
def test_spaces_that_do_not_fit_together(space: Any, errors: list[str]) -> None:
    assert said(CheckedSpace, space) == errors


@pytest.mark.parametrize(
    "space",
    [
        {"a": FLOAT},
        {"o": OPTIMIZER, "a": only_if(o="sgd"), "b": only_if(o=["sgd", 1.0]), "c": only_if(o=None)},
        {"o": OPTIMIZER, "a": only_if(o={"min": 0})},
        {"a": only_if(b={"min": 0.5}), "b": FLOAT, "c": only_if(a=0.25, b=0.5)},
        {"d": derived("n * c / `b-2`"), "n": {"type": "int", "low": 1, "high": 3}, "c": CONSTANT, "b-2": FLOAT},
        {"o": {"type": "ordinal", "values": ["auto", 16]}, "d": derived("o * 2", when={"o": 16})},
        {"x": FLOAT, "d": derived("x * 2"), "a": only_if(d={"max": 1})},
    ],
)
def test_spaces_that_do(space: Any) -> None:
    assert said(CheckedSpace, space) == []


def test_the_order_in_which_parameters_are_worked_out() -> None:
    given = {"d": derived("c + a"), "c": only_if(b=0.5), "b": only_if(a=0.5), "a": FLOAT, "z": FLOAT}
    found = order(TypeAdapter(Space).validate_python(given))
    assert sorted(found) == sorted(given)
    assert [found.index(name) for name in "abcd"] == sorted(found.index(name) for name in "abcd")


def test_long_chains_and_large_spaces_are_checked_quickly() -> None:
    chain = {f"p{n}": only_if(**{f"p{n - 1}": {"min": 0}}) if n else FLOAT for n in range(200)}
    choices = [f"choice {n}" for n in range(1000)]
    wide = {f"p{n}": {**only_if(o=choices), "type": "float"} for n in range(199)}
    began = time.perf_counter()
    assert said(CheckedSpace, chain) == []
    assert said(CheckedSpace, {**wide, "o": {"type": "categorical", "choices": choices}}) == []
    circle = {**chain, "p0": only_if(p199={"min": 0})}
    (error,) = said(CheckedSpace, circle)
    assert "goes in a circle" in error
    assert time.perf_counter() - began < 5


def test_a_thousand_wrong_values_make_no_flood() -> None:
    wrong = [f"other {n}" for n in range(1000)]
    choices = [f"choice {n}" for n in range(1000)]
    errors = said(CheckedSpace, {"a": only_if(o=wrong), "o": {"type": "categorical", "choices": choices}})
    assert len(errors) == 101
    assert max(map(len, errors)) < 1000
    assert errors[0].endswith(", 'choice 19' and 980 more)")
