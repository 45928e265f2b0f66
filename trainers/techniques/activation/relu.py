"""ReLU: what is negative becomes zero."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="relu",
    summary="what is negative becomes zero",
    paper="Nair, Hinton 2010: Rectified linear units improve restricted Boltzmann machines",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.ReLU()
