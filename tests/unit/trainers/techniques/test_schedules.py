"""Schedules: the formulas are torch's schedulers, step by step, and stay as they are beyond the last step."""

from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler

from tests.unit.trainers.techniques.given import chosen
from trainers.space import Scalar
from trainers.techniques import catalog
from trainers.techniques.schedule import warm_up
from trainers.techniques.schedule.plateau import Plateau
from trainers.techniques.technique import Formula

TOTAL, FINAL = 40, 0.05
Torch = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
THEIRS: dict[str, Torch] = {
    "cosine": lambda one: lr_scheduler.CosineAnnealingLR(one, TOTAL, eta_min=FINAL),
    "linear": lambda one: lr_scheduler.LinearLR(one, 1.0, FINAL, total_iters=TOTAL),
    "exponential": lambda one: lr_scheduler.ExponentialLR(one, FINAL ** (1 / TOTAL)),
    "step": lambda one: lr_scheduler.StepLR(one, TOTAL // 4, gamma=0.5),
    "one_cycle": lambda one: lr_scheduler.OneCycleLR(one, 1.0, TOTAL, pct_start=0.3, cycle_momentum=False),
}


def made(name: str, total: int = TOTAL, **params: Scalar) -> Formula:
    found: Formula = catalog.maker("schedule", name)(chosen("schedule", **params), total)
    return found


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize("name", THEIRS)
def test_formulas_are_those_of_torch(name: str) -> None:
    ours = made(name, lr_final=FINAL, lr_drops=3, lr_gamma=0.5, cycle_up=0.3)
    torchs = optimizer()
    theirs = THEIRS[name](torchs)
    for step in range(TOTAL):
        assert ours(step) == pytest.approx(torchs.param_groups[0]["lr"], rel=1e-6), step
        torchs.step()
        if step < TOTAL - 1:
            theirs.step()


@pytest.mark.parametrize("name", [one for one in catalog.values("schedule") if one != "plateau"])
def test_beyond_the_last_step_nothing_changes(name: str) -> None:
    formula = made(name)
    assert formula(TOTAL) == pytest.approx(formula(3 * TOTAL))
    assert all(0 < formula(step) <= 1 for step in range(2 * TOTAL))


def test_constant_stays() -> None:
    assert {made("constant")(step) for step in range(100)} == {1.0}


def test_wsd_stays_and_then_falls() -> None:
    formula = made("wsd", lr_final=FINAL, decay_share=0.25)
    assert [formula(step) for step in (0, 15, 30)] == [1.0, 1.0, 1.0]
    assert formula(35) == pytest.approx(1 - 0.5 * (1 - FINAL))
    assert formula(40) == pytest.approx(FINAL)


def test_warm_up_rises_and_then_leaves_the_schedule_alone() -> None:
    cosine = made("cosine")
    warmed = warm_up.make(chosen("schedule", warm_up=0.1), TOTAL, cosine)
    assert [warmed(step) / cosine(step) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert warm_up.make(chosen("schedule"), TOTAL, cosine) is cosine


def test_plateau_falls_when_torch_s_does() -> None:
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.89999, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.7]
    ours, torchs = Plateau(0.5, 2), optimizer()
    theirs = lr_scheduler.ReduceLROnPlateau(torchs, factor=0.5, patience=2)
    for loss in losses:
        ours.see(loss)
        theirs.step(loss)
        assert ours(0) == torchs.param_groups[0]["lr"]
    assert ours(0) == 0.125
