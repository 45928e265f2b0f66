"""What one training is made of, as the loop sees it: what is learned in which phases, from what, judged how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.data.dataset import Part


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one step."""

    inputs: Tensor
    targets: Tensor
    generator: torch.Generator
    """Where chance of a step comes from that is not the model's: seeded once an epoch."""

    def __len__(self) -> int:
        return len(self.targets)


Loss = Callable[[nn.Module, Batch], Tensor]
"""Of the whole model and a batch: a mean over samples."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a step: what it learns, from what loss, by what optimizer. A classifier has one, a GAN two."""

    name: str
    module: nn.Module
    """Whose parameters it learns."""
    loss: Loss
    optimizer: torch.optim.Optimizer
    rate: float
    """The learning rate, before the schedule."""
    every: int = 1
    """Only each so many steps."""


@dataclass(frozen=True, slots=True)
class Training:
    """Everything that the loop needs to know."""

    chosen: Chosen
    model: nn.Module
    phases: tuple[Phase, ...]
    samples: Part
    """What is learned from."""
    evaluate: Callable[[nn.Module], Mapping[str, Tensor]]
    """Judges a model, in evaluation mode and without gradients. What it answers stays on the device."""
    judge: str = "val_loss"
    """What `evaluate` answers that is to become small: early stopping and the plateau schedule go by it."""
