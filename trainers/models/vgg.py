"""VGG: several small convolutions in a row see as much as a large one, with fewer weights and more bends between."""

from torch import nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.techniques.regularization import dropout


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """Stages of 3x3 convolutions, each ended by a maximum over 2x2; then two linear layers."""
    channels, _, _ = parts.image(shape, MODEL.name)
    stages = chosen.whole("stages")
    parts.check_stages(shape, stages)
    layers: list[nn.Module] = []
    for stage in range(stages):
        width = chosen.whole("width") << stage
        for _ in range(chosen.whole("depth")):
            layers.append(parts.convolution(chosen, channels, width))
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        dropout.make(chosen),
        nn.Linear(channels, 2 * channels),
        parts.activation(chosen),
        dropout.make(chosen),
        nn.Linear(2 * channels, outputs),
    )


MODEL = Model(
    name="vgg",
    summary="VGG: several 3x3 convolutions a stage",
    build=build,
    dimensions=(parts.WIDTH, parts.DEPTH, *parts.convolutional()),
    paper="Simonyan, Zisserman 2015: Very deep convolutional networks for large-scale image recognition",
)
