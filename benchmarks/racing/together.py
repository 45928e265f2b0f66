"""Many small networks trained together: those with one batch size and one optimizer are one product of matrices.

Each network has its own learning rate, momentum, decays, penalty and dropout; all begin alike and see the same batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_SECOND = 0.999
_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class Data:
    """What networks are to learn; `classes` is None where they are to tell a number."""

    inputs: Tensor
    targets: Tensor
    classes: int | None

    def taken(self, rows: np.ndarray) -> "Data":
        """Some of it."""
        return Data(self.inputs[rows], self.targets[rows], self.classes)


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between the networks, one number for each of them."""

    learning_rate: np.ndarray
    momentum: np.ndarray
    decay: np.ndarray
    weight_decay: np.ndarray
    penalty: np.ndarray
    dropout: np.ndarray

    def column(self, name: str) -> Tensor:
        """A setting in the form in which all networks are multiplied by it."""
        return torch.tensor(getattr(self, name), dtype=torch.float32).view(-1, 1, 1)


class Together:
    """Networks of one shape, with one batch size and one optimizer."""

    def __init__(
        self, settings: Settings, widths: Sequence[int], *, adam: bool, seed: int, classes: int | None
    ) -> None:
        self._count = len(settings.learning_rate)
        self._classes, self._adam = classes, adam
        chance = torch.Generator().manual_seed(seed)
        shapes = list(pairwise(widths))
        first = [(torch.rand(ins, outs, generator=chance) * 2 - 1) / ins**0.5 for ins, outs in shapes]
        self._weights = [one.expand(self._count, -1, -1).clone().requires_grad_() for one in first]
        self._biases = [torch.zeros(self._count, 1, outs).requires_grad_() for _, outs in shapes]
        self._all = [*self._weights, *self._biases]
        self._moments = [torch.zeros_like(one) for one in self._all]
        self._squares = [torch.zeros_like(one) for one in self._all]
        self._rate, self._momentum = settings.column("learning_rate"), settings.column("momentum")
        self._weight_decay, self._penalty = settings.column("weight_decay"), settings.column("penalty")
        self._decay, self._dropout = settings.column("decay"), settings.column("dropout")
        self._chance = torch.Generator().manual_seed(seed + 1)
        self._steps = 0

    def epoch(self, data: Data, batch: int, epoch: int) -> None:
        """Go through the data once."""
        count = len(data.targets)
        order = torch.randperm(count, generator=self._chance)
        size = min(batch, count)
        for place in range(max(1, count // size)):
            some = order[place * size : (place + 1) * size].numpy()
            loss = self._losses(data.taken(some), keep=self._kept).sum()
            self._step(torch.autograd.grad(loss, self._all), self._rate * self._decay**epoch)

    def losses(self, data: Data) -> np.ndarray:
        """Each network's loss on data that it does not learn from."""
        with torch.no_grad():
            return np.asarray(self._losses(data, keep=lambda hidden: hidden))

    def _losses(self, data: Data, keep: Callable[[Tensor], Tensor]) -> Tensor:
        hidden = data.inputs.expand(self._count, -1, -1)
        for place, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if place < len(self._weights) - 1:
                hidden = keep(torch.relu(hidden))
        if self._classes is None:
            return ((hidden[..., 0] - data.targets) ** 2).mean(1)
        targets = data.targets.repeat(self._count)
        told = functional.cross_entropy(hidden.reshape(-1, self._classes), targets, reduction="none")
        return told.view(self._count, -1).mean(1)

    def _kept(self, hidden: Tensor) -> Tensor:
        chance = torch.rand(hidden.shape, generator=self._chance)
        return hidden * (chance >= self._dropout).float() / (1 - self._dropout)

    def _step(self, slopes: Sequence[Tensor], rate: Tensor) -> None:
        self._steps += 1
        with torch.no_grad():
            for one, slope, moment, square in zip(self._all, slopes, self._moments, self._squares, strict=True):
                if self._adam:
                    moment.mul_(self._momentum).add_(slope * (1 - self._momentum))
                    square.mul_(_SECOND).addcmul_(slope, slope, value=1 - _SECOND)
                    there = moment / (1 - self._momentum**self._steps + _TINY)
                    move = there / ((square / (1 - _SECOND**self._steps)).sqrt() + _TINY)
                else:
                    move = moment.mul_(self._momentum).add_(slope)
                one.mul_(1 - rate * self._weight_decay).sub_(rate * move)
            for weight in self._weights:
                weight.sub_(rate * self._penalty * torch.sign(weight))
