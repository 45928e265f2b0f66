"""Stochastic weight averaging: the plain average of the weights at the ends of the last epochs."""

import copy
from typing import Any

import torch
from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.averaging.ema import copy_counts, floating
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="averaging",
    name="swa",
    summary="the mean of the weights after each epoch from `swa_start` of the longest training on is judged",
    paper="Izmailov, Podoprikhin, Garipov et al. 2018: Averaging weights leads to wider optima",
    test="tests/unit/trainers/techniques/test_averages.py::test_swa_is_the_mean_of_epochs",
    dimensions=(
        real(
            "swa_start", 0.5, 0.9, default=1.0, most=1.0, searched=False, summary="share of epochs before the average"
        ),
    ),
)


class Swa:
    """The average; `model` is None until it begins."""

    def __init__(self, model: nn.Module, begins: float) -> None:
        self._average = copy.deepcopy(model).requires_grad_(False)
        self._begins = begins
        self._count = 0

    @property
    def model(self) -> nn.Module | None:
        """The average, once there is one."""
        return self._average if self._count else None

    def step(self, model: nn.Module) -> None:
        """Steps are nothing to it."""

    @torch.no_grad()
    def epoch(self, model: nn.Module, epoch: int) -> None:
        """Take in the weights at an epoch's end."""
        if epoch <= self._begins:
            return
        self._count += 1
        torch._foreach_lerp_(floating(self._average), floating(model), 1 / self._count)
        copy_counts(self._average, model)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"model": self._average.state_dict(), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._average.load_state_dict(state["model"])
        self._count = state["count"]


def make(chosen: Chosen, model: nn.Module, longest: int) -> Swa | None:
    """The average, if one is wanted; `longest` are the epochs of the study's longest training."""
    start = chosen.real("swa_start")
    return Swa(model, start * longest) if start < 1 else None
