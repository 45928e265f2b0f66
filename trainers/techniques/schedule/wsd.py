"""Warm-up, stable, decay: the full learning rate for most of the training, and a fall at its end."""

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.schedule.cosine import FINAL
from trainers.techniques.technique import Formula, Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="wsd",
    summary="stays, and falls to `lr_final` in the last `decay_share` of the longest training; warm-up is `warm_up`",
    paper="Hu, Tu, Han et al. 2024: MiniCPM: unveiling the potential of small language models",
    test="tests/unit/trainers/techniques/test_schedules.py::test_wsd_stays_and_then_falls",
    dimensions=(
        FINAL,
        real("decay_share", 0.1, 0.5, default=0.2, above=True, most=1.0, summary="share of steps in which it falls"),
    ),
)


def make(chosen: Chosen, total: int) -> Formula:
    """The formula."""
    final, falling = chosen.real("lr_final"), chosen.real("decay_share") * total
    return lambda step: 1 - (1 - final) * min(1.0, max(0.0, step - (total - falling)) / falling)
