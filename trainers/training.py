"""What one training is made of, as the loop sees it: what is learned in which phases, from what, judged how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.data.dataset import Part
from trainers.techniques.regularization import soft_orthogonality, weight_decay

_SHARE = 0.25
"""Of a GPU's memory: data that need no more of it lie there from the beginning."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one step, or of a piece of it."""

    inputs: Tensor
    targets: Tensor
    generator: torch.Generator
    """Where chance of a step comes from that is not the model's: seeded once an epoch."""

    def __len__(self) -> int:
        return len(self.targets)


Loss = Callable[[nn.Module, Batch], Tensor]
"""Of the whole model and a batch: a mean over samples."""
Evaluate = Callable[[nn.Module], Mapping[str, Tensor]]
"""Judges a model, in evaluation mode and without gradients. What it answers stays on the device."""
Prepare = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""What is done to inputs and targets before a model learns from them."""


@dataclass(frozen=True)
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

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """All that it learns."""
        return [one for one in self.module.parameters() if one.requires_grad]

    @cached_property
    def weights(self) -> list[nn.Parameter]:
        """Those among them that are penalised."""
        return weight_decay.weights(self.module)

    @cached_property
    def kernels(self) -> list[nn.Parameter]:
        """Those among them that are of dense layers and convolutions."""
        return soft_orthogonality.kernels(self.module)


@dataclass(frozen=True, slots=True)
class Training:
    """Everything that the loop needs to know."""

    chosen: Chosen
    device: torch.device
    model: nn.Module
    phases: tuple[Phase, ...]
    samples: Part
    """What is learned from: on the device, or beside it where it does not fit."""
    evaluate: Evaluate
    judge: str = "val_loss"
    """What `evaluate` answers that is to become small: early stopping and the plateau schedule go by it."""
    prepare: Prepare | None = None
    renew: Callable[[nn.Module], object] | None = None
    """Takes the statistics of a model's normalisations anew, where its weights are an average."""

    def batch(self, places: Tensor, generator: torch.Generator) -> Batch:
        """The samples at these places, as they are learned from."""
        samples = self.samples
        inputs = _fetched(samples, places) if samples.beside else samples.inputs[places]
        inputs, targets = samples.taken(inputs), samples.targets[places.to(self.device, non_blocking=True)]
        if self.prepare is not None:
            inputs, targets = self.prepare(inputs, targets, generator)
        return Batch(inputs, targets, generator)


def _fetched(part: Part, places: Tensor) -> Tensor:
    """Inputs that lie beside the device, on their way to it.

    Nobody waits for them: they are gathered in memory that the device reads from by itself.
    """
    gathered = torch.empty((len(places), *part.inputs.shape[1:]), dtype=part.inputs.dtype, pin_memory=True)
    torch.index_select(part.inputs, 0, places, out=gathered)
    return gathered.to(part.targets.device, non_blocking=True)


def resident(part: Part, device: torch.device) -> Part:
    """Data on the device; inputs that do not fit there well stay beside it, in memory that it can read from."""
    targets = part.targets.to(device)
    scale = None if part.scale is None else part.scale.to(device)
    if device.type == "cuda" and part.inputs.nbytes > _SHARE * torch.cuda.mem_get_info(device)[1]:
        return Part(part.inputs.pin_memory(), targets, scale)
    return Part(part.inputs.to(device), targets, scale)
