"""Random crop: an image is enlarged at its borders by their mirror image, and cut to its size at a random place."""

import torch
from torch import Tensor
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import BadParameter, whole
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="crop",
    summary="images are moved by up to so many whole pixels; their borders are mirrored",
    paper="Krizhevsky, Sutskever, Hinton 2012: ImageNet classification with deep convolutional neural networks",
    test="tests/unit/trainers/techniques/test_images.py::test_a_crop_is_a_window_of_the_mirrored_image",
    dimensions=(whole("aug_crop", 0, 4, default=0, least=0, summary="pixels that images are moved by at most"),),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    pixels = int(of_images("aug_crop", chosen, data))
    if not pixels:
        return None
    if pixels >= min(data.shape[1:]):
        raise BadParameter("aug_crop", f"must be at most {min(data.shape[1:]) - 1} for {data.name}, not {pixels}")
    return lambda images, generator: crop(images, pixels, generator)


def crop(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each image moved by its own number of pixels, down and across."""
    count, channels, high, wide = images.shape
    device = images.device
    larger = functional.pad(images, (pixels, pixels, pixels, pixels), mode="reflect")
    moved = torch.randint(0, 2 * pixels + 1, (2, count, 1), generator=generator, device=device)
    rows = moved[0] + torch.arange(high, device=device)
    columns = moved[1] + torch.arange(wide, device=device)
    one = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return larger[one, channel, rows[:, None, :, None], columns[:, None, None, :]]
