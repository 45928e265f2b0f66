"""Adam: each weight has a step of its own, by the mean and the size of its gradients."""

import torch

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Groups, Technique

BETA1 = real("beta1", 0.5, 0.98, default=0.9, most=0.9999, summary="memory of the gradients' mean", searched=False)
BETA2 = real("beta2", 0.9, 0.9999, default=0.999, most=0.999999, summary="memory of their size", searched=False)
EPSILON = real(
    "epsilon",
    1e-10,
    1e-3,
    log=True,
    default=1e-8,
    above=True,
    summary="keeps small sizes from dividing",
    searched=False,
)

TECHNIQUE = Technique(
    kind="optimizer",
    name="adam",
    summary="a step for each weight by the mean and size of its gradients; weight decay is L2, scaled like them",
    paper="Kingma, Ba 2015: Adam: a method for stochastic optimization",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[adam]",
    dimensions=(BETA1, BETA2, EPSILON),
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    betas = (chosen.real("beta1"), chosen.real("beta2"))
    return torch.optim.Adam(groups, lr=rate, betas=betas, eps=chosen.real("epsilon"), fused=True)
