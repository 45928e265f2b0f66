"""Spatial dropout: whole channels of an image are left out, since its neighbouring places say the same."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="spatial_dropout",
    summary="whole channels of an image are left out by chance while training",
    paper="Tompson, Goroshin, Jain, LeCun, Bregler 2015: Efficient object localization using convolutional networks",
    test="tests/unit/trainers/techniques/test_dropout.py::test_whole_channels_are_left_out",
    dimensions=(real("spatial_dropout", 0.0, 0.3, default=0.0, most=0.95, summary="share of channels left out"),),
)


def make(chosen: Chosen) -> nn.Module:
    """The layer; it draws from torch's global generator."""
    return nn.Dropout2d(chosen.real("spatial_dropout"))
