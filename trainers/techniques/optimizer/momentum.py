"""Momentum: steps go on in the direction of those before. A part of `sgd` and of `nesterov`."""

from trainers.space import real
from trainers.techniques.technique import Technique

MOMENTUM = real("momentum", 0.5, 0.99, default=0.9, most=0.9999, summary="share of the last step that goes on")

TECHNIQUE = Technique(
    kind="optimizer",
    name="momentum",
    summary="steps go on in the direction of those before; 0 in `sgd` is plain gradient descent",
    paper="Polyak 1964: Some methods of speeding up the convergence of iteration methods",
    test="tests/unit/trainers/techniques/test_optimizers.py::test_momentum_is_faster_along_a_valley",
    with_others=True,
)
