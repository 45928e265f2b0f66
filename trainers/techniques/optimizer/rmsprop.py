"""RMSProp: AdaGrad that forgets."""

import torch

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="optimizer",
    name="rmsprop",
    summary="a step for each weight, by the size of its latest gradients",
    paper="Tieleman, Hinton 2012: Lecture 6.5 - RMSProp (Coursera: Neural networks for machine learning)",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_steps_are_those_of_the_paper[rmsprop]",
    dimensions=(
        real("rmsprop_decay", 0.9, 0.999, default=0.99, most=0.99999, summary="memory of gradients", searched=False),
    ),
)


def make(groups: Groups, rate: float, chosen: Chosen) -> torch.optim.Optimizer:
    """The optimizer."""
    return torch.optim.RMSprop(groups, lr=rate, alpha=chosen.real("rmsprop_decay"), foreach=True)
