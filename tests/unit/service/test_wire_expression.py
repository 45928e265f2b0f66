"""Expressions: what can be written, what it is worth, and that nothing else gets through."""

import math
import random
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire.expression import FUNCTIONS, MAX_DEPTH, ExpressionError, read

PARAMS: dict[str, Any] = {"a": 2, "b": 0.5, "lr-max": 3, "x.y": 4, "text": "8", "yes": True, "none": None, "größe": 5}


def value(text: str, **params: Any) -> float:
    return read(text).value({**PARAMS, **params})


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("1", 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("a", 2),
        ("`a`", 2),
        ("`lr-max`", 3),
        ("x.y", 4),
        ("größe", 5),
        ("  a  +\n\tb ", 2.5),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("16 / 4 / 2", 2.0),
        ("2 ** 3 ** 2", 512.0),
        ("-2 ** 2", -4.0),
        ("2 ** -1", 0.5),
        ("--2", 2),
        ("-+-+2", 2),
        ("3 - -2", 5),
        ("2 * -a", -4),
        ("a * 256 / 256", 2.0),
        ("abs(-3)", 3),
        ("ceil(1.2)", 2),
        ("floor(-1.2)", -2),
        ("int(1.9)", 1),
        ("int(-1.9)", -1),
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("exp(0)", 1.0),
        ("log(1)", 0.0),
        ("log2(8)", 3.0),
        ("log10(1000)", 3.0),
        ("sqrt(9)", 3.0),
        ("max(1, a, b)", 2),
        ("min(1, a, b)", 0.5),
        ("max(3)", 3),
        ("max(1, min(a, 5) + 1)", 3),
        # A function's name is a parameter's where no bracket follows.
        ("log + 1", 11),
        ("((((((((((1))))))))))", 1),
        ("0.001 * 64 / 256", 0.00025),
    ],
)
def test_what_expressions_are_worth(text: str, worth: float) -> None:
    found = value(text, log=10)
    assert found == worth
    assert type(found) is type(worth)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1", set()),
        ("a * b + a", {"a", "b"}),
        ("max(a, `lr-max`)", {"a", "lr-max"}),
        ("lambda * 2", {"lambda"}),
        ("import", {"import"}),
    ],
)
def test_the_names_it_uses(text: str, names: set[str]) -> None:
    assert read(text).names == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends where a value is expected"),
        ("   ", "ends where a value is expected"),
        ("a +", "ends where a value is expected"),
        ("(", "ends where a value is expected"),
        ("max(", "ends where a value is expected"),
        ("()", "')' is not expected at character 2"),
        ("max()", "')' is not expected at character 5"),
        ("a b", "'b' is not expected at character 3"),
        ("2 3", "'3' is not expected at character 3"),
        ("2a", "'a' is not expected at character 2"),
        ("a + )", "')' is not expected at character 5"),
        ("(a", "')' is missing"),
        ("max(a, b", "')' is missing"),
        ("sqrt(1, 2)", "sqrt() takes one argument"),
        ("a, b", "',' is not expected at character 2"),
        ("* a", "'*' is not expected at character 1"),
        ("a // b", "'/' is not expected at character 4"),
        ("a *** b", "'*' is not expected at character 5"),
        ("a % b", "cannot be read at character 2"),
        ("a = b", "cannot be read at character 2"),
        ("a < b", "cannot be read at character 2"),
        ("a[0]", "cannot be read at character 2"),
        ("'a'", "cannot be read at character 1"),
        ("`a", "cannot be read at character 1"),
        ("``", "cannot be read at character 1"),
        ("a; b", "cannot be read at character 2"),
        ("{a}", "cannot be read at character 1"),
        ("a\0", "cannot be read at character 2"),
        ("1 if a else 2", "'if' is not expected at character 3"),
        ("__import__(os)", f"'__import__' at character 1 is not one of {', '.join(FUNCTIONS)}"),
        ("eval(a)", f"'eval' at character 1 is not one of {', '.join(FUNCTIONS)}"),
        ("sin(a)", f"'sin' at character 1 is not one of {', '.join(FUNCTIONS)}"),
        ("a.__class__(1)", f"'a.__class__' at character 1 is not one of {', '.join(FUNCTIONS)}"),
        ("1+" * 250 + "1", "is longer than 500 characters"),
        ("(" * 200 + "1" + ")" * 200, "is nested too deeply"),
        ("max(" * 99 + "1" + ")" * 99, "is nested too deeply"),
        ("**".join("1" * 160), "is nested too deeply"),
    ],
)
def test_what_cannot_be_read(text: str, why: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read(text)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("missing", "missing: 'missing' has no number here"),
        ("text * 2", "text * 2: 'text' has no number here"),
        ("yes", "yes: 'yes' has no number here"),
        ("none", "none: 'none' has no number here"),
        ("1 / (a - 2)", "1 / (a - 2): division by zero"),
        ("0 ** -1", "0 ** -1: "),
        ("log(0)", "log(0): "),
        ("log(-1)", "log(-1): "),
        ("sqrt(-1)", "sqrt(-1): "),
        ("(0 - 8) ** 0.5", "(0 - 8) ** 0.5: has no real value"),
        ("abs((-8) ** 0.5)", "abs((-8) ** 0.5): has no real value"),
        ("exp(1000)", "exp(1000): math range error"),
        ("9 ** 9 ** 9", "9 ** 9 ** 9: "),
        ("int(1e999)", "int(1e999): "),
        ("floor(1e999 - 1e999)", "floor(1e999 - 1e999): "),
        ("9" * 100, "9" * 100 + ": is too large a whole number"),
        ("*".join(["ceil(1e300)"] * 40), "*".join(["ceil(1e300)"] * 40) + ": is too large a whole number"),
        ("*".join(["ceil(1e300)"] * 30) + "* 0.5", "*".join(["ceil(1e300)"] * 30)),
    ],
)
def test_what_has_no_value_here(text: str, why: str) -> None:
    expression = read(text)
    with pytest.raises(ExpressionError) as caught:
        expression.value(PARAMS)
    assert str(caught.value).startswith(why)


def test_the_deepest_that_is_allowed() -> None:
    deepest = "(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)
    assert value(deepest) == 1
    assert value("1" + "+1" * 249) == 250
    assert value("-" * 499 + "1") == -1


def test_nothing_takes_long() -> None:
    began = time.perf_counter()
    for text in ("**".join("9" * 30), "*".join(["9" * 98] * 5), "1" + " " * 498, "`" * 499, "." * 500, "1e" * 250):
        try:
            value(text)
        except ExpressionError:
            continue
    assert time.perf_counter() - began < 1


PIECES = st.sampled_from(
    [*"+-*/(),`. ", "**", "1", "0", "2.5", "1e9", "1e-9", "a", "b", "text", "none", "missing", "`lr-max`"]
    + [f"{name}(" for name in FUNCTIONS]
)


def _read_and_work_out(text: str) -> None:
    try:
        found = read(text).value(PARAMS)
    except ExpressionError:
        return
    assert isinstance(found, int | float)
    assert not isinstance(found, int) or abs(found) <= 2**63


@given(st.lists(PIECES, max_size=60).map("".join))
def test_anything_like_an_expression_has_a_value_or_an_error(text: str) -> None:
    _read_and_work_out(text)


@given(st.text(max_size=600))
def test_any_text_has_a_value_or_an_error(text: str) -> None:
    _read_and_work_out(text)


def test_what_python_understands_is_worth_the_same(rng: random.Random) -> None:
    """Compared with Python's own arithmetic, on expressions made at random."""
    for _ in range(2_000):
        text = _random_expression(rng, depth=4)
        names = {name: PARAMS[name] for name in "ab"}
        try:
            expected = eval(text, {"__builtins__": {}, **vars(math), "abs": abs, "max": max, "min": min}, names)
        except (ArithmeticError, ValueError, TypeError):
            # Where Python goes on with complex numbers, there is no value here.
            continue
        if isinstance(expected, complex) or not math.isfinite(expected) or abs(expected) > 1e15:
            continue
        assert value(text) == pytest.approx(expected), text


def _random_expression(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(["a", "b", "1", "2", "0.5", "3e0", "10"])
    parts = [_random_expression(rng, depth - 1) for _ in range(2)]
    match rng.randrange(5):
        case 0:
            return f"({parts[0]})"
        case 1:
            return f"-{parts[0]}"
        case 2:
            return f"max({parts[0]}, {parts[1]})"
        case 3:
            return f"({parts[0]}) ** {rng.choice(['2', '-1', '0.5'])}"
        case _:
            space = rng.choice(["", " ", "  "]) + rng.choice(list("+-*/")) + rng.choice(["", " "])
            return f"{parts[0]}{space}{parts[1]}"


def test_every_letter_alone(rng: random.Random) -> None:
    for sign in string.printable:
        _read_and_work_out(sign)
        _read_and_work_out(sign * rng.randrange(2, 500))
