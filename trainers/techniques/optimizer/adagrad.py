"""AdaGrad: weights that had large gradients take smaller steps, for good."""

import torch

from trainers.chosen import Chosen
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="adagrad",
    summary="a step for each weight, by the size of all its gradients so far",
    paper="Duchi, Hazan, Singer 2011: Adaptive subgradient methods for online learning and stochastic optimization",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[adagrad]",
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    return torch.optim.Adagrad(groups, lr=rate, foreach=True)
