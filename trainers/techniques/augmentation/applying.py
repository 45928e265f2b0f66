"""What an augmentation is to a loop, and to what data it can be applied."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import BadParameter

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""Takes the inputs of a batch, and the generator that all its chance comes from; both are on one device."""


def of_images(name: str, chosen: Chosen, data: Data) -> float:
    """How strong an augmentation of images is; 0 where it was not chosen. Refused where there are no images."""
    strength = chosen.real(name) if name in chosen.dimensions else 0.0
    if strength and len(data.shape) != 3:
        raise BadParameter(name, f"must be 0 for {data.name}: it changes images, and this has none")
    return strength


def spread(count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers between -1 and 1, all equally likely, beside the inputs that they are for."""
    return torch.rand(count, generator=generator, device=like.device) * 2 - 1
