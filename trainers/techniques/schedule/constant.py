"""The constant schedule: the learning rate stays as it is."""

from trainers.chosen import Chosen
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="constant",
    summary="the learning rate stays as it is",
    paper="Robbins, Monro 1951: A stochastic approximation method",
    test="tests/unit/trainers/techniques/test_schedules.py::test_constant_stays",
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    return lambda _: 1.0
