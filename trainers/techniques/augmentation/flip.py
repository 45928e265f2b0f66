"""Flip: an image is mirrored left to right. Not for what has a reading direction, such as digits."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="flip",
    summary="images are mirrored left to right with this probability; not for digits and letters",
    paper="Krizhevsky, Sutskever, Hinton 2012: ImageNet classification with deep convolutional neural networks",
    test="tests/unit/trainers/techniques/test_images.py::test_so_many_images_are_mirrored",
    dimensions=(
        real("aug_flip", 0.0, 0.5, default=0.0, most=1.0, summary="probability of being mirrored", searched=False),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    probability = of_images("aug_flip", chosen, data)
    return (lambda images, generator: flip(images, probability, generator)) if probability else None


def flip(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Some of the images mirrored."""
    drawn = torch.rand((len(images), 1, 1, 1), generator=generator, device=images.device)
    return torch.where(drawn < probability, images.flip(-1), images)
