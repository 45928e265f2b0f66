"""Input noise: normal noise is added, so that no single number can be relied on."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import BadParameter, real
from trainers.techniques.augmentation.applying import Augment
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="noise",
    summary="normal noise of this deviation is added to inputs",
    paper="Bishop 1995: Training with noise is equivalent to Tikhonov regularization",
    test="tests/unit/trainers/techniques/test_images.py::test_noise_has_its_deviation",
    dimensions=(
        real("aug_noise", 0.0, 0.3, default=0.0, summary="deviation of the noise, in units of the inputs' own"),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    deviation = chosen.real("aug_noise") if "aug_noise" in chosen.dimensions else 0.0
    if deviation and data.train.symbols:
        raise BadParameter("aug_noise", f"must be 0 for {data.name}: its inputs are symbols, not numbers")
    return (lambda inputs, generator: noise(inputs, deviation, generator)) if deviation else None


def noise(inputs: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Inputs and noise."""
    drawn = torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype)
    return inputs + deviation * drawn
