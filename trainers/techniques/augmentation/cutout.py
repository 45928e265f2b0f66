"""Cutout: a square of an image is blanked, so that a model looks at more than one place."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="cutout",
    summary="a square of this share of an image's side is blanked",
    paper="DeVries, Taylor 2017: Improved regularization of convolutional neural networks with cutout",
    test="tests/unit/trainers/techniques/test_images.py::test_cutout_blanks_a_square",
    dimensions=(real("aug_cutout", 0.0, 0.5, default=0.0, most=1.0, summary="side of the blanked square"),),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    share = of_images("aug_cutout", chosen, data)
    if not share:
        return None
    side = max(1, round(share * min(data.shape[1:])))
    return lambda images, generator: cutout(images, side, generator)


def cutout(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square in each image set to 0, the mean. Its middle is anywhere, so that it may reach over the border."""
    count, _, high, wide = images.shape
    device = images.device
    top = torch.randint(high, (count, 1), generator=generator, device=device) - side // 2
    left = torch.randint(wide, (count, 1), generator=generator, device=device) - side // 2
    rows = torch.arange(high, device=device) - top
    columns = torch.arange(wide, device=device) - left
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return images.masked_fill(inside[:, None], 0.0)
