"""The step schedule: the learning rate falls a few times, each time by the same factor."""

from trainers.chosen import Chosen
from trainers.space import real, whole
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="step",
    summary="the learning rate falls `lr_drops` times, evenly spread, each time by `lr_gamma`",
    paper="Krizhevsky, Sutskever, Hinton 2012: ImageNet classification with deep convolutional neural networks",
    test="tests/unit/trainers/techniques/test_schedules.py::test_formulas_are_those_of_torch[step]",
    dimensions=(
        whole("lr_drops", 1, 5, default=2, summary="how often the learning rate falls"),
        real("lr_gamma", 0.1, 0.9, default=0.1, above=True, most=1.0, summary="what it is multiplied by each time"),
    ),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    drops, gamma = chosen.whole("lr_drops"), chosen.real("lr_gamma")
    return lambda step: gamma ** min(drops, step * (drops + 1) // total)
