"""Small data, and what was chosen, for tests of techniques."""

from typing import cast

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data, Part, Task
from trainers.space import Dimension, Scalar
from trainers.techniques import catalog
from trainers.techniques.technique import Kind


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same ones each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def chance(seed: int = 0) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def chosen(kind: str, **given: Scalar) -> Chosen:
    """What was chosen of all dimensions that the techniques of a kind have, and of their choice."""
    known = cast(Kind, kind)
    choice: tuple[Dimension, ...] = ()
    if known in catalog.CHOICES:
        choice = (catalog.choice_of(known, default=catalog.values(known)[0]),)
    return Chosen((*choice, *catalog.dimensions(known)), given)


def data(inputs: Tensor, targets: Tensor, *, outputs: int = 3, task: Task = "classification") -> Data:
    """The same samples to learn from and to be judged by."""
    part = Part(inputs, targets)
    return Data("small", task, part, part, tuple(inputs.shape[1:]), outputs, "")
