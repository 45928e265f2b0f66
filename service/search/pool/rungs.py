"""Rungs: at how much training decisions fall, and what each trial had to show there.

What a trial showed is remembered with the trial itself, as one entry for each rung. Whoever decides at a rung reads the
entries of all trials there, and no curves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.trial import Trial
from service.usecases.engine import Curve, Latest
from service.wire.study import StudyDefinition

SHOWN = "basin:rungs"
UNSHOWN = frozenset({"failed", "infeasible", "cancelled"})

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs that grow by a factor. `least` is how much training there is at the first; from `most` on none decides."""

    least: float
    factor: int
    most: float | None = None

    def reached(self, amount: float) -> int:
        """How many rungs lie at or below an amount of training."""
        count = 0
        while amount >= self.at(count):
            count += 1
        return count

    def at(self, rung: int) -> float:
        """How much training there is at a rung."""
        return self.least * float(self.factor) ** rung

    def over(self, amount: float) -> bool:
        """Whether nothing is left to decide."""
        return self.most is not None and amount >= self.most


def amount(resource: str, latest: Latest) -> float | None:
    """How much training there has been, in the unit that counts; None if the point does not tell."""
    match resource:
        case "step":
            return latest.step
        case "elapsed":
            return latest.elapsed
        case "cost":
            return latest.cost
        case metric:
            found = latest.metrics.get(metric)
            return found if found is not None and math.isfinite(found) else None


def shown(trial: Trial) -> list[Values]:
    """What a trial had to show at each rung that it came to."""
    return [tuple(math.nan if value is None else value for value in entry) for entry in trial.system.get(SHOWN, ())]


def entries(values: Sequence[Values]) -> list[list[float | None]]:
    """What a trial has shown in the form in which it is stored, where there is no NaN."""
    return [[None if math.isnan(value) else value for value in entry] for entry in values]


def at_rung(trials: Mapping[int, Trial], rung: int, besides: int | None = None) -> dict[int, Values]:
    """What the trials that came to a rung had to show there; those that could not be trained are left out."""
    found = {}
    for number, trial in trials.items():
        entry = trial.system.get(SHOWN)
        if entry is not None and len(entry) > rung and number != besides and trial.state not in UNSHOWN:
            found[number] = tuple(math.nan if value is None else value for value in entry[rung])
    return found


def shows(definition: StudyDefinition, metric: str | None, curve: Curve, latest: Latest) -> Values | None:
    """What a trial has to show now: the named metric, or every objective's; None if a metric is not in the point."""
    if metric is None and len(definition.objectives) > 1:
        found = [latest.metrics.get(objective.metric) for objective in definition.objectives]
        return None if None in found else tuple(value for value in found if value is not None)
    objective = definition.objectives[0]
    value = latest.metrics.get(metric or objective.metric)
    if value is None:
        return None
    if objective.value == "best" and metric in {None, objective.metric} and len(curve):
        # A trial is as good as its best point was; later ones may only have got worse.
        finite = [one for one in curve.values if not math.isnan(one)]
        pick = min if objective.direction == "minimize" else max
        return (pick(finite) if finite else math.nan,)
    return (value,)
