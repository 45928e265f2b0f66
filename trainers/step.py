"""One step of one phase: the gradient, what is done to it, the step itself, and what is done to the weights after."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.techniques import catalog
from trainers.techniques.gradient import clip_norm, clip_value, noise, sam
from trainers.techniques.regularization import elastic_net, max_norm, soft_orthogonality
from trainers.techniques.technique import Formula, Numbers, Taken
from trainers.training import Batch, Phase

Watched = Callable[[torch.optim.Optimizer], AbstractContextManager[None]]
"""Watches a step from outside."""


class Step:
    """What was chosen of how steps are made."""

    def __init__(self, chosen: Chosen, schedule: Formula, device: torch.device) -> None:
        numbers: Numbers = catalog.maker("precision", chosen.text("precision"))(device)
        self.scaler = numbers.scaler
        self._computing = _computing(numbers, device)
        self._schedule = schedule
        self._rho = chosen.real("sam_rho")
        penalty, shrinkage = elastic_net.make(chosen)
        clips = clip_value.make(chosen), clip_norm.make(chosen)
        self._before = [
            one for one in (penalty, soft_orthogonality.make(chosen), *clips, noise.make(chosen)) if one is not None
        ]
        self._after = [one for one in (shrinkage, max_norm.make(chosen)) if one is not None]

    def take(
        self, phase: Phase, model: nn.Module, pieces: Sequence[Batch], number: int, watched: Watched | None = None
    ) -> Tensor:
        """Take a step; answers the loss, which stays on the device."""
        optimizer = phase.optimizer
        loss = self._gradient(phase, model, pieces)
        if self._rho:
            with sam.climbed(phase.parameters, model, self._rho):
                self._gradient(phase, model, pieces)
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)
        rate = phase.rate * self._schedule(number)
        for group in optimizer.param_groups:
            group["lr"] = rate
        taken = self._taken(phase, rate, number, pieces[0].generator)
        if watched is None:
            self._change(optimizer, taken)
        else:
            with watched(optimizer):
                self._change(optimizer, taken)
        return loss

    def _gradient(self, phase: Phase, model: nn.Module, pieces: Sequence[Batch]) -> Tensor:
        """The gradient of all pieces together, and their loss."""
        phase.optimizer.zero_grad(set_to_none=True)
        size = sum(map(len, pieces))
        total: Tensor | None = None
        for piece in pieces:
            with self._computing():
                loss = phase.loss(model, piece)
            if len(piece) < size:
                loss = loss * (len(piece) / size)
            torch.autograd.backward(loss if self.scaler is None else self.scaler.scale(loss))
            total = loss.detach() if total is None else total + loss.detach()
        assert total is not None, "a batch has at least one sample"
        return total

    def _change(self, optimizer: torch.optim.Optimizer, taken: Taken | None) -> None:
        """Change the gradient as it was chosen, take the step, and change the weights as it was chosen."""
        if taken is None:
            self._step(optimizer)
            return
        for change in self._before:
            change(taken)
        self._step(optimizer)
        with torch.no_grad():
            for change in self._after:
                change(taken)

    def _taken(self, phase: Phase, rate: float, number: int, generator: torch.Generator) -> Taken | None:
        """What is to be changed, where anything is."""
        if not self._before and not self._after:
            return None
        parameters: list[Tensor] = [one for one in phase.parameters if one.grad is not None]
        weights: list[Tensor] = [one for one in phase.weights if one.grad is not None]
        kernels: list[Tensor] = [one for one in phase.kernels if one.grad is not None]
        return Taken(parameters, weights, kernels, phase.optimizer, rate, number, generator)

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()


def _computing(numbers: Numbers, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    if numbers.kind is None:
        return nullcontext
    return lambda: torch.autocast(device.type, numbers.kind)
