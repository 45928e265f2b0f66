"""SiLU (swish): the input times its sigmoid."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="silu",
    summary="the input times its sigmoid",
    paper="Elfwing, Uchibe, Doya 2018: Sigmoid-weighted linear units for neural network function approximation",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.SiLU()
