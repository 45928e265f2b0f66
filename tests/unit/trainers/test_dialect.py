"""What `report` understands, and what it says to what it does not."""

from typing import Any

import pytest

from trainers import dialect


def _point(*told: Any, optuna: bool = False, **named: Any) -> tuple[int, dict[str, float], float | None]:
    return dialect.point(told, named, metric="loss", optuna=optuna)


@pytest.mark.parametrize("optuna", [False, True])
def test_types_tell_step_and_value_apart(optuna: bool) -> None:
    assert _point(3, 0.5, optuna=optuna) == (3, {"loss": 0.5}, None)
    assert _point(0.5, 3, optuna=optuna) == (3, {"loss": 0.5}, None)


def test_two_whole_numbers_are_read_as_the_dialect_has_them() -> None:
    assert _point(3, 5) == (3, {"loss": 5.0}, None)
    assert _point(3, 5, optuna=True) == (5, {"loss": 3.0}, None)
    assert _point(3.0, 5.0) == (3, {"loss": 5.0}, None)
    assert _point(3.0, 5.0, optuna=True) == (5, {"loss": 3.0}, None)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ((4, {"loss": 1, "accuracy": 0.5}), {}),
        ((4,), {"loss": 1.0, "accuracy": 0.5}),
        ((4, 1.0), {"accuracy": 0.5}),
        ((1.0,), {"step": 4, "accuracy": 0.5}),
        ((), {"step": 4, "value": 1.0, "accuracy": 0.5}),
        ((4,), {"value": 1.0, "accuracy": 0.5}),
        (({"loss": 1.0, "accuracy": 0.5},), {"step": 4}),
    ],
)
def test_there_are_many_ways_to_say_the_same(told: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert _point(*told, **named) == (4, {"loss": 1.0, "accuracy": 0.5}, None)


def test_a_cost_is_no_metric() -> None:
    assert _point(4, 1.0, cost=12) == (4, {"loss": 1.0}, 12.0)


@pytest.mark.parametrize(
    ("told", "named", "message"),
    [
        ((), {}, "the step is missing"),
        ((1,), {}, "no metric was given"),
        ((1, 2, 3), {}, "3 values in a row"),
        ((0.5, 0.25), {}, "the step must be a whole number; it is 0.5"),
        ((-1, 0.5), {}, "the step must be 0 or more"),
        ((2**53, 0.5), {}, "below 2\\*\\*53"),
        ((1, "low"), {}, "loss must be a number; it is 'low'"),
        ((1, [0.5]), {}, "loss must be a number; it is a list"),
        ((1, {"1st": 0.5}), {}, "'1st' is no name for a metric"),
        ((1, {3: 0.5}), {}, "3 is no name for a metric"),
        ((1, {f"m{k}": 0.5 for k in range(65)}), {}, "65 metrics at once; 64 at most"),
    ],
)
def test_what_is_wrong_is_said(told: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        _point(*told, **named)


def test_a_device_that_fails_is_not_taken_for_a_wrong_value() -> None:
    class OfDevice:
        def numel(self) -> int:
            return 1

        def __float__(self) -> float:
            raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match=r"^CUDA error: device-side assert triggered$"):
        _point(1, OfDevice())


def test_parameters_come_out_as_the_objective_asks_for_them() -> None:
    params = {"lr": 1, "n": 3.0, "flag": True, "size": 16, "kind": "a"}
    assert repr(dialect.real(params, "lr", 0, 2)) == "1.0"
    assert repr(dialect.whole(params, "n", 1, 5)) == "3"
    assert dialect.choice(params, "flag", [1, 0, True]) is True
    assert dialect.choice(params, "size", (16, 32)) == 16
    # The last bit is lost on the way through a logarithm.
    assert dialect.real({"lr": 0.1 + 1e-17}, "lr", 1e-5, 0.1) == 0.1


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: dialect.real({"lr": "a"}, "lr", 0, 1), "lr = 'a', but the objective asks for a real number"),
        (lambda: dialect.whole({"n": 2.5}, "n", 0, 9), "n = 2.5, but the objective asks for a whole number"),
        (lambda: dialect.whole({"n": True}, "n", 0, 9), "n = True, but the objective asks for a whole number"),
        (lambda: dialect.real({"lr": 2.0}, "lr", 0, 1), "lr = 2.0, but the objective asks for it within 0 and 1"),
        (lambda: dialect.choice({"k": "c"}, "k", ["a", "b"]), "k = 'c', but the objective's choices are 'a', 'b'"),
        (
            lambda: dialect.real({}, "lr", 0, 1),
            "asks for 'lr', which the study's space does not give \\(it gives nothing",
        ),
    ],
)
def test_a_space_that_does_not_fit_is_told(ask: Any, message: str) -> None:
    with pytest.raises(dialect.OutsideSpace, match=message):
        ask()
