"""What is known of a technique beside its code: how it is chosen, what it adds to a space, what it cannot go with."""

from collections.abc import Mapping
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
