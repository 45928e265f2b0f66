"""Scaling of numbers by what the training part shows of them: the other parts have no say in it."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Scale:
    """What is taken away, and what the rest is divided by."""

    mean: Tensor
    deviation: Tensor

    def __call__(self, numbers: Tensor) -> Tensor:
        """Scale these."""
        return (numbers.to(torch.float32) - self.mean) / self.deviation


def of(numbers: Tensor, *, over: tuple[int, ...]) -> Scale:
    """The scale under which these have mean 0 and deviation 1 over these dimensions. What never changes becomes 0."""
    wide = numbers.to(torch.float64)
    mean = wide.mean(over, keepdim=True)
    deviation = (wide - mean).square().mean(over, keepdim=True).sqrt()
    # What is left of a constant is the rounding of its mean: to divide by it would make a signal of nothing.
    constant = deviation <= 1e-6 * mean.abs().clamp(min=1e-6)
    deviation = torch.where(constant, torch.ones_like(deviation), deviation)
    return Scale(mean.to(torch.float32), deviation.to(torch.float32))
