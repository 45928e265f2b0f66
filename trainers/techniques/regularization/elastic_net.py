"""The elastic net: L1 and L2 in one, by a share between them."""

from collections.abc import Callable

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.regularization import l1, l2
from trainers.techniques.technique import Change, Taken, Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="elastic_net",
    summary="`lambda` times (`l1_ratio` times L1 and the rest L2): zeros, yet groups of weights stay together",
    paper="Zou, Hastie 2005: Regularization and variable selection via the elastic net",
    test="tests/unit/trainers/techniques/test_penalties.py::test_elastic_net_is_scikit_learn_s",
    dimensions=(
        l1.LAMBDA,
        real("l1_ratio", 0.0, 1.0, default=1.0, most=1.0, searched=False, summary="share of L1 in the penalty"),
        l1.MODE,
    ),
)

_Penalty = Callable[[Taken, float], None]


def make(chosen: Chosen) -> tuple[Change | None, Change | None]:
    """What is to be done to gradients, and what to weights after a step."""
    strength, ratio = chosen.real("lambda"), chosen.real("l1_ratio")
    first, second = strength * ratio, strength * (1 - ratio)
    if not strength:
        return None, None
    if chosen.text("penalty_mode") == "gradient":
        return _both(l1.into_gradient, first, l2.into_gradient, second), None
    # L1's shrinking and then L2's is the proximal step of their sum.
    return None, _both(l1.shrink, first, l2.shrink, second)


def _both(one: _Penalty, first: float, other: _Penalty, second: float) -> Change:
    def change(taken: Taken) -> None:
        if first:
            one(taken, first)
        if second:
            other(taken, second)

    return change
