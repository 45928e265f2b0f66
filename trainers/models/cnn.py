"""The small convolutional network: a convolution and a halving at a time, then one linear layer."""

from torch import nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.techniques.regularization import dropout


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """The width doubles where the size is halved."""
    channels, high, wide = parts.image(shape, MODEL.name)
    stages = chosen.whole("stages")
    parts.check_stages(shape, stages)
    layers: list[nn.Module] = []
    for stage in range(stages):
        width = chosen.whole("width") << stage
        layers += [parts.convolution(chosen, channels, width), nn.MaxPool2d(2)]
        channels = width
    places = (high >> stages) * (wide >> stages)
    return nn.Sequential(*layers, nn.Flatten(), dropout.make(chosen), nn.Linear(channels * places, outputs))


MODEL = Model(
    name="cnn",
    summary="a small convolutional network: a convolution and a halving at a time, then one linear layer",
    build=build,
    dimensions=(parts.WIDTH, *parts.convolutional()),
    paper="LeCun, Bottou, Bengio, Haffner 1998: Gradient-based learning applied to document recognition",
)
