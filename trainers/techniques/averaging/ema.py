"""The exponential moving average of weights: later ones count more, each step a little."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Clash, Technique

TECHNIQUE = Technique(
    kind="averaging",
    name="ema",
    summary="a moving average of weights is judged in their place; it forgets more slowly as training goes on",
    paper="Polyak, Juditsky 1992: Acceleration of stochastic approximation by averaging; Tarvainen, Valpola 2017",
    test="tests/unit/trainers/techniques/test_averages.py::test_ema_is_the_formula",
    dimensions=(real("ema_decay", 0.9, 0.9999, default=0.0, most=0.99999, summary="memory of the average"),),
    clashes=(
        Clash(
            {"ema_decay": {"min": 1e-9}, "swa_start": {"max": 1 - 1e-9}},
            "ema_decay and swa_start are two averages of the same weights: set ema_decay to 0 or swa_start to 1",
        ),
    ),
)


class Ema:
    """The average."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._average = copy.deepcopy(model).requires_grad_(False)
        self._decay = decay
        self._steps = 0

    @property
    def model(self) -> nn.Module | None:
        """The average, which there is from the beginning."""
        return self._average

    @torch.no_grad()
    def step(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        self._steps += 1
        # As long as there were few steps they count alike, or the beginning would be remembered for too long.
        decay = min(self._decay, self._steps / (self._steps + 9))
        ours, theirs = floating(self._average), floating(model)
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        copy_counts(self._average, model)

    def epoch(self, model: nn.Module, epoch: int) -> None:
        """Epochs are nothing to it."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"model": self._average.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._average.load_state_dict(state["model"])
        self._steps = state["steps"]


def make(chosen: Chosen, model: nn.Module) -> Ema | None:
    """The average, if one is wanted."""
    decay = chosen.real("ema_decay")
    return Ema(model, decay) if decay else None


def floating(model: nn.Module) -> list[Tensor]:
    """Everything of a model that can be averaged: weights, and what normalisations have seen."""
    return [one.detach() for one in model.state_dict(keep_vars=True).values() if one.is_floating_point()]


def copy_counts(into: nn.Module, model: nn.Module) -> None:
    """What cannot be averaged is taken as it is."""
    for ours, theirs in zip(into.buffers(), model.buffers(), strict=True):
        if not ours.is_floating_point():
            ours.copy_(theirs)
