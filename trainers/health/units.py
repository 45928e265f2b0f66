"""Listening to a network's units during one batch: how many are dead, how many are driven to their ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.health import signals

_BENDS = {nn.Tanh: (0.0, signals.TANH_FLAT), nn.Sigmoid: (0.5, signals.SIGMOID_FLAT)}


class Units:
    """The activations of a network that can die or be driven to their ends: ReLU, tanh and sigmoid."""

    def __init__(self, model: nn.Module) -> None:
        self._relus = [one for one in model.modules() if type(one) is nn.ReLU]
        self._bent = [one for one in model.modules() if type(one) in _BENDS]
        self.dead: list[Tensor] = []
        self.saturated: list[Tensor] = []

    @property
    def can_die(self) -> bool:
        """Whether there is a ReLU."""
        return bool(self._relus)

    @property
    def can_saturate(self) -> bool:
        """Whether there is a tanh or a sigmoid."""
        return bool(self._bent)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to what goes through meanwhile: one batch of evaluation."""
        self.dead, self.saturated = [], []
        handles = [one.register_forward_hook(self._hear_relu) for one in self._relus]
        handles += [one.register_forward_hook(self._hear_bent) for one in self._bent]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def worst(self, shares: list[Tensor]) -> Tensor | None:
        """The share of the worst layer, if there is any."""
        return torch.stack(shares).max() if shares else None

    def _hear_relu(self, _module: nn.Module, _inputs: Any, outputs: Tensor) -> None:
        self.dead.append(signals.dead(outputs))

    def _hear_bent(self, module: nn.Module, _inputs: Any, outputs: Tensor) -> None:
        middle, far = _BENDS[type(module)]
        self.saturated.append(signals.flat(outputs, middle, far))
