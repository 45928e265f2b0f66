"""Activations are those of their papers."""

import math

import pytest
import torch
from torch import Tensor

from tests.unit.trainers.techniques.given import chosen
from trainers.techniques import catalog

POINTS = torch.tensor([-3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0], dtype=torch.float64)
BELOW = POINTS.clamp(max=0)
FORMULAS: dict[str, Tensor] = {
    "sigmoid": 1 / (1 + torch.exp(-POINTS)),
    "tanh": (torch.exp(2 * POINTS) - 1) / (torch.exp(2 * POINTS) + 1),
    "relu": POINTS.clamp(min=0),
    "leaky_relu": POINTS.clamp(min=0) + 0.2 * BELOW,
    "elu": POINTS.clamp(min=0) + 1.5 * (torch.exp(BELOW) - 1),
    "gelu": POINTS * (1 + torch.erf(POINTS / math.sqrt(2))) / 2,
    "silu": POINTS / (1 + torch.exp(-POINTS)),
}


@pytest.mark.parametrize("name", catalog.values("activation"))
def test_it_is_what_its_paper_says(name: str) -> None:
    given = chosen("activation", activation=name, leaky_slope=0.2, elu_alpha=1.5)
    torch.testing.assert_close(catalog.maker("activation", name)(given)(POINTS), FORMULAS[name])
