"""A model ready to be trained: built for its data, with the initial weights that were chosen."""

from torch import nn

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.models import words
from trainers.models.model import Model
from trainers.space import BadParameter, Dimension
from trainers.techniques import catalog
from trainers.techniques.regularization import orthogonal_kernels

DIMENSIONS: tuple[Dimension, ...] = (
    catalog.choice_of("initialisation", default="default", searched=False),
    *catalog.dimensions("initialisation"),
    *orthogonal_kernels.TECHNIQUE.dimensions,
)
"""What is read beside the model's own."""
_SAMPLES = 256
_OF_SEQUENCES = ("lstm", "gru", "encoder", "decoder")


def built(model: Model, data: Data, chosen: Chosen) -> nn.Module:
    """The model, on the device of the data. Its weights come from torch's global generator."""
    if data.task == "language" and "bidirectional" in chosen.dimensions and chosen.flag("bidirectional"):
        raise BadParameter("bidirectional", f"must be false for {data.name}: what comes next would be seen before")
    if data.task == "language" and model.name == "encoder":
        raise BadParameter(
            "model", f"must not be 'encoder' for {data.name}: it would see what comes next; try 'decoder'"
        )
    inputs = data.train.inputs
    if model.name in _OF_SEQUENCES and len(data.shape) == 1 and not data.train.symbols:
        raise BadParameter(
            "model",
            f"{model.name!r} takes sequences, but a sample of {data.name} is {data.shape[0]} numbers; try 'mlp'",
        )
    network = _network(model, data, chosen).to(inputs.device)
    catalog.maker("initialisation", chosen.text("init"))(chosen)(network, data.train.taken(inputs[:_SAMPLES]))
    orthogonal_kernels.make(chosen, network)
    return network


def _network(model: Model, data: Data, chosen: Chosen) -> nn.Module:
    if data.vocabulary:
        return words.build(model, data, chosen)
    return model.build(data.shape, data.outputs, chosen)
