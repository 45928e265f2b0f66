"""Rotation, scale and translation in one: their matrices are multiplied, and the image is sampled once."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from trainers.techniques.augmentation.applying import spread


def warp(
    images: Tensor, generator: torch.Generator, *, degrees: float = 0.0, scale: float = 0.0, shift: float = 0.0
) -> Tensor:
    """Each image turned, scaled and moved by its own chance; what comes in from outside repeats the border."""
    count, _, high, wide = images.shape
    # All are drawn whatever their bounds are: two trials that differ in one of them share the chance of the others.
    turned, sized, across, down = (spread(count, images, generator) for _ in range(4))
    angle = turned * math.radians(degrees)
    size = 1 + sized * scale
    cos, sin = angle.cos() / size, angle.sin() / size
    # From where to take each place of the result, both in units of half a side: hence the ratios of the sides.
    matrix = torch.stack(
        [
            torch.stack([cos, sin * (high / wide), across * (2 * shift)], dim=1),
            torch.stack([-sin * (wide / high), cos, down * (2 * shift)], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
