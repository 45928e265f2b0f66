"""DenseNet: each layer sees what all layers before it in its stage have found, and adds a few channels."""

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.space import whole
from trainers.techniques.regularization import spatial_dropout


class Layer(nn.Module):
    """Narrows what there is to four times the growth, then finds as many new channels as the growth is."""

    def __init__(self, chosen: Chosen, before: int, growth: int) -> None:
        super().__init__()
        self.found = nn.Sequential(
            *_convolution(chosen, before, 4 * growth, 1),
            *_convolution(chosen, 4 * growth, growth, 3),
            spatial_dropout.make(chosen),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """What was there, and what is new."""
        return torch.cat([inputs, self.found(inputs)], dim=1)


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """Stages of layers; between them half of the channels and half of the size are kept."""
    channels, _, _ = parts.image(shape, MODEL.name)
    stages, growth = chosen.whole("stages"), chosen.whole("growth_rate")
    parts.check_stages(shape, stages, unhalved=1)
    layers: list[nn.Module] = [nn.Conv2d(channels, 2 * growth, 3, padding=1, bias=False)]
    channels = 2 * growth
    for stage in range(stages):
        if stage:
            layers += [*_convolution(chosen, channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(chosen.whole("dense_layers")):
            layers.append(Layer(chosen, channels, growth))
            channels += growth
    layers += [parts.norm(chosen, channels, 2), parts.activation(chosen)]
    return nn.Sequential(*layers, parts.head(chosen, channels, outputs))


def _convolution(chosen: Chosen, before: int, after: int, kernel: int) -> list[nn.Module]:
    """In the order of this paper, with the convolution last: each layer normalises for itself what many see."""
    return [
        parts.norm(chosen, before, 2),
        parts.activation(chosen),
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=chosen.text("norm") == "none"),
    ]


MODEL = Model(
    name="densenet",
    summary="DenseNet: each layer sees all before it in its stage, and adds a few channels",
    build=build,
    dimensions=(
        whole("growth_rate", 4, 32, log=True, default=8, summary="channels that each layer adds"),
        whole("dense_layers", 2, 12, default=4, summary="layers of a stage"),
        *parts.convolutional(),
    ),
    paper="Huang, Liu, van der Maaten, Weinberger 2017: Densely connected convolutional networks",
)
