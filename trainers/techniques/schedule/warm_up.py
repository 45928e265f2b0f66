"""Warm-up: the learning rate rises in a straight line at the beginning. It goes with every schedule."""

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="warm_up",
    summary="the learning rate rises in a straight line over a share of the longest training; goes with any schedule",
    paper="Goyal, Dollar, Girshick et al. 2017: Accurate, large minibatch SGD: training ImageNet in 1 hour",
    test="tests/unit/trainers/techniques/test_schedules.py::test_warm_up_rises_and_then_leaves_the_schedule_alone",
    dimensions=(real("warm_up", 0.01, 0.1, default=0.0, most=1.0, summary="share of steps that rise"),),
    with_others=True,
)


def make(chosen: Chosen, total: int, schedule: Formula) -> Formula:
    """The schedule, with a rise before it."""
    rising = round(chosen.real("warm_up") * total)
    if rising < 1:
        return schedule
    return lambda step: schedule(step) * min(1.0, (step + 1) / rising)
