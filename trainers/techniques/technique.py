"""What is known of a technique beside its code: how it is chosen, what it adds to a space, what it cannot go with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
