"""Schedule-free AdamW: no schedule and no horizon; what is judged is an average of where the steps have been.

Three points: steps go from one to the next (z), the model is judged at their mean (x), and gradients are taken between
both (y). The weights of the model are y while it learns.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.space import Scalar
from trainers.techniques.optimizer.adam import BETA1, BETA2, EPSILON
from trainers.techniques.technique import Clash, Groups, Technique

NAME = "schedule_free"
_OWN = f"{NAME} has no schedule and is an average by itself"

TECHNIQUE = Technique(
    kind="optimizer",
    name=NAME,
    summary="AdamW that is judged at the mean of its steps: it needs no schedule, and no horizon to reach",
    paper="Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky 2024: The road less scheduled",
    test="tests/unit/trainers/techniques/test_schedule_free.py::test_what_is_judged_is_the_mean_of_the_steps",
    dimensions=(BETA1, BETA2, EPSILON),
    clashes=(
        Clash(
            {"optimizer": NAME, "schedule": ["cosine", "exponential", "linear", "one_cycle", "plateau", "step", "wsd"]},
            f"{_OWN}: set schedule to constant (warm_up may stay)",
        ),
        Clash({"optimizer": NAME, "ema_decay": {"min": 1e-9}}, f"{_OWN}: set ema_decay to 0"),
        Clash({"optimizer": NAME, "swa_start": {"max": 1 - 1e-9}}, f"{_OWN}: set swa_start to 1"),
        Clash(
            {"optimizer": NAME, "beta1": {"max": 1e-9}},
            f"{NAME} takes no gradients near its mean without beta1: try 0.9",
        ),
        Clash(
            {"optimizer": NAME, "lambda": {"min": 1e-12}, "penalty_mode": "proximal"},
            f"what {NAME} judges is no point of its steps: set penalty_mode to gradient, or lambda to 0",
        ),
        Clash(
            {"optimizer": NAME, "max_norm": {"min": 1e-9}},
            f"what {NAME} judges is no point of its steps: set max_norm to 0",
        ),
    ),
)


class ScheduleFree(torch.optim.Optimizer):
    """The optimizer; weight decay is decoupled. `beta1` says how near to the mean gradients are taken."""

    def __init__(self, groups: Groups, lr: float, betas: tuple[float, float], eps: float) -> None:
        remembered = {"most_rate": 0.0, "weighed": 0.0}
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0, **remembered})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take a step; there is no closure to call."""
        for group in self.param_groups:
            having = [one for one in group["params"] if one.grad is not None]
            if having:
                self._step(group, having)

    def _step(self, group: dict[str, Any], having: list[Tensor]) -> None:
        rate, (beta1, beta2) = group["lr"], group["betas"]
        gradients = [one.grad for one in having if one.grad is not None]
        states = [self._of(one) for one in having]
        for state in states:
            state["step"] += 1
        squares, steps = [one["exp_avg_sq"] for one in states], [one["z"] for one in states]
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        sizes = torch._foreach_sqrt(torch._foreach_div(squares, [1 - beta2 ** one["step"] for one in states]))
        torch._foreach_add_(sizes, group["eps"])
        moves = torch._foreach_div(gradients, sizes)
        torch._foreach_add_(moves, having, alpha=group["weight_decay"])
        # A step counts by the square of the rate: those while it warms up count little.
        group["most_rate"] = max(group["most_rate"], rate)
        group["weighed"] += group["most_rate"] ** 2
        share = group["most_rate"] ** 2 / group["weighed"] if group["weighed"] else 1.0
        # y lies between x, which takes in this share of the new z, and the new z: x itself need not be kept.
        torch._foreach_lerp_(having, steps, share)
        torch._foreach_add_(having, moves, alpha=rate * (beta1 * (1 - share) - 1))
        torch._foreach_add_(steps, moves, alpha=-rate)

    @torch.no_grad()
    def mean(self, parameter: Tensor) -> Tensor:
        """Where a parameter is judged: x, of which and of z it is made itself."""
        state = self.state.get(parameter, {})
        if "z" not in state:
            return parameter.detach()
        beta1 = next(one["betas"][0] for one in self.param_groups if any(each is parameter for each in one["params"]))
        mean: Tensor = torch.lerp(parameter.detach(), state["z"], 1 - 1 / beta1)
        return mean

    def _of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state |= {"step": 0, "z": parameter.detach().clone(), "exp_avg_sq": torch.zeros_like(parameter)}
        return state


class Averaged:
    """A model at the means of what its optimizers have done. It remembers nothing: they do."""

    def __init__(self, model: nn.Module, optimizers: Iterable[ScheduleFree]) -> None:
        self._learned = model
        self._average = copy.deepcopy(model).requires_grad_(False)
        self._by = {id(each): one for one in optimizers for group in one.param_groups for each in group["params"]}

    @property
    def model(self) -> nn.Module | None:
        """The model, made anew of what is known now."""
        for kept, seen in zip(self._average.buffers(), self._learned.buffers(), strict=True):
            kept.copy_(seen)
        for ours, theirs in zip(self._average.parameters(), self._learned.parameters(), strict=True):
            if (optimizer := self._by.get(id(theirs))) is not None:
                ours.detach().copy_(optimizer.mean(theirs))
        return self._average

    def step(self, model: nn.Module) -> None:
        """Steps are the optimizers' to look at."""

    def epoch(self, model: nn.Module, epoch: int) -> None:
        """Epochs are nothing to it."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    return ScheduleFree(groups, rate, (chosen.real("beta1"), chosen.real("beta2")), chosen.real("epsilon"))


def averaged(model: nn.Module, optimizers: Iterable[torch.optim.Optimizer]) -> Averaged | None:
    """What is judged in the place of a model, where its optimizers want it."""
    ours = [one for one in optimizers if isinstance(one, ScheduleFree)]
    return Averaged(model, ours) if ours else None


def alone(chosen: Chosen) -> Chosen:
    """What was chosen, without what clashes with it and only a recipe's defaults have beside it."""
    if chosen.text("optimizer") != NAME:
        return chosen
    off: dict[str, Scalar] = {"schedule": "constant", "ema_decay": 0.0, "swa_start": 1.0, "beta1": 0.9}
    given = {name: chosen.values[name] for name in chosen.given}
    return Chosen(chosen.dimensions.values(), {**off, **given})
