"""The sigmoid: between 0 and 1, flat at both ends."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="sigmoid",
    summary="between 0 and 1, flat at both ends",
    paper="Rumelhart, Hinton, Williams 1986: Learning representations by back-propagating errors",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.Sigmoid()
