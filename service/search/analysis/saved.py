"""What a replay comes to: what would have been saved, and what would have been lost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.trial import Trial
from service.usecases.analysis.analyst import Recording
from service.usecases.engine import judged
from service.wire.analysis import Halted, Loss, Replay, Spent, TopKept
from service.wire.objective import Objective
from service.wire.scheduler import AutoScheduler
from service.wire.trial import Act

_TOP = (1, 3, 5, 10, 20)
_MOST_TOLD = 200
_STOPPED = frozenset({"pruned", "paused"})


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the other scheduler would have stopped a trial, and how many points it had by then."""

    step: int
    act: Act
    reason: str | None
    points: int


def assess(recording: Recording, chosen: Sequence[int], stops: Mapping[int, Stop], *, of: int, promoted: int) -> Replay:
    """What was saved and lost. `stops` are in the order in which they would have happened."""
    given = [number for number in chosen if recording.trials[number].origin == "added"]
    judged_ones = [number for number in chosen if recording.trials[number].origin != "added"]
    gpu_seconds, gpu_trials = _gpu(recording, judged_ones, stops)
    objective = _objective(recording)
    ranked = _ranked(recording, judged_ones, objective)
    listed = list(stops.items())[:_MOST_TOLD]
    return Replay(
        trials=len(judged_ones),
        of=of,
        given=len(given),
        stopped=sum(stop.act == "stop" for stop in stops.values()),
        paused=sum(stop.act == "pause" for stop in stops.values()),
        promoted=promoted,
        really_stopped=sum(recording.trials[number].state in _STOPPED for number in judged_ones),
        unknown=sum(recording.trials[number].state in _STOPPED for number in judged_ones if number not in stops),
        steps=_steps(recording, judged_ones, stops),
        gpu_seconds=gpu_seconds,
        gpu_trials=gpu_trials,
        best=_loss(ranked, objective, stops),
        top=tuple(
            TopKept(k=k, kept=sum(trial.number not in stops for trial in ranked[:k])) for k in _TOP if k <= len(ranked)
        ),
        halted=tuple(_halted(recording, number, stop) for number, stop in listed),
        halted_more=len(stops) - len(listed),
        notes=tuple(_notes(recording, judged_ones, stops, of - len(chosen))),
    )


def _steps(recording: Recording, numbers: Sequence[int], stops: Mapping[int, Stop]) -> Spent:
    really = sum(recording.curves[number].steps[-1] for number in numbers)
    replayed = sum(stops[one].step if one in stops else recording.curves[one].steps[-1] for one in numbers)
    return Spent(really=really, replayed=replayed, saved=really - replayed)


def _gpu(recording: Recording, numbers: Sequence[int], stops: Mapping[int, Stop]) -> tuple[Spent | None, int]:
    """GPU seconds, spread evenly over the points of a trial."""
    known = {one: used for one in numbers if (used := recording.ran[one].gpu_seconds) is not None}
    if not known:
        return None, 0
    really = math.fsum(known.values())
    replayed = math.fsum(
        used * (stops[one].points / len(recording.curves[one]) if one in stops else 1.0) for one, used in known.items()
    )
    return Spent(really=really, replayed=replayed, saved=really - replayed), len(known)


def _objective(recording: Recording) -> Objective:
    """The objective whose curves were looked at, or the first if they are of no objective."""
    definition = recording.study.definition
    metric = judged(definition)
    return next((one for one in definition.objectives if one.metric == metric), definition.objectives[0])


def _ranked(recording: Recording, numbers: Sequence[int], objective: Objective) -> list[Trial]:
    """The completed trials that have a value, the best first."""
    sign = 1 if objective.direction == "minimize" else -1
    found = []
    for number in numbers:
        trial = recording.trials[number]
        value = (trial.values or {}).get(objective.metric) if trial.state == "completed" else None
        if value is not None and not math.isnan(value):
            found.append((sign * value, number, trial))
    return [trial for _, _, trial in sorted(found, key=lambda one: one[:2])]


def _loss(ranked: Sequence[Trial], objective: Objective, stops: Mapping[int, Stop]) -> Loss | None:
    if not ranked:
        return None
    metric, best = objective.metric, ranked[0]
    value = (best.values or {})[metric]
    kept = next((trial for trial in ranked if trial.number not in stops), None)
    left = None if kept is None else (kept.values or {})[metric]
    return Loss(
        metric=metric,
        number=best.number,
        value=value,
        kept=best.number not in stops,
        stopped_at=stops[best.number].step if best.number in stops else None,
        next_number=None if kept is None else kept.number,
        next_value=left,
        regret=None if left is None else 0.0 if left == value else abs(left - value),
    )


def _halted(recording: Recording, number: int, stop: Stop) -> Halted:
    trial = recording.trials[number]
    return Halted(
        number=number,
        step=stop.step,
        act=stop.act,
        reason=stop.reason,
        really=trial.state,
        last_step=recording.curves[number].steps[-1],
        values=None if trial.values is None else dict(trial.values),
    )


def _notes(recording: Recording, numbers: Sequence[int], stops: Mapping[int, Stop], left: int) -> list[str]:
    notes = [
        "Points carry no times: each trial's are taken to have come evenly from its start to its end.",
        "The parameters stay as they were: another scheduler would have led the sampler to other points.",
    ]
    if left > 0:
        notes.append(
            f"{left:,} trials were left out to answer in seconds: evenly chosen ones were judged, the best ten among "
            "them. Shares hold for the whole study, sums do not."
        )
    if any(stop.act == "pause" for stop in stops.values()):
        notes.append("Paused trials went on when another ended or paused, and may go on later still.")
    if isinstance(recording.study.definition.scheduler, AutoScheduler):
        notes.append("auto is replayed as it judges trials that cannot be paused: by stopping them at rungs.")
    if any(recording.trials[number].state in _STOPPED for number in numbers if number not in stops):
        notes.append(
            "Curves end where the study's own scheduler cut them: what would have come behind that is unknown, and is "
            "counted neither as saved nor as spent."
        )
    return notes
