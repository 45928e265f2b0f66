"""Measures of one training step and of one batch: pure functions on tensors, none of which waits for a device."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
"""A mean over samples of what outputs cost that should have been the targets."""

TANH_FLAT, SIGMOID_FLAT = 0.95, 0.475
"""So far from its middle a unit hardly answers to its input any more."""


def guess(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """What it costs to guess: the best loss of those who answer the same to every sample.

    A classifier that knows nothing answers the frequencies of the labels, or all labels alike (which is better where
    classes are weighted); a regression the mean or the median. A training is measured in this.
    """
    return torch.stack([loss(one, targets) for one in _constants(outputs, targets)]).min()


def _constants(outputs: Tensor, targets: Tensor) -> list[Tensor]:
    if not targets.is_floating_point():
        kinds = outputs.shape[-1]
        # What a loss leaves out, such as padding, has a label below zero.
        counts = torch.bincount(targets[targets >= 0], minlength=kinds)[:kinds].to(outputs.dtype)
        frequencies = (counts.clamp(min=0.5) / counts.sum()).log()
        return [frequencies.expand_as(outputs), torch.zeros_like(outputs)]
    middles = [targets.mean(0), targets.median(0).values]
    return [one.to(outputs.dtype).expand_as(targets).reshape(outputs.shape) for one in middles]


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """The length of each, in one vector."""
    # A training in half precision has gradients whose squares would overflow.
    return torch.stack(torch._foreach_norm([one.detach() for one in tensors], dtype=torch.float32))


def sizes(tensors: Sequence[Tensor]) -> Tensor:
    """The root of the number of elements of each: a length divided by it is a root mean square."""
    counts = torch.tensor([float(one.numel()) for one in tensors])
    return counts.sqrt().to(tensors[0].device)


def dead(outputs: Tensor) -> Tensor:
    """The share of units that answered nothing above zero to any sample of a batch."""
    return (_by_unit(outputs).amax(0) <= 0).float().mean()


def flat(outputs: Tensor, middle: float, far: float) -> Tensor:
    """The share of answers that lie so far from the middle that the slope is next to nothing."""
    return ((outputs.detach() - middle).abs() > far).float().mean()


def _by_unit(outputs: Tensor) -> Tensor:
    """One column a unit. Of an image's layer a unit is a channel: whatever it sees, at whatever place."""
    outputs = outputs.detach()
    return outputs.movedim(1, -1).flatten(0, -2) if outputs.ndim == 4 else outputs.flatten(0, -2)


def mislabelled(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of samples that a classifier is sure to be of another class than their label says.

    Confident learning (Northcutt, Jiang, Chuang 2021): sure is who gives a class at least the probability that the
    samples labelled so have on average.
    """
    given = functional.softmax(logits.float(), dim=1)
    of = functional.one_hot(labels, logits.shape[1]).to(given.dtype)
    average = (given * of).sum(0) / of.sum(0).clamp(min=1)
    # A class without a sample in the batch has no average: nobody can be sure of it.
    average = torch.where(of.sum(0) > 0, average, torch.full_like(average, 2.0))
    most, predicted = given.max(1)
    return ((most >= average[predicted]) & (predicted != labels)).float().mean()
