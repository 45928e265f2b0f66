"""AdamW: Adam with weight decay beside the gradient, not through it."""

import torch

from trainers.chosen import Chosen
from trainers.techniques.optimizer.adam import BETA1, BETA2, EPSILON
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="adamw",
    summary="Adam whose weight decay goes beside the gradient: decoupled, times the learning rate",
    paper="Loshchilov, Hutter 2019: Decoupled weight decay regularization",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[adamw]",
    dimensions=(BETA1, BETA2, EPSILON),
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    betas = (chosen.real("beta1"), chosen.real("beta2"))
    return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=chosen.real("epsilon"), fused=True)
