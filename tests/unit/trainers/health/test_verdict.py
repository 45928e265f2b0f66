"""When a training is hopeless, by figures alone: each rule at its threshold."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from trainers.api import Failed, Stop
from trainers.health import figures
from trainers.health.figures import Figures, Flag, flags
from trainers.health.verdict import Finding, Memory, judge

WELL = Figures(
    guess=2.3,
    start=2.4,
    loss=0.5,
    val_loss=0.6,
    batch_loss=0.7,
    least_val_loss=0.6,
    grad_norm=1.0,
    first_grad=0.01,
    last_grad=0.02,
    update_ratio=1e-3,
    dead=0.1,
    saturated=0.1,
    mislabelled=0.01,
)


MADE = replace(
    WELL, guess=1.45, start=1.43, loss=0.3, val_loss=0.3, batch_loss=0.3, spread=0.9, critic=0.8, teaching=1e-2
)
"""A contest that is well."""


def course(*epochs: Figures, steps: int = 100, rates: tuple[float, ...] = ()) -> Finding:
    """What is found in the last of these epochs."""
    memory = Memory(start=epochs[0].start)
    for place, seen in enumerate(epochs):
        rate = rates[place] if rates else None
        finding, memory = judge(seen, memory, steps=steps * (place + 1), rate=rate, stops=True)
    return finding


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"loss": math.nan}, "diverged"),
        ({"grad_norm": math.inf}, "diverged"),
        ({"batch_loss": 4.9}, "diverged"),
        ({"loss": 2.26}, "not_learning"),
        ({"grad_norm": 1001.0}, "exploding"),
        ({"update_ratio": 0.51}, "exploding"),
        ({"first_grad": 9e-5, "last_grad": 0.1}, "vanishing"),
        ({"update_ratio": 9e-7}, "frozen"),
        ({"loss": 2.0, "steps": 330}, "slow"),
        ({"dead": 0.51}, "dead_units"),
        ({"saturated": 0.51}, "saturated"),
        ({"loss": 0.05, "val_loss": 0.6}, "memorised"),
        ({"loss": 0.3, "least_val_loss": 0.49}, "overfitting"),
    ],
)
def test_each_sign_just_beyond_its_threshold(changes: dict[str, Any], flag: Flag) -> None:
    assert flags(WELL) == set()
    assert flag in flags(replace(WELL, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_loss": 4.7},
        {"loss": 2.25},
        {"grad_norm": 999.0, "update_ratio": 0.49},
        {"first_grad": 2e-4, "last_grad": 1.0},
        {"first_grad": 9e-5, "last_grad": 0.01},
        {"dead": 0.5, "saturated": 0.5},
        {"loss": 2.0, "steps": 335},
        {"loss": 1.95, "steps": 330},
        {"loss": 0.001, "val_loss": 0.1},
    ],
)
def test_no_sign_just_before_it(changes: dict[str, Any]) -> None:
    assert flags(replace(WELL, **changes)) == set()


@pytest.mark.parametrize(
    ("changes", "epochs", "said"),
    [
        ({}, 4, "not learning: the training loss 2.29 is no better than guessing (2.3) after 4 epochs"),
        ({"dead": 0.75}, 3, "dead units: 75% of a layer's units answer nothing to any sample, and the training loss"),
        ({"update_ratio": 2e-8}, 3, "frozen: a step changes no layer by more than 2e-08 times its size, and"),
        (
            {"steps": 300},
            3,
            "too slow: all 300 steps together change no layer by more than 0.3 times its size, and the",
        ),
        ({"first_grad": 1e-6, "last_grad": 0.1}, 3, "vanishing gradients: the first layer's gradient is 1e-05 times"),
    ],
)
def test_what_lasts_ends_a_training_with_a_sentence(changes: dict[str, Any], epochs: int, said: str) -> None:
    ill = replace(WELL, loss=2.29, batch_loss=2.31, **changes)
    assert course(*[ill] * (epochs - 1)).end is None
    end = course(*[ill] * epochs).end
    assert isinstance(end, Stop)
    assert str(end).startswith(said)
    assert course(*[ill] * (epochs - 1), WELL, ill).end is None, "it did not last"


def test_to_come_down_to_guessing_is_no_progress() -> None:
    """A network whose biases learn how frequent the classes are: it tells no sample from another."""
    falls = [replace(WELL, start=3.7, loss=loss, batch_loss=loss) for loss in (3.1, 2.75, 2.45, 2.32)]
    assert str(course(*falls).end).startswith("not learning: the training loss 2.32 is no better than guessing (2.3)")
    lower = [replace(WELL, start=3.7, loss=loss, batch_loss=loss) for loss in (3.1, 2.6, 2.3, 2.05)]
    assert course(*lower).end is None


def test_a_long_training_may_begin_late() -> None:
    ill = replace(WELL, loss=2.29, batch_loss=2.31, steps=4_000)
    assert course(*[ill] * 7).end is None
    assert isinstance(course(*[ill] * 8).end, Stop), "a fifth of it has gone by"


@pytest.mark.parametrize(("falls", "goes_on"), [(0.005, True), (0.0005, False)])
def test_one_whose_loss_falls_steadily_is_let_alone_if_it_gets_there(falls: float, goes_on: bool) -> None:
    """A deep network with a small learning rate creeps along a plateau before it learns."""
    creeping = [replace(WELL, start=2.33, loss=2.33 - falls * epoch, steps=2_000) for epoch in range(1, 9)]
    assert (course(*creeping).end is None) is goes_on
    slowing = [replace(WELL, start=2.4, loss=2.28 + 0.1 * 0.7**epoch, steps=2_000) for epoch in range(1, 9)]
    assert course(*slowing).end is not None


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"loss": 1.24, "spread": 0.09}, "collapsed"),
        ({"critic": 0.019, "teaching": 9e-5}, "one_sided"),
        ({"loss": 1.43}, "not_learning"),
        ({"batch_loss": math.nan}, "diverged"),
        ({"batch_loss": 3.0}, "diverged"),
        ({"dead": 0.6}, "dead_units"),
        ({"first_grad": 9e-5, "last_grad": 0.1}, "vanishing"),
    ],
)
def test_each_sign_of_a_contest(changes: dict[str, Any], flag: Flag) -> None:
    assert flags(MADE) == set()
    assert flag in flags(replace(MADE, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": 1.22, "spread": 0.05},
        {"loss": 1.4, "spread": 0.11},
        {"critic": 0.001, "teaching": 2e-4},
        {"critic": None, "teaching": 1e-6},
        {"steps": 10},
    ],
)
def test_no_sign_of_a_contest_just_before_it(changes: dict[str, Any]) -> None:
    assert flags(replace(MADE, **changes)) == set()


def test_a_contest_is_given_up_in_its_own_words() -> None:
    same = replace(MADE, loss=1.44, val_loss=1.44, batch_loss=1.44, spread=0.019)
    assert str(course(*[same] * 4).end) == (
        "collapsed: samples have 1.9% of the spread of true ones, and the distance to true samples 1.44 is close to "
        "that of one and the same sample (1.45) after 4 epochs"
    )
    won = replace(MADE, loss=1.3, critic=0.001, teaching=1e-6)
    assert str(course(*[won] * 3).end) == (
        "one-sided: the critic pays 0.1% of what it costs not to know, and the generator's gradient is 1e-06 in the "
        "mean: it is taught nothing after 3 epochs"
    )
    assert course(*[replace(won, loss=1.2)] * 9).end is None, "it makes good samples all the same"
    found = course(MADE).metrics
    assert (found["health.distance"], found["health.spread"]) == (0.3, 0.9)
    assert not found.keys() & {"health.train_loss", "health.gap", "health.overfitting", "health.mislabelled"}


@pytest.mark.parametrize("flag", ["saturated", "memorised", "overfitting", "exploding"])
def test_what_only_informs_never_ends_one(flag: str) -> None:
    changes: dict[str, Any] = {"saturated": 1.0, "loss": 0.01, "val_loss": 2.0, "least_val_loss": 0.5, "grad_norm": 1e5}
    found = course(*[replace(WELL, **changes)] * 20)
    assert flag in found.flags
    assert found.end is None


def test_a_training_that_learns_is_let_alone_whatever_its_units_show() -> None:
    """A penalty that makes weights zero kills units, and does so on purpose."""
    assert course(*[replace(WELL, dead=0.9, update_ratio=1e-8)] * 20).end is None


def test_a_bad_start_that_becomes_better_is_no_divergence() -> None:
    falling = [replace(WELL, start=80.0, loss=loss, batch_loss=loss * 1.2) for loss in (60.0, 30.0, 15.0, 8.0, 5.0)]
    assert course(*falling).end is None
    rising = [replace(WELL, start=80.0, loss=loss, batch_loss=loss) for loss in (100.0, 170.0)]
    end = course(*rising).end
    assert isinstance(end, Failed)
    assert str(end) == (
        "diverged: in epoch 2 the training loss was 170, by far more than it was at the start (80), and it is 170 "
        "after 2 epochs"
    )


@pytest.mark.parametrize(
    ("grad_norm", "batch_loss", "violation"),
    [(1.0, 0.7, -0.84), (500.0, 0.7, -0.30), (5e4, 0.7, 0.0)],
)
def test_how_near_the_border_of_stability_is(grad_norm: float, batch_loss: float, violation: float) -> None:
    found = course(replace(WELL, grad_norm=grad_norm, batch_loss=batch_loss), WELL)
    assert found.metrics["health.violation"] == pytest.approx(violation, abs=0.01), "the worst epoch counts"


@pytest.mark.parametrize(
    ("changes", "violation"),
    [({"batch_loss": 5.0}, 0.1), ({"batch_loss": 9.6}, 0.30), ({"grad_norm": 4e3}, 0.60), ({"grad_norm": 1e9}, 1.0)],
)
def test_how_far_beyond_it_one_is_that_diverged(changes: dict[str, Any], violation: float) -> None:
    found = course(replace(WELL, loss=2.4, **{"batch_loss": 5.0, **changes}))
    assert isinstance(found.end, Failed)
    assert found.metrics["health.violation"] == pytest.approx(violation, abs=0.01)


def test_every_flag_and_threshold_is_explained() -> None:
    text = (Path(__file__).parents[4] / "docs/health.md").read_text()
    assert [flag for flag in get_args(Flag) if f"`{flag}`" not in text] == []
    for threshold in ("2 times", f"{figures.NO_BETTER:g}", f"{figures.GAP:g} times", f"{figures.WORSE:g} %"):
        assert threshold in text, threshold
