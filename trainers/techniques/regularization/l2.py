"""L2: weights pay for their square."""

import torch

from trainers.techniques.optimizer.reach import reaches
from trainers.techniques.regularization.l1 import LAMBDA, MODE
from trainers.techniques.technique import Taken, Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="l2",
    summary="half of `lambda` times the sum of squares, with `l1_ratio` 0: all weights become smaller",
    paper="Hoerl, Kennard 1970: Ridge regression: biased estimation for nonorthogonal problems",
    test="tests/unit/trainers/techniques/test_penalties.py::test_l2_is_ridge_regression",
    dimensions=(LAMBDA, MODE),
)


def shrink(taken: Taken, strength: float) -> None:
    """What the step left becomes smaller by a share."""
    torch._foreach_div_(taken.weights, list(torch._foreach_add(reaches(taken, strength), 1.0)))


def into_gradient(taken: Taken, strength: float) -> None:
    """The gradient of half of strength times the sum of squares."""
    gradients = [one.grad for one in taken.weights if one.grad is not None]
    torch._foreach_add_(gradients, taken.weights, alpha=strength)
