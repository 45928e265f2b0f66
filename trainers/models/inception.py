"""Inception (GoogLeNet): each block looks at several sizes at once, and puts side by side what it sees."""

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model


class Block(nn.Module):
    """Four branches: 1x1, 3x3, 5x5, and the maximum of 3x3; an eighth of the channels is the unit of their widths."""

    def __init__(self, chosen: Chosen, before: int, after: int) -> None:
        super().__init__()
        unit = after // 8
        self.single = parts.convolution(chosen, before, 2 * unit, kernel=1)
        self.small = nn.Sequential(
            parts.convolution(chosen, before, 3 * unit, kernel=1), parts.convolution(chosen, 3 * unit, 4 * unit)
        )
        self.large = nn.Sequential(
            parts.convolution(chosen, before, unit, kernel=1), parts.convolution(chosen, unit, unit, kernel=5)
        )
        self.pooled = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), parts.convolution(chosen, before, unit, kernel=1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """The branches side by side."""
        return torch.cat([self.single(inputs), self.small(inputs), self.large(inputs), self.pooled(inputs)], dim=1)


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """A first convolution, then stages of blocks, with a maximum over 2x2 between them."""
    channels, _, _ = parts.image(shape, MODEL.name)
    stages = chosen.whole("stages")
    parts.check_stages(shape, stages, unhalved=1)
    # The shares of the branches are eighths.
    first = -(-chosen.whole("width") // 8) * 8
    layers: list[nn.Module] = [parts.convolution(chosen, channels, first)]
    channels = first
    for stage in range(stages):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(chosen.whole("depth")):
            layers.append(Block(chosen, channels, first << stage))
            channels = first << stage
    return nn.Sequential(*layers, parts.head(chosen, channels, outputs))


MODEL = Model(
    name="inception",
    summary="Inception (GoogLeNet): 1x1, 3x3, 5x5 and a maximum side by side; the width is rounded up to eighths",
    build=build,
    dimensions=(parts.WIDTH, parts.DEPTH, *parts.convolutional()),
    paper="Szegedy, Liu, Jia, Sermanet, Reed, Anguelov and others 2015: Going deeper with convolutions",
)
