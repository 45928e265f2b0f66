"""Points that are carried from one space into another."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.domain.carrying import Misfit, bent, exact, middle, point_key
from service.domain.space import check
from service.wire.message import Scalar
from service.wire.space import AnyParameter, Space

_SPACE: TypeAdapter[dict[str, AnyParameter]] = TypeAdapter(Space)
RATE = {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}
KIND = {"type": "categorical", "choices": ["sgd", "adam"]}


def space(**parameters: Any) -> Mapping[str, AnyParameter]:
    return _SPACE.validate_python(parameters)


def test_a_point_that_fits_stays_as_it_is() -> None:
    found = exact(space(kind=KIND, rate=RATE), {"rate": 1e-3, "kind": "adam"}, {"rate", "kind"})
    assert (found.params, found.clipped, found.filled) == ({"kind": "adam", "rate": 1e-3}, (), ())


@pytest.mark.parametrize(
    ("parameters", "known", "why"),
    [
        ({"rate": RATE}, {"rate": 0.1}, "'rate' has a value that it cannot have here"),
        ({"rate": RATE, "kind": KIND}, {"rate": 1e-3}, "has no 'kind'"),
        ({"rate": RATE}, {"rate": 1e-3, "kind": "adam"}, "'kind' is no parameter here"),
        ({"kind": KIND}, {"kind": "rmsprop"}, "'kind' has a value that it cannot have here"),
        (
            {"kind": KIND, "rate": {**RATE, "when": {"kind": "sgd"}}},
            {"kind": "adam", "rate": 1e-3},
            "'rate' takes no part here",
        ),
        (
            {"rate": RATE, "epochs": {"type": "constant", "value": 20}},
            {"rate": 1e-3, "epochs": 10},
            "'epochs' has another value here",
        ),
    ],
)
def test_what_does_not_fit_says_why(parameters: dict[str, Any], known: dict[str, Any], why: str) -> None:
    with pytest.raises(Misfit) as misfit:
        exact(space(**parameters), known, known.keys())
    assert str(misfit.value) == why


def test_a_constant_of_the_same_value_is_the_same_parameter() -> None:
    constant = space(rate=RATE, epochs={"type": "constant", "value": 20})
    known: dict[str, Scalar] = {"rate": 1e-3, "epochs": 20}
    assert exact(constant, known, {"rate", "epochs"}).params == {"rate": 1e-3}
    assert exact(space(rate=RATE, epochs={"type": "int", "low": 1, "high": 50}), known, {"rate"}).params == known


def test_a_bent_point_is_clipped_filled_and_freed_of_what_is_unknown() -> None:
    wide = space(rate=RATE, drop={"type": "float", "low": 0, "high": 0.8}, kind=KIND)
    found = bent(wide, {"rate": 0.5, "kind": "adam", "layers": 3})
    assert found.params == {"rate": 1e-2, "drop": 0.4, "kind": "adam"}
    assert (found.clipped, found.filled) == (("rate",), ("drop",))
    with pytest.raises(Misfit, match="'kind' has a value that it cannot have here"):
        bent(wide, {"rate": 1e-3, "kind": "rmsprop"})


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"type": "float", "low": 0, "high": 1}, 0.5),
        ({"type": "float", "low": 1e-4, "high": 1e-2, "log": True}, 1e-3),
        ({"type": "float", "low": 0, "high": 1, "step": 0.3}, 0.6),
        ({"type": "float", "low": -1.7e308, "high": 0.0}, -0.85e308),
        ({"type": "int", "low": 1, "high": 100, "log": True}, 10),
        ({"type": "int", "low": 0, "high": 10, "step": 4}, 4),
        ({"type": "ordinal", "values": [16, 32, 64]}, 32),
        ({"type": "categorical", "choices": [None, "a"]}, None),
    ],
)
def test_the_middle_is_that_of_the_scale_and_on_a_step(parameter: dict[str, Any], value: Scalar) -> None:
    found = middle(space(x=parameter)["x"])
    assert found == pytest.approx(value) if isinstance(value, float) else found == value
    assert check(space(x=parameter), {"x": found})[1] == []


def test_one_and_true_are_two_points() -> None:
    assert point_key({"x": 1}) == point_key({"x": 1.0})
    assert point_key({"x": 1}) != point_key({"x": True})


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_bent_is_a_point_of_its_space(seed: int) -> None:
    chance = random.Random(seed)
    wanted = space(
        kind=KIND,
        rate=RATE,
        layers={"type": "int", "low": 1, "high": 9, "step": chance.choice([1, 2, 3])},
        drop={"type": "float", "low": 0.1, "high": 0.9, "step": 0.1},
        momentum={"type": "float", "low": 0, "high": 1, "when": {"kind": "sgd"}},
    )
    for _ in range(200):
        values = {name: chance.uniform(-20, 20) for name in ("rate", "layers", "drop", "momentum")}
        known = {name: value for name, value in values.items() if chance.random() < 0.7}
        found = bent(wanted, {**known, "kind": chance.choice(["sgd", "adam"])})
        assert check(wanted, found.params) == (found.params, []), f"seed {seed}"
