"""Targets as losses take them: classes as numbers, or as shares of each class where samples were mixed or smoothed."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import IGNORED, Data
from trainers.space import BadParameter
from trainers.techniques.loss import class_weights

Loss = Callable[[Tensor, Tensor], Tensor]
"""Takes outputs and targets, and gives the mean over samples."""


def has_classes(data: Data) -> bool:
    """Whether targets are classes (or symbols), rather than numbers."""
    return not data.train.targets.is_floating_point()


def check_classes(name: str, data: Data, *, every: bool = True) -> None:
    """Refuses a loss of classes where there are numbers, and with `every` where some steps are not asked for."""
    if not has_classes(data):
        raise BadParameter("loss", f"{name!r} is of classes, but {data.name} has numbers to predict; try 'mse'")
    if every:
        check_every(name, data)


def check_every(name: str, data: Data) -> None:
    """Refuses a loss that needs a target at each step where some have none."""
    if has_classes(data) and bool((data.train.targets == IGNORED).any()):
        raise BadParameter(
            "loss", f"{name!r} needs a target at each step, but {data.name} has some without; try 'cross_entropy'"
        )


def shares(outputs: Tensor, targets: Tensor) -> Tensor:
    """Targets in the shape of the outputs: numbers as they are, classes as shares."""
    if targets.is_floating_point():
        return targets.reshape(outputs.shape)
    return one_hot(targets, outputs.shape[-1]).to(outputs.dtype)


def one_hot(targets: Tensor, classes: int) -> Tensor:
    """Classes as shares: all of the one that it is. PyTorch's own function asks the device for the largest of them."""
    return torch.zeros(*targets.shape, classes, device=targets.device).scatter_(-1, targets.unsqueeze(-1), 1.0)


def expected(losses: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """The mean over samples, where `losses` says for each class what the loss would be if that were the right one."""
    if targets.is_floating_point():
        counted = targets if weights is None else targets * weights
        return (losses * counted).sum(-1).mean()
    asked = targets != IGNORED
    right = targets.clamp(min=0)
    taken = losses.gather(-1, right.unsqueeze(-1)).squeeze(-1) * asked
    return (taken if weights is None else taken * weights[right]).sum() / asked.sum().clamp(min=1)


def of_classes(name: str, chosen: Chosen, data: Data, losses: Callable[[Tensor], Tensor]) -> Loss:
    """A loss made of what each class would cost if it were the right one, with the weights of classes."""
    check_classes(name, data, every=False)
    weights = class_weights.make(chosen, data)
    return lambda outputs, targets: expected(losses(outputs), targets, weights)
