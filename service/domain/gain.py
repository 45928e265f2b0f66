"""Whether a study still gets better: how many trials in a row have completed without a gain."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.domain.trial import Trial
from service.wire.objective import NoGain, Objective

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the trials up to a seq have come: those that were gains and are beaten by no later one, and since when.

    With one objective there is one such trial: the best at the last gain.
    """

    seq: int = 0
    since: int = 0
    front: tuple[Values, ...] = ()


def read(tally: Mapping[str, Any], rule: NoGain) -> Progress:
    """The progress that was kept; none if it was counted by another measure of a gain."""
    kept = tally.get("gain")
    if kept is None or kept["min_gain"] != rule.min_gain:
        return Progress()
    return Progress(kept["seq"], kept["since"], tuple(tuple(values) for values in kept["front"]))


def written(progress: Progress, rule: NoGain) -> dict[str, Any]:
    """The progress as it is kept."""
    front = [list(values) for values in progress.front]
    return {"min_gain": rule.min_gain, "seq": progress.seq, "since": progress.since, "front": front}


def further(
    progress: Progress, trials: Iterable[Trial], objectives: Sequence[Objective], rule: NoGain, after: int
) -> Progress:
    """The progress with the trials that changed behind it, in the order in which they did.

    Those that ran elsewhere set the mark and are not counted, and neither are those up to the seq `after`.
    """
    for trial in trials:
        progress = replace(progress, seq=trial.seq)
        values = _upright(trial, objectives) if trial.searches else None
        if values is None:
            continue
        gained = all(_gains(values, mark, rule.min_gain) for mark in progress.front)
        if gained:
            left = tuple(mark for mark in progress.front if not _covers(values, mark))
            progress = replace(progress, front=(*left, values))
        if trial.origin != "added" and trial.seq > after:
            progress = replace(progress, since=0 if gained else progress.since + 1)
    return progress


def over(progress: Progress, rule: NoGain) -> str | None:
    """Why the study has come to its end, if it has stopped getting better."""
    if progress.since < rule.trials:
        return None
    much = f" of more than {rule.min_gain:g}" if rule.min_gain else ""
    return f"no gain{much} in the last {progress.since} completed trials"


def _upright(trial: Trial, objectives: Sequence[Objective]) -> Values | None:
    """The objectives' values of a completed trial, turned so that smaller is better; None if it has them not all."""
    found = trial.values or {}
    if trial.state != "completed" or any(one.metric not in found for one in objectives):
        return None
    return tuple(found[one.metric] * (1 if one.direction == "minimize" else -1) for one in objectives)


def _gains(values: Values, mark: Values, min_gain: float) -> bool:
    """Whether values are better than a mark in some objective, by more than so much."""
    return any(there - here > min_gain for here, there in zip(values, mark, strict=True))


def _covers(values: Values, mark: Values) -> bool:
    return all(here <= there for here, there in zip(values, mark, strict=True))
