"""Adversaries: a generator that makes samples of chance, and a critic that tells them from true ones."""

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.models.model import Model
from trainers.space import BadParameter, Dimension, whole


class Adversaries(nn.Module):
    """Both networks. Called with chance it answers samples."""

    def __init__(self, latent: int, generator: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.latent = latent
        self.generator = generator
        self.critic = critic

    def forward(self, chance: Tensor) -> Tensor:
        """Samples made of chance: a row of normal numbers each."""
        made: Tensor = self.generator(chance)
        return made

    def chance(self, count: int, generator: torch.Generator) -> Tensor:
        """What so many samples are made of, on the device of the generator of random numbers."""
        return torch.randn((count, self.latent), generator=generator, device=generator.device)


LATENT: Dimension = whole("latent", 2, 128, log=True, default=16, summary="random numbers that a sample is made of")


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """For points; the number of outputs says nothing here."""
    if len(shape) != 1:
        raise BadParameter("model", f"'gan' makes points, but one sample is of shape {tuple(shape)}; try 'dcgan'")
    latent = chosen.whole("latent")
    return Adversaries(latent, _perceptron(latent, shape[0], chosen), _perceptron(shape[0], 1, chosen))


def _perceptron(before: int, after: int, chosen: Chosen) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = before
    for _ in range(chosen.whole("layers")):
        # Leaky, in both of them: where a unit is silent its adversary would learn nothing.
        layers += [nn.Linear(width, chosen.whole("hidden")), nn.LeakyReLU(0.2)]
        width = chosen.whole("hidden")
    return nn.Sequential(*layers, nn.Linear(width, after))


MODEL = Model(
    name="gan",
    summary="generator and critic for points: two perceptrons",
    build=build,
    dimensions=(
        LATENT,
        whole("layers", 1, 4, default=2, summary="hidden layers of each of them"),
        whole("hidden", 16, 512, log=True, default=64, summary="units of a hidden layer"),
    ),
    paper="Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley and others 2014: Generative adversarial nets",
)
