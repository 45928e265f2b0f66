"""Layer normalisation: all channels of a sample together have mean 0 and deviation 1."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="normalisation",
    name="layer",
    summary="all channels of a sample together have mean 0 and deviation 1, whatever the batch",
    paper="Ba, Kiros, Hinton 2016: Layer normalization",
    test="tests/unit/trainers/techniques/test_normalisation.py::test_it_holds_mean_and_deviation",
)


def make(chosen: Chosen, width: int, dims: int) -> nn.Module:
    """For `width` channels of images (`dims` is 2), or for `width` numbers a sample (0)."""
    # Of an image all places are taken together, as one group of channels does it.
    return nn.GroupNorm(1, width) if dims == 2 else nn.LayerNorm(width)
