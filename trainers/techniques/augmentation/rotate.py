"""Rotation: an image is turned about its middle."""

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.affine import warp
from trainers.techniques.augmentation.applying import Augment, of_images
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="rotate",
    summary="images are turned by up to so many degrees",
    paper="Simard, Steinkraus, Platt 2003: Best practices for convolutional neural networks",
    test="tests/unit/trainers/techniques/test_images.py::test_a_rotation_turns_about_the_middle",
    dimensions=(
        real("aug_rotate", 0.0, 30.0, default=0.0, most=180.0, summary="degrees that images are turned by at most"),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    bound = of_images("aug_rotate", chosen, data)
    return (lambda images, generator: warp(images, generator, degrees=bound)) if bound else None
