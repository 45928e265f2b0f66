"""Dropout: each number is left out by chance while training, and those that stay are scaled up."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="dropout",
    summary="numbers are left out by chance while training",
    paper="Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014: Dropout",
    test="tests/unit/trainers/techniques/test_dropout.py::test_it_keeps_the_mean_and_drops_its_share",
    dimensions=(real("dropout", 0.0, 0.5, default=0.0, most=0.95, summary="share of numbers left out"),),
)


def make(chosen: Chosen) -> nn.Module:
    """The layer; it draws from torch's global generator."""
    return nn.Dropout(chosen.real("dropout"))
