"""One step of one phase: the gradient, what is done to it, the step itself, and what is done to the weights after."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.training import Batch, Phase


class Step:
    """What was chosen of how steps are made."""

    def __init__(self, chosen: Chosen, schedule: Callable[[int], float]) -> None:
        self._schedule = schedule

    def take(self, phase: Phase, model: nn.Module, batch: Batch, number: int) -> Tensor:
        """Take a step; answers the loss, which stays on the device."""
        phase.optimizer.zero_grad(set_to_none=True)
        loss = phase.loss(model, batch)
        torch.autograd.backward(loss)
        rate = phase.rate * self._schedule(number)
        for group in phase.optimizer.param_groups:
            group["lr"] = rate
        phase.optimizer.step()
        return loss.detach()
