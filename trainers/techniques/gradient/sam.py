"""Sharpness-aware minimisation: the gradient is taken where the loss nearby is worst, so that flat minima are found."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainers.space import real
from trainers.techniques.technique import Clash, Technique

TECHNIQUE = Technique(
    kind="gradient",
    name="sam",
    summary="the gradient is taken `sam_rho` up the slope, which finds flat minima; a step costs twice as much",
    paper="Foret, Kleiner, Mobahi, Neyshabur 2021: Sharpness-aware minimization for improving generalization",
    test="tests/unit/trainers/techniques/test_gradients.py::test_sam_steps_as_the_paper_has_it",
    dimensions=(real("sam_rho", 0.01, 0.5, log=True, default=0.0, summary="how far up the slope"),),
    clashes=(
        Clash(
            {"sam_rho": {"min": 1e-12}, "precision": "fp16"},
            "sam_rho needs gradients in true size, which fp16 scales: choose precision bf16 or fp32",
        ),
    ),
)


@contextmanager
def climbed(parameters: list[nn.Parameter], model: nn.Module, rho: float) -> Iterator[None]:
    """Within this the weights are up the slope, and statistics of normalisations are not taken."""
    having: list[Tensor] = [one for one in parameters if one.grad is not None]
    gradients = [one.grad for one in having if one.grad is not None]
    before = [one.detach().clone() for one in having]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    with torch.no_grad():
        torch._foreach_add_(having, list(torch._foreach_mul(gradients, rho / (norm + 1e-12))))
    norms = [(one, one.momentum) for one in model.modules() if isinstance(one, _BatchNorm)]
    for one, _ in norms:
        one.momentum = 0.0
    try:
        yield
    finally:
        for one, momentum in norms:
            one.momentum = momentum
        with torch.no_grad():
            torch._foreach_copy_(having, before)
