"""Mixup: a model learns from mixtures of two samples, whose targets are mixed likewise."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import BadParameter, real
from trainers.techniques.loss.targets import one_hot
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="mixup",
    summary="a model learns from mixtures of two samples and of their targets",
    paper="Zhang, Cisse, Dauphin, Lopez-Paz 2018: mixup: beyond empirical risk minimization",
    test="tests/unit/trainers/techniques/test_target.py::test_mixtures_are_of_two_samples_by_a_beta_variable",
    dimensions=(
        real("mixup_alpha", 0.0, 1.0, default=0.0, most=32.0, summary="how even mixtures of samples are; 0 is none"),
    ),
)

Mix = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def make(chosen: Chosen, data: Data) -> Mix | None:
    """What mixes inputs and targets, where it was chosen."""
    alpha = chosen.real("mixup_alpha") if "mixup_alpha" in chosen.dimensions else 0.0
    if not alpha:
        return None
    if data.train.symbols:
        raise BadParameter("mixup_alpha", f"must be 0 for {data.name}: its inputs are symbols, and cannot be mixed")
    return lambda inputs, targets, generator: mix(inputs, targets, data.outputs, alpha, generator)


def mix(
    inputs: Tensor, targets: Tensor, classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each sample with another one; classes become shares of classes."""
    count, device = len(inputs), inputs.device
    if not targets.is_floating_point():
        targets = one_hot(targets, classes).to(inputs.dtype)
    # Two gamma variables make a beta variable. In double precision none of them comes out as 0, however small alpha is.
    drawn = torch._standard_gamma(torch.full((2, count), alpha, dtype=torch.float64, device=device), generator)
    share = (drawn[0] / drawn.sum(0)).to(inputs.dtype)
    other = torch.randperm(count, generator=generator, device=device)

    def mixed(values: Tensor) -> Tensor:
        part = share.reshape(count, *[1] * (values.ndim - 1))
        return part * values + (1 - part) * values[other]

    return mixed(inputs), mixed(targets)
