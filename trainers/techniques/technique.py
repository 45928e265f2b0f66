"""What is known of a technique beside its code: how it is chosen, what it adds to a space, what it cannot go with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from trainers.space import Dimension

Kind = Literal[
    "optimizer",
    "schedule",
    "regularization",
    "loss",
    "activation",
    "initialisation",
    "normalisation",
    "gradient",
    "precision",
    "augmentation",
    "averaging",
]

Groups = list[dict[str, Any]]
"""Parameters as an optimizer takes them: those that decay, and those that do not."""
Formula = Callable[[int], float]
"""The share of the learning rate at a step, counted from 0. Beyond the last step it stays as it was there."""


class Stateful(Protocol):
    """Something that remembers beyond an epoch: what it remembers is a part of each checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Remember this."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that is being taken: what it changes, by how much, and which step it is."""

    parameters: list[Tensor]
    """All that is learned and has a gradient."""
    weights: list[Tensor]
    """Those among them that decay and are penalised: no biases, no scales of normalisations."""
    kernels: list[Tensor]
    """Those among them that are of dense layers and convolutions."""
    optimizer: torch.optim.Optimizer
    rate: float
    number: int
    generator: torch.Generator


@dataclass(frozen=True, slots=True)
class Numbers:
    """How numbers are computed with: the type of products, if it is not that of the weights, and what scales losses."""

    kind: torch.dtype | None
    scaler: torch.amp.GradScaler | None


class Average(Stateful, Protocol):
    """An average of a model's weights along its training."""

    @property
    def model(self) -> nn.Module | None:
        """A model with the average as its weights; None until there is one."""

    def step(self, model: nn.Module) -> None:
        """Look at the weights after a step."""

    def epoch(self, model: nn.Module, epoch: int) -> None:
        """Look at the weights after an epoch."""


class Rule(Stateful, Protocol):
    """A rule of when a training has gone on for long enough."""

    def see(self, learned: float, judged: float) -> str | None:
        """Take the losses of an epoch, of training and of validation; answers why to end, if so."""


Change = Callable[[Taken], object]
"""Changes gradients before a step, or weights after it."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Values that cannot be used together, as a study writes conditions, and why in one sentence."""

    when: Mapping[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of training."""

    kind: Kind
    name: str
    """Its name, and the value of the choice that its kind is where there is one: `optimizer: adamw`."""
    summary: str
    paper: str
    """Where it was written down first: authors, year, title."""
    test: str
    """The test that shows that it does what its paper says: `tests/unit/trainers/...::test_name`."""
    dimensions: tuple[Dimension, ...] = ()
    clashes: tuple[Clash, ...] = ()
    with_others: bool = False
    """Whether it goes with the others of its kind, switched by dimensions of its own, and is no value of a choice."""
