"""Measures of a model: sums over samples, so that those of several batches add up, and what they come to."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainers.data.dataset import IGNORED, Part, Task
from trainers.training import Evaluate

BATCH = 4096
"""Samples that are judged at once."""

Sums = dict[str, Tensor]


def evaluator(task: Task, part: Part, device: torch.device, called: str = "val") -> Evaluate:
    """A function that judges a model by a part of the data, in figures that are called after it."""

    def evaluate(model: nn.Module) -> Mapping[str, Tensor]:
        total: Sums = {}
        for inputs, targets in zip(torch.split(part.inputs, BATCH), torch.split(part.targets, BATCH), strict=True):
            outputs = model(part.taken(inputs.to(device, non_blocking=True)))
            for name, one in sums(outputs, targets).items():
                total[name] = total[name] + one if name in total else one
        return {f"{called}_{name}": one for name, one in figures(task, total).items()}

    return evaluate


def sums(outputs: Tensor, targets: Tensor) -> Sums:
    """What adds up over samples, on their device."""
    if targets.is_floating_point():
        return _of_numbers(outputs.float(), targets)
    classes = outputs.shape[-1]
    return _of_classes(outputs.float().reshape(-1, classes), targets.reshape(-1).long())


def figures(task: Task, total: Sums) -> dict[str, Tensor]:
    """What the sums come to. `loss` is always cross-entropy, or the mean square: trials of all losses compare."""
    if "squares" in total:
        return _numbers(total)
    loss = total["entropy"] / total["count"]
    found = {"loss": loss, "accuracy": total["confusion"].diagonal().sum() / total["count"]}
    if task == "language":
        return {**found, "perplexity": loss.exp()}
    return {**found, "f1": _f1(total["confusion"])}


def _of_classes(logits: Tensor, labels: Tensor) -> Sums:
    classes = logits.shape[1]
    asked = labels != IGNORED
    # What is not asked for is counted apart and left out. Scattering does not wait for the device, as counting would.
    pairs = torch.where(asked, labels * classes + logits.argmax(1), classes * classes)
    counts = torch.zeros(classes * classes + 1, dtype=torch.int64, device=logits.device)
    counts.scatter_add_(0, pairs, torch.ones_like(pairs))
    return {
        "count": asked.sum(),
        "entropy": functional.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED),
        "confusion": counts[:-1].reshape(classes, classes),
    }


def _f1(confusion: Tensor) -> Tensor:
    """The mean over classes that there are; rows are what is true."""
    right = confusion.diagonal()
    both = confusion.sum(0) + confusion.sum(1)
    return (2 * right / both.clamp(min=1)).sum() / (both > 0).sum()


def _of_numbers(outputs: Tensor, targets: Tensor) -> Sums:
    targets = targets.reshape(len(targets), -1)
    gap = outputs.reshape(targets.shape) - targets
    return {
        "count": torch.tensor(float(len(targets)), device=outputs.device),
        "squares": gap.square().sum(0),
        "sizes": gap.abs().sum(0),
        "targets": targets.sum(0),
        "target_squares": targets.square().sum(0),
    }


def _numbers(total: Sums) -> dict[str, Tensor]:
    count = total["count"]
    spread = total["target_squares"] - total["targets"].square() / count
    mean = (total["squares"] / count).mean()
    return {
        "loss": mean,
        "mse": mean,
        "mae": (total["sizes"] / count).mean(),
        "r2": (1 - total["squares"] / spread.clamp(min=1e-12)).mean(),
    }
