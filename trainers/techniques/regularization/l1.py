"""L1: weights pay for their size, and those that are not worth it become exactly zero."""

import torch

from trainers.space import choice, real
from trainers.techniques.optimizer.reach import reaches
from trainers.techniques.technique import Taken, Technique

LAMBDA = real("lambda", 1e-7, 1e-3, log=True, default=0.0, summary="what weights pay for their size")
MODE = choice(
    "penalty_mode",
    "proximal",
    "gradient",
    default="proximal",
    searched=False,
    summary="after the step, so that zeros are exact, or as a part of the gradient",
)

TECHNIQUE = Technique(
    kind="regularization",
    name="l1",
    summary="`lambda` times the sum of sizes, with `l1_ratio` 1: weights that are not worth it become exactly 0",
    paper="Tibshirani 1996: Regression shrinkage and selection via the lasso; proximal: Yun, Lozano, Yang 2021",
    test="tests/unit/trainers/techniques/test_penalties.py::test_l1_finds_the_inputs_that_matter",
    dimensions=(LAMBDA, MODE),
)


def shrink(taken: Taken, strength: float) -> None:
    """What the step left becomes smaller by as much as the optimizer makes of the penalty's gradient, or 0."""
    sizes = torch._foreach_abs(taken.weights)
    torch._foreach_sub_(sizes, reaches(taken, strength))
    torch._foreach_clamp_min_(sizes, 0.0)
    signs = torch._foreach_sign(taken.weights)
    torch._foreach_copy_(taken.weights, torch._foreach_mul(signs, sizes))


def into_gradient(taken: Taken, strength: float) -> None:
    """The gradient of strength times the sum of sizes, where it has one."""
    gradients = [one.grad for one in taken.weights if one.grad is not None]
    torch._foreach_add_(gradients, torch._foreach_sign(taken.weights), alpha=strength)
