"""Dimensions: what they accept, and how they refuse."""

import pytest

from trainers.chosen import Chosen, read
from trainers.space import BadParameter, Dimension, Scalar, choice, real, steps, whole

RATE = real("learning_rate", 1e-5, 1e-1, log=True, default=1e-3, above=True, summary="step size")
DROPOUT = real("dropout", 0.0, 0.5, default=0.0, most=0.95, summary="share of units left out")
LAYERS = whole("layers", 1, 8, default=2, summary="hidden layers")
BATCH = steps("batch_size", 16, 32, 64, default=64, summary="samples a step")
OPTIMIZER = choice("optimizer", "sgd", "adamw", default="adamw", summary="how steps are taken")
ALL = (RATE, DROPOUT, LAYERS, BATCH, OPTIMIZER)


def test_they_are_written_as_a_study_writes_them() -> None:
    assert RATE.entry == {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}
    assert BATCH.entry == {"type": "ordinal", "values": [16, 32, 64]}
    momentum = real("momentum", 0.5, 0.99, default=0.9, summary="of sgd", when={"optimizer": "sgd"})
    assert momentum.entry["when"] == {"optimizer": "sgd"}


@pytest.mark.parametrize(
    ("dimension", "value", "read"),
    [(RATE, 1, 1.0), (RATE, 5.0, 5.0), (LAYERS, 3.0, 3), (BATCH, 48, 48), (OPTIMIZER, "sgd", "sgd"), (DROPOUT, 0, 0.0)],
)
def test_what_is_accepted_is_wider_than_what_is_searched(dimension: Dimension, value: Scalar, read: Scalar) -> None:
    assert dimension.read(value) == read
    assert type(dimension.read(value)) is type(read)


@pytest.mark.parametrize(
    ("dimension", "value", "problem"),
    [
        (RATE, 0.0, "learning_rate must be greater than 0, not 0.0"),
        (RATE, "fast", "learning_rate must be a number, not 'fast'"),
        (RATE, float("nan"), "learning_rate must be a number, not nan"),
        (RATE, True, "learning_rate must be a number, not True"),
        (DROPOUT, 1.5, "dropout must be at least 0 and at most 0.95, not 1.5"),
        (LAYERS, 1.5, "layers must be a whole number, not 1.5"),
        (BATCH, 0, "batch_size must be at least 1, not 0"),
        (OPTIMIZER, "adam", "optimizer must be one of sgd, adamw, not 'adam'; did you mean 'adamw'?"),
    ],
)
def test_what_cannot_be_is_refused_by_name(dimension: Dimension, value: Scalar, problem: str) -> None:
    with pytest.raises(BadParameter) as refused:
        dimension.read(value)
    assert (str(refused.value), refused.value.name) == (problem, dimension.name)


def test_what_is_not_given_has_its_default() -> None:
    chosen = Chosen(ALL, {"layers": 4})
    assert (chosen.whole("layers"), chosen.real("learning_rate"), chosen.text("optimizer")) == (4, 1e-3, "adamw")
    assert chosen.given == {"layers"}


def test_a_parameter_that_there_is_not_is_named_with_the_nearest_there_is() -> None:
    with pytest.raises(BadParameter, match="droput is no parameter of this trainer; did you mean 'dropout'"):
        Chosen(ALL, {"droput": 0.1})


@pytest.mark.parametrize(
    ("name", "meant"), [("droput", "dropout"), ("lr", "learning_rate"), ("learning_rat", "learning_rate")]
)
def test_a_slip_of_a_study_is_refused(name: str, meant: str) -> None:
    with pytest.raises(BadParameter, match=f"{name} is no parameter of this trainer; did you mean '{meant}'"):
        read(ALL, params={name: 0.1}, settings={}, log=print)


def test_what_only_derived_parameters_use_is_told_and_left() -> None:
    said: list[object] = []
    params: dict[str, Scalar] = {"base_learning_rate": 0.1, "learning_rate": 0.01, "lr": 0.1, "width": 3}
    chosen = read(ALL, params=params, settings={"layers": 3, "learning_rate": 5.0}, log=said.append)
    assert said == ["this trainer has no use for: base_learning_rate, lr, width"]
    assert (chosen.real("learning_rate"), chosen.whole("layers")) == (0.01, 3), "what is searched goes before settings"
