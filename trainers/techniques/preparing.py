"""What is done to a batch before the model learns from it: augmented, smoothed, mixed, in this order."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import Dimension
from trainers.techniques.augmentation import (
    crop,
    cutout,
    delete,
    flip,
    insert,
    noise,
    rotate,
    scale,
    swap,
    synonym,
    translate,
)
from trainers.techniques.augmentation.affine import warp
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.regularization import label_noise, label_smoothing, mixup

Prepare = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Takes inputs and targets of a batch, and where its chance comes from."""

TARGETS: tuple[Dimension, ...] = (
    *label_smoothing.TECHNIQUE.dimensions,
    *mixup.TECHNIQUE.dimensions,
    *label_noise.TECHNIQUE.dimensions,
)
"""What can be done to targets."""
IMAGES: tuple[Dimension, ...] = tuple(
    dimension for one in (crop, flip, rotate, scale, translate, noise, cutout) for dimension in one.TECHNIQUE.dimensions
)
"""How images can be augmented."""
TEXTS: tuple[Dimension, ...] = tuple(
    {each.name: each for one in (synonym, insert, delete, swap) for each in one.TECHNIQUE.dimensions}.values()
)
"""How texts of words can be augmented."""


def make(chosen: Chosen, data: Data) -> Prepare | None:
    """All that was chosen of it as one function; None where nothing was."""
    augmentations = _augmentations(chosen, data)
    smooth, mix = label_smoothing.make(chosen, data), mixup.make(chosen, data)
    if not augmentations and smooth is None and mix is None:
        return None

    def prepare(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        for augment in augmentations:
            inputs = augment(inputs, generator)
        if smooth is not None:
            targets = smooth(targets)
        return (inputs, targets) if mix is None else mix(inputs, targets, generator)

    return prepare


def _augmentations(chosen: Chosen, data: Data) -> list[Augment]:
    made = [
        crop.make(chosen, data),
        flip.make(chosen, data),
        _warp(chosen, data),
        noise.make(chosen, data),
        cutout.make(chosen, data),
        *(one.make(chosen, data) for one in (synonym, insert, delete, swap)),
    ]
    return [one for one in made if one is not None]


def _warp(chosen: Chosen, data: Data) -> Augment | None:
    """Rotation, scale and translation share one sampling of the image."""
    degrees, size, shift = (of_images(name, chosen, data) for name in ("aug_rotate", "aug_scale", "aug_translate"))
    if not degrees and not size and not shift:
        return None
    return lambda images, generator: warp(images, generator, degrees=degrees, scale=size, shift=shift)
