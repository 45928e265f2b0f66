"""Nesterov's momentum: the gradient is taken where the momentum will have led."""

import torch

from trainers.chosen import Chosen
from trainers.techniques.optimizer.momentum import MOMENTUM
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="nesterov",
    summary="momentum whose gradient is taken a step ahead",
    paper="Nesterov 1983: A method for solving the convex programming problem with convergence rate O(1/k^2)",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[nesterov]",
    dimensions=(MOMENTUM,),
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer; without momentum there is nothing to look ahead by, and it is plain gradient descent."""
    momentum = chosen.real("momentum")
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
