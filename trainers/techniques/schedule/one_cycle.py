"""The one-cycle schedule: up from little to the full learning rate, and down to next to nothing."""

import math

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Clash, Formula, Technique

_BEGINS = 1 / 25
_ENDS = _BEGINS / 1e4

TECHNIQUE = Technique(
    kind="schedule",
    name="one_cycle",
    summary="up to the learning rate over `cycle_up` of the longest training, then down to next to nothing",
    paper="Smith, Topin 2018: Super-convergence: very fast training of neural networks using large learning rates",
    test="tests/unit/trainers/techniques/test_schedules.py::test_formulas_are_those_of_torch[one_cycle]",
    dimensions=(real("cycle_up", 0.1, 0.5, default=0.3, above=True, most=0.9, summary="share of steps that go up"),),
    clashes=(
        Clash({"schedule": "one_cycle", "warm_up": {"min": 1e-9}}, "one_cycle warms up by itself: set warm_up to 0"),
    ),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    top, last = chosen.real("cycle_up") * total - 1, max(total - 1, 1)

    def share(step: int) -> float:
        if step < top:
            return _wave(_BEGINS, 1.0, step / top)
        return _wave(1.0, _ENDS, min(1.0, (step - top) / (last - top)) if last > top else 1.0)

    return share


def _wave(begin: float, end: float, part: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * part)) / 2
