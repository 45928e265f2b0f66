"""The cosine schedule: down along half a wave, slowly at both ends."""

import math

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Formula, Technique

FINAL = real("lr_final", 1e-3, 1.0, log=True, default=1e-2, most=1.0, summary="share of the learning rate at the end")

TECHNIQUE = Technique(
    kind="schedule",
    name="cosine",
    summary="down along half a wave to `lr_final` at the study's longest training",
    paper="Loshchilov, Hutter 2017: SGDR: stochastic gradient descent with warm restarts",
    test="tests/unit/trainers/techniques/test_schedules.py::test_formulas_are_those_of_torch[cosine]",
    dimensions=(FINAL,),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    final = chosen.real("lr_final")
    return lambda step: final + (1 - final) * (1 + math.cos(math.pi * min(1.0, step / total))) / 2
