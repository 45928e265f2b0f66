"""The multi-layer perceptron: layers of units, each of which sees all of the layer before."""

from torch import nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.space import whole
from trainers.techniques.regularization import dropout


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """Any shape is taken as one row of numbers."""
    width = 1
    for size in shape:
        width *= size
    layers: list[nn.Module] = [nn.Flatten()]
    hidden = chosen.whole("hidden")
    for _ in range(chosen.whole("layers")):
        layers += [nn.Linear(width, hidden), parts.norm(chosen, hidden, 0), parts.activation(chosen)]
        layers.append(dropout.make(chosen))
        width = hidden
    # What does nothing still costs a call.
    return nn.Sequential(*(one for one in layers if not isinstance(one, nn.Identity)), nn.Linear(width, outputs))


MODEL = Model(
    name="mlp",
    summary="a multi-layer perceptron: layers of units, each of which sees all of the layer before",
    build=build,
    dimensions=(
        whole("layers", 1, 8, default=1, least=0, summary="hidden layers; none at all is a linear model"),
        whole("hidden", 16, 1024, log=True, default=64, summary="units of a hidden layer"),
        *parts.activations("relu"),
        *parts.norms("none"),
        *parts.DROPOUT,
    ),
    paper="Rumelhart, Hinton, Williams 1986: Learning representations by back-propagating errors",
)
