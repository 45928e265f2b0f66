"""Translation: an image is moved by a share of its size, between pixels too."""

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.affine import warp
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="translate",
    summary="images are moved by up to this share of their size",
    paper="Simard, Steinkraus, Platt 2003: Best practices for convolutional neural networks",
    test="tests/unit/trainers/techniques/test_images.py::test_a_translation_moves_the_middle",
    dimensions=(
        real(
            "aug_translate",
            0.0,
            0.15,
            default=0.0,
            most=1.0,
            summary="share of their size that images are moved by at most",
        ),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    bound = of_images("aug_translate", chosen, data)
    return (lambda images, generator: warp(images, generator, shift=bound)) if bound else None
