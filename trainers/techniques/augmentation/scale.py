"""Scale: an image is shrunk or enlarged."""

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.affine import warp
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="scale",
    summary="images are shrunk or enlarged by up to this share",
    paper="Simonyan, Zisserman 2015: Very deep convolutional networks for large-scale image recognition",
    test="tests/unit/trainers/techniques/test_images.py::test_a_scaled_image_is_larger_or_smaller",
    dimensions=(
        real("aug_scale", 0.0, 0.3, default=0.0, most=0.9, summary="share that images grow or shrink by at most"),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    bound = of_images("aug_scale", chosen, data)
    return (lambda images, generator: warp(images, generator, scale=bound)) if bound else None
