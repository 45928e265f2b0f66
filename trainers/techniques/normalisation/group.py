"""Group normalisation: each group of channels of a sample has mean 0 and deviation 1."""

import math

from torch import nn

from trainers.chosen import Chosen
from trainers.space import steps
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="normalisation",
    name="group",
    summary="each group of channels of a sample has mean 0 and deviation 1",
    paper="Wu, He 2018: Group normalization",
    test="tests/unit/trainers/techniques/test_normalisation.py::test_it_holds_mean_and_deviation",
    dimensions=(
        steps(
            "norm_groups",
            2,
            4,
            8,
            default=4,
            summary="groups of channels; where the width cannot be divided by it, the largest number that divides both",
            when={"norm": "group"},
            searched=False,
        ),
    ),
)


def make(chosen: Chosen, width: int, dims: int) -> nn.Module:
    """For `width` channels of images (`dims` is 2), or for `width` numbers a sample (0)."""
    return nn.GroupNorm(math.gcd(chosen.whole("norm_groups"), width), width)
