"""Stochastic gradient descent, with momentum unless that is 0."""

import torch

from trainers.chosen import Chosen
from trainers.techniques.optimizer.momentum import MOMENTUM
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="sgd",
    summary="a step against the gradient of a batch; weight decay is an L2 penalty here",
    paper="Robbins, Monro 1951: A stochastic approximation method",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[sgd]",
    dimensions=(MOMENTUM,),
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    return torch.optim.SGD(groups, lr=rate, momentum=chosen.real("momentum"), fused=True)
