"""The linear schedule: down in a straight line."""

from trainers.chosen import Chosen
from trainers.techniques.schedule.cosine import FINAL
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="linear",
    summary="down in a straight line to `lr_final` at the study's longest training",
    paper="folklore; compared in Li, Yumer, Ramanan 2020: Budgeted training",
    test="tests/unit/trainers/techniques/test_schedules.py::test_formulas_are_those_of_torch[linear]",
    dimensions=(FINAL,),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    final = chosen.real("lr_final")
    return lambda step: 1 - (1 - final) * min(1.0, step / total)
