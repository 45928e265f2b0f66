"""Lion: a step of the same size for every weight, in the direction of a mean of gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="lion",
    summary="the sign of a mean of gradients; wants a learning rate 3 to 10 times smaller than `adamw`",
    paper="Chen, Liang, Huang et al. 2023: Symbolic discovery of optimization algorithms",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[lion]",
    dimensions=(
        real("lion_beta1", 0.8, 0.98, default=0.9, most=0.9999, summary="share of the mean in a step", searched=False),
        real("lion_beta2", 0.9, 0.999, default=0.99, most=0.99999, summary="memory of the mean", searched=False),
    ),
)


class Lion(torch.optim.Optimizer):
    """The optimizer; weight decay is decoupled."""

    def __init__(self, groups: Groups, lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take a step; there is no closure to call."""
        for group in self.param_groups:
            having = [one for one in group["params"] if one.grad is not None]
            if not having:
                continue
            gradients = [one.grad for one in having]
            means = [self._mean(one) for one in having]
            rate, (beta1, beta2) = group["lr"], group["betas"]
            directions = torch._foreach_lerp(gradients, means, beta1)
            torch._foreach_sign_(directions)
            torch._foreach_mul_(having, 1 - rate * group["weight_decay"])
            torch._foreach_add_(having, directions, alpha=-rate)
            torch._foreach_lerp_(means, gradients, 1 - beta2)

    def _mean(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "mean" not in state:
            state["mean"] = torch.zeros_like(parameter)
        mean: Tensor = state["mean"]
        return mean


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    return Lion(groups, rate, (chosen.real("lion_beta1"), chosen.real("lion_beta2")))
