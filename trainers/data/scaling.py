"""Scaling of numbers by what the training part shows of them: the other parts have no say in it."""

from dataclasses import dataclass

import torch
from torch import Tensor

_PIECE = 4_096


@dataclass(frozen=True, slots=True)
class Scale:
    """What is taken away, and what the rest is divided by."""

    mean: Tensor
    deviation: Tensor

    def to(self, device: torch.device) -> "Scale":
        """The same on a device."""
        return Scale(self.mean.to(device), self.deviation.to(device))

    def __call__(self, numbers: Tensor) -> Tensor:
        """Scale these. What is missing becomes the mean."""
        scaled = (numbers.to(torch.float32) - self.mean).div_(self.deviation)
        # Bytes are scaled at each step, and none of them is missing.
        return scaled.nan_to_num_(nan=0.0) if numbers.is_floating_point() else scaled


def of(numbers: Tensor, *, over: tuple[int, ...]) -> Scale:
    """The scale under which these have mean 0 and deviation 1 over these dimensions. What never changes becomes 0."""
    sums, squares, counts = (torch.zeros((), dtype=torch.float64) for _ in range(3))
    # Piece by piece: in double precision, pictures would take eight times their memory at once.
    for piece in torch.split(numbers, _PIECE):
        wide = piece.to(torch.float64)
        there = ~wide.isnan()
        counts = counts + there.sum(over, keepdim=True)
        sums = sums + wide.nan_to_num(nan=0.0).sum(over, keepdim=True)
    mean = sums / counts.clamp(min=1)
    for piece in torch.split(numbers, _PIECE):
        squares = squares + (piece.to(torch.float64) - mean).square().nan_to_num(nan=0.0).sum(over, keepdim=True)
    deviation = (squares / counts.clamp(min=1)).sqrt()
    # What is left of a constant is the rounding of its mean: to divide by it would make a signal of nothing.
    constant = deviation <= 1e-6 * mean.abs().clamp(min=1e-6)
    deviation = torch.where(constant, torch.ones_like(deviation), deviation)
    return Scale(mean.to(torch.float32), deviation.to(torch.float32))
