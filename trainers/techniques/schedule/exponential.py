"""The exponential schedule: the learning rate falls by the same share at each step."""

from trainers.chosen import Chosen
from trainers.techniques.schedule.cosine import FINAL
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="exponential",
    summary="falls by the same share at each step, to `lr_final` at the study's longest training",
    paper="folklore; compared in Li, Yumer, Ramanan 2020: Budgeted training",
    test="tests/unit/trainers/techniques/test_schedules.py::test_formulas_are_those_of_torch[exponential]",
    dimensions=(FINAL,),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    # A final share of 0 cannot be reached by factors; this one is as good.
    final = max(chosen.real("lr_final"), 1e-8)
    return lambda step: final ** min(1.0, step / total)
