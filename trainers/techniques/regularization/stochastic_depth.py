"""Stochastic depth: residual blocks are skipped by chance while training, later ones more often."""

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="stochastic_depth",
    summary="residual blocks are skipped by chance while training, the last one this often, the first hardly ever",
    paper="Huang, Sun, Liu, Sedra, Weinberger 2016: Deep networks with stochastic depth",
    test="tests/unit/trainers/techniques/test_dropout.py::test_blocks_are_skipped_and_the_mean_is_kept",
    dimensions=(
        real("stochastic_depth", 0.0, 0.5, default=0.0, most=0.95, summary="how often the last block is skipped"),
    ),
)


class Skipped(nn.Module):
    """Stands at the end of a block's branch: leaves it out of some samples, and makes up for it in the others."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """It draws from torch's global generator."""
        if not self.training or not self.probability:
            return branch
        stays = 1 - self.probability
        drawn = torch.rand((len(branch), *[1] * (branch.ndim - 1)), device=branch.device, dtype=branch.dtype)
        return branch * (drawn < stays) / stays


def make(chosen: Chosen, block: int, blocks: int) -> nn.Module:
    """The end of the branch of one of the blocks, counted from 1."""
    return Skipped(chosen.real("stochastic_depth") * block / blocks)
