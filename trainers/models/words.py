"""Words before a model of series: each word is a row of numbers, which are learnt with the model."""

from torch import nn

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.models.model import Model
from trainers.space import Dimension, steps

DIMENSIONS: tuple[Dimension, ...] = (
    steps("embedding", 16, 32, 64, 128, default=32, summary="numbers that a word becomes"),
)


def build(model: Model, data: Data, chosen: Chosen) -> nn.Module:
    """The model, of series of what words become."""
    width = chosen.whole("embedding")
    entry = nn.Embedding(len(data.vocabulary), width, padding_idx=0)
    return nn.Sequential(entry, model.build((*data.shape, width), data.outputs, chosen))
