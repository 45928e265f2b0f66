"""Whether a curve goes on after a resume as it was before: a jump says that some of the state was not restored."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from service.domain.trial import Continuity
from service.wire.objective import Objective

NEEDED = 3
"""How many points after the resume are waited for: one alone may be an outlier."""

_LOOKED_AT = 12
_COMPARED = 3
_MOST_TIMES = 6.0
# Of a smooth curve's range: what it moves by in some steps is no jump.
_LEAST_SHARE = 0.05
_MAD = 1.4826

Curve = Sequence[tuple[int, float]]


def compare(objective: Objective, curve: Curve, resume_step: int) -> Continuity | None:
    """Compare the last points up to the step with the first ones behind it; None while there are too few of either.

    Medians, so that a single outlier on either side says nothing. The noise is that of the differences from point to
    point, less their trend. Only a change for the worse is a jump: to go on getting better is what training is for.
    """
    before = [value for step, value in curve if step <= resume_step and math.isfinite(value)][-_LOOKED_AT:]
    after = [value for step, value in curve if step > resume_step and math.isfinite(value)][:NEEDED]
    if len(before) < _COMPARED or len(after) < NEEDED:
        return None
    was, now = median(before[-_COMPARED:]), median(after)
    worse = now - was if objective.direction == "minimize" else was - now
    times = worse / _noise(before)
    return Continuity(metric=objective.metric, before=was, after=now, times_noise=times, jumped=times > _MOST_TIMES)


def _noise(values: Sequence[float]) -> float:
    steps = [after - before for before, after in pairwise(values)]
    trend = median(steps)
    spread = _MAD * median(abs(step - trend) for step in steps)
    share = _LEAST_SHARE * (max(values) - min(values))
    return max(spread, share, 1e-9 * max(map(abs, values)), 1e-300)
