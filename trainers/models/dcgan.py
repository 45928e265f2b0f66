"""DCGAN: a generator that doubles an image until it has its size, and a critic that halves it again."""

from itertools import pairwise

from torch import nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.gan import LATENT, Adversaries
from trainers.models.model import Model
from trainers.space import BadParameter, whole

SMALLEST = 4
"""Sides of the image that the generator begins with: at least so many places, and less than twice as many."""


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """For images whose sides can be halved to few places; the number of outputs says nothing here."""
    channels, high, wide = parts.image(shape, MODEL.name)
    halvings = _halvings(high, wide)
    width, latent = chosen.whole("width"), chosen.whole("latent")
    widths = [width << place for place in range(halvings + 1)]
    small = (high >> halvings, wide >> halvings)
    generator: list[nn.Module] = [
        nn.Linear(latent, widths[-1] * small[0] * small[1]),
        nn.Unflatten(1, (widths[-1], *small)),
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(),
    ]
    critic: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
    for before, after in pairwise(reversed(widths)):
        generator += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    for before, after in pairwise(widths):
        # No batch normalisation here: the penalty on gradients is of each sample by itself (Gulrajani et al. 2017).
        critic += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.GroupNorm(1, after), nn.LeakyReLU(0.2)]
    generator.append(nn.Conv2d(width, channels, 3, padding=1))
    critic += [nn.Flatten(), nn.Linear(widths[-1] * small[0] * small[1], 1)]
    return Adversaries(latent, nn.Sequential(*generator), nn.Sequential(*critic))


def _halvings(high: int, wide: int) -> int:
    halvings = 0
    while min(high, wide) >> halvings >= 2 * SMALLEST and (high >> halvings) % 2 == 0 and (wide >> halvings) % 2 == 0:
        halvings += 1
    if not halvings:
        least = 2 * SMALLEST
        raise BadParameter("model", f"'dcgan' needs images of even sides, {least} or more, not {high} x {wide}")
    return halvings


MODEL = Model(
    name="dcgan",
    summary="DCGAN: generator and critic of convolutions",
    build=build,
    dimensions=(
        LATENT,
        whole(
            "width", 8, 128, log=True, default=32, summary="channels at the full size; each halving has twice as many"
        ),
    ),
    paper="Radford, Metz, Chintala 2016: Unsupervised representation learning with deep convolutional GANs",
)
