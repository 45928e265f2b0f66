"""Batch normalisation: each channel has mean 0 and deviation 1 over the batch."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Clash, Technique

TECHNIQUE = Technique(
    kind="normalisation",
    name="batch",
    summary="over the batch, each channel has mean 0 and deviation 1",
    paper="Ioffe, Szegedy 2015: Batch normalization",
    test="tests/unit/trainers/techniques/test_normalisation.py::test_it_holds_mean_and_deviation",
    dimensions=(
        real(
            "norm_momentum",
            1e-2,
            5e-1,
            log=True,
            default=0.1,
            most=1.0,
            above=True,
            summary="how fast batch normalisation forgets the statistics that it judges with",
            when={"norm": "batch"},
            searched=False,
        ),
    ),
    clashes=(
        Clash(
            {"norm": "batch", "batch_size": 1},
            "one sample has no deviation: take norm layer or group, or a larger batch_size",
        ),
    ),
)


def make(chosen: Chosen, width: int, dims: int) -> nn.Module:
    """For `width` channels of images (`dims` is 2), or for `width` numbers a sample (0)."""
    kind = nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d
    return kind(width, momentum=chosen.real("norm_momentum"))
