"""GELU: the input times the chance that a normal variable is below it."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="gelu",
    summary="the input times the chance that a normal variable is below it",
    paper="Hendrycks, Gimpel 2016: Gaussian error linear units",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.GELU()
