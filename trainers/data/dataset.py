"""Data as training sees it: tensors to learn from and to be judged by. The sealed test part is never among them."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from trainers.data.scaling import Scale

Task = Literal["classification", "regression", "language", "sequence", "generation"]
"""Of what shape inputs and targets are, the samples first:

- classification: a class (int64) of a row `(columns,)`, a picture `(channels, height, width)`, or `(steps, numbers)`
- regression: `outputs` numbers of the same, scaled to mean 0 and deviation 1
- language: tokens `(steps,)` of a vocabulary of `outputs` symbols; targets are the same, one step on
- sequence: tokens likewise; targets are a symbol at each step, or IGNORED
- generation: what is to be imitated, unscaled; targets are the mode that each was drawn from
"""
IGNORED = -100
"""The target of a step at which nothing is asked: torch's cross-entropy leaves it out by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """Samples: inputs and targets of the same length. They may be small integers where floats come later."""

    inputs: Tensor
    targets: Tensor
    scale: Scale | None = None
    """How inputs are scaled when they are taken, where they are held as the bytes that they were read as."""

    @property
    def symbols(self) -> bool:
        """Whether inputs stand for something, such as words, and are no numbers to compute with."""
        return self.scale is None and not self.inputs.is_floating_point()

    @property
    def beside(self) -> bool:
        """Whether inputs lie beside the device that they are learned on, which has the targets: they are too many."""
        return self.inputs.device != self.targets.device

    def taken(self, inputs: Tensor) -> Tensor:
        """Some of the inputs as a model takes them. They lie on the device of the scale."""
        return inputs if self.scale is None else self.scale(inputs)

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class Data:
    """What a training is given of a data set."""

    name: str
    task: Task
    train: Part
    validation: Part
    shape: tuple[int, ...]
    """Of one input."""
    outputs: int
    """Classes, or numbers to predict, or symbols of a vocabulary."""
    fingerprint: str
    """SHA-256 of the data as they were read, in hexadecimal: the same data, the same text."""
    labels: tuple[str, ...] = ()
    """What the outputs are called, where that is known."""
    vocabulary: tuple[str, ...] = ()
    """What the numbers of inputs stand for where they are words of texts; the first is no word."""
