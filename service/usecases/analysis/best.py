"""The best trials of a study, by one objective or by all of them, as they are told."""

import math
from collections.abc import Mapping, Sequence
from heapq import nsmallest

from service.domain.errors import Invalid
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.analysis.analyst import Front, Volumes
from service.wire.analysis import Aim, BestTrials, ParetoFront, RankedTrial
from service.wire.message import shown
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState

_COMPROMISES = (
    "There are several objectives: these trials are beaten by no other in all of them, and the first is the nearest to "
    "the best of each. The whole front, with its hypervolume, is at /pareto."
)


def by_value(study: Study, trials: Mapping[int, Trial], count: int) -> BestTrials:
    """The best completed trials by the only objective; of equals, the first to be added."""
    objective = study.definition.objectives[0]
    sign = 1 if objective.direction == "minimize" else -1
    valued = [
        (sign * value, trial.number, trial)
        for trial in trials.values()
        if trial.state == "completed"
        and (value := (trial.values or {}).get(objective.metric)) is not None
        and not math.isnan(value)
    ]
    best = [trial for _, _, trial in nsmallest(count, valued, key=lambda one: one[:2])]
    reason = None if best else nothing(trials)
    return BestTrials(study=study.name, seq=study.seq, by="value", trials=_ranked(study, best), reason=reason)


def by_front(study: Study, trials: Mapping[int, Trial], front: Front, count: int) -> BestTrials:
    """The trials of the front, good compromises first."""
    best = front.compromises[:count]
    reason = _COMPROMISES if best else nothing(trials)
    return BestTrials(study=study.name, seq=study.seq, by="front", trials=_ranked(study, best), reason=reason)


def front(
    study: Study, trials: Mapping[int, Trial], found: Front, volumes: Volumes | None, count: int, *, given: bool
) -> ParetoFront:
    """The whole front, by its first objective."""
    return ParetoFront(
        study=study.name,
        seq=study.seq,
        objectives=tuple(Aim(metric=one.metric, direction=one.direction) for one in study.definition.objectives),
        trials=_ranked(study, found.trials[:count]),
        size=len(found.trials),
        of=found.of,
        hypervolume=volumes.hypervolume if volumes else None,
        reference=dict(volumes.reference) if volumes else None,
        reference_from=("given" if given else "front") if volumes else None,
        history=tuple(volumes.history or ()) if volumes else (),
        reason=_left_out(volumes) if volumes else nothing(trials),
    )


def _left_out(volumes: Volumes) -> str | None:
    if volumes.hypervolume is None:
        return "The front has too many points in too many objectives for its hypervolume to be worked out in time."
    if volumes.history is None:
        return "The front has too many points for the history of its hypervolume to be worked out in time."
    return None


def _ranked(study: Study, trials: Sequence[Trial]) -> tuple[RankedTrial, ...]:
    metrics = [objective.metric for objective in study.definition.objectives]
    return tuple(
        RankedTrial(
            rank=place,
            number=trial.number,
            values={metric: (trial.values or {})[metric] for metric in metrics},
            params=dict(trial.params),
        )
        for place, trial in enumerate(trials, start=1)
    )


def nothing(trials: Mapping[int, Trial]) -> str:
    """Why there is no best trial."""
    if not trials:
        return "The study has no trials yet."
    counts: dict[TrialState, int] = {}
    for trial in trials.values():
        counts[trial.state] = counts.get(trial.state, 0) + 1
    if counts.get("completed"):
        return f"None of the {counts['completed']:,} completed trials has a number for each objective."
    return f"No trial has completed yet: {', '.join(f'{count:,} {state}' for state, count in sorted(counts.items()))}."


def read_reference(definition: StudyDefinition, text: str) -> dict[str, float]:
    """A reference point as it is written: `val_loss:1.0,latency:20`, with each objective once."""
    names = [objective.metric for objective in definition.objectives]
    found: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = part.strip().rpartition(":")
        value = _number(number)
        if not colon or value is None:
            raise Invalid.field("reference", f"cannot be read: {shown(part)} (write METRIC:NUMBER,METRIC:NUMBER)")
        if name not in names or name in found:
            why = "stands twice" if name in found else "is no objective of this study"
            raise Invalid.field("reference", f"{shown(name)} {why}: name {' and '.join(names)}, each once")
        found[name] = value
    if missing := [name for name in names if name not in found]:
        raise Invalid.field("reference", f"must name each objective: {' and '.join(missing)} {_are(missing)} missing")
    return found


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
