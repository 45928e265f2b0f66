"""What is known of a kind of model: its dimensions, and the function that builds it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from trainers.chosen import Chosen
from trainers.space import Dimension

Build = Callable[[tuple[int, ...], int, Chosen], nn.Module]
"""Takes the shape of one input without the batch, the number of outputs, and what was chosen."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of model."""

    name: str
    summary: str
    build: Build
    dimensions: tuple[Dimension, ...]
    paper: str = ""
