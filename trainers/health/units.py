"""Listening to a network during one batch: what it answers, which units are dead, which are driven to their ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.health import signals

_BENDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (0.0, signals.TANH_FLAT),
    nn.Sigmoid: (0.5, signals.SIGMOID_FLAT),
}


class Units:
    """The activations of a network that can die or be driven to their ends: ReLU, tanh and sigmoid."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._watched = [one for one in model.modules() if type(one) is nn.ReLU or type(one) in _BENDS]
        self._dead: list[Tensor] = []
        self._saturated: list[Tensor] = []
        self.outputs: Tensor | None = None
        """What the model has answered to the first batch."""

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the first batch that goes through meanwhile."""
        self._dead, self._saturated, self.outputs = [], [], None
        handles = [one.register_forward_hook(self._hear_unit) for one in self._watched]
        handles.append(self._model.register_forward_hook(self._hear_model))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def taken(self) -> tuple[Tensor, tuple[Tensor | None, Tensor | None]]:
        """The outputs, and the shares of dead and of saturated units in their worst layers; then they are let go."""
        outputs = self.outputs
        assert outputs is not None, "nothing was heard"
        worst = tuple(torch.stack(shares).max() if shares else None for shares in (self._dead, self._saturated))
        self._dead, self._saturated, self.outputs = [], [], None
        return outputs, (worst[0], worst[1])

    def _hear_unit(self, module: nn.Module, _inputs: Any, outputs: Tensor) -> None:
        if self.outputs is not None:
            return
        if bend := _BENDS.get(type(module)):
            self._saturated.append(signals.flat(outputs, *bend))
        else:
            self._dead.append(signals.dead(outputs))

    def _hear_model(self, _module: nn.Module, _inputs: Any, outputs: Tensor) -> None:
        if self.outputs is None:
            self.outputs = outputs.detach().float()
