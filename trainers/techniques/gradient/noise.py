"""Gradient noise: chance is added to gradients, less and less of it."""

import torch

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Change, Taken, Technique

_FADES = 0.55

TECHNIQUE = Technique(
    kind="gradient",
    name="noise",
    summary="normal noise of variance `gradient_noise` / (1 + step)^0.55 is added to gradients",
    paper="Neelakantan, Vilnis, Le et al. 2015: Adding gradient noise improves learning for very deep networks",
    test="tests/unit/trainers/techniques/test_gradients.py::test_noise_has_the_variance_of_the_paper",
    dimensions=(real("gradient_noise", 0.01, 1.0, log=True, default=0.0, summary="its variance at the first step"),),
)


def make(chosen: Chosen) -> Change | None:
    """What is to be done to gradients."""
    variance = chosen.real("gradient_noise")

    def change(taken: Taken) -> None:
        size = (variance / (1 + taken.number) ** _FADES) ** 0.5
        for one in taken.parameters:
            if one.grad is not None:
                drawn = torch.randn(one.shape, generator=taken.generator, device=one.device, dtype=one.dtype)
                one.grad.add_(drawn, alpha=size)

    return change if variance else None
