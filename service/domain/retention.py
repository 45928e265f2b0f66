"""Which checkpoints go when there are too many: a pure choice among those that the server keeps."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from service.domain.trial import Checkpoint, Trial
from service.wire.objective import Objective
from service.wire.trial import TrialState

_TO_GO_ON: frozenset[TrialState] = frozenset({"queued", "running"})


def superseded(newest_first: Sequence[Checkpoint], keep_last: int) -> Sequence[Checkpoint]:
    """Those of one trial that newer ones have taken the place of. The newest of all is never among them."""
    kept = [one for one in newest_first if one.artifact is not None]
    newest = newest_first[0] if newest_first else None
    return [one for one in kept[keep_last:] if one is not newest]


def over_limit(
    checkpoints: Sequence[Checkpoint], trials: Mapping[int, Trial], objective: Objective, most_bytes: int
) -> Sequence[Checkpoint]:
    """Those of a study that must go, so that the others fit.

    First those of ended trials, the worst before the better; then older ones of trials that are going on; then the best
    trial's; those of paused trials last. The newest one of a trial that runs or is queued stays whatever it costs, and
    so does the model of a refit.
    """
    over = sum(one.size for one in checkpoints) - most_bytes
    gone = []
    for one in _in_order(checkpoints, trials, objective):
        if over <= 0:
            break
        gone.append(one)
        over -= one.size
    return gone


def _in_order(
    checkpoints: Sequence[Checkpoint], trials: Mapping[int, Trial], objective: Objective
) -> Iterable[Checkpoint]:
    of_trial: dict[int, list[Checkpoint]] = defaultdict(list)
    for one in sorted(checkpoints, key=_age):
        of_trial[one.key.number].append(one)
    # The model that a refit leaves is what the study was made for.
    ended = [
        trial for number in of_trial if (trial := trials.get(number)) and trial.finished and trial.purpose != "refit"
    ]
    ended.sort(key=lambda trial: _badness(trial, objective), reverse=True)
    best = ended[-1:] if ended and math.isfinite(_badness(ended[-1], objective)) else []
    paused = [trial for number in of_trial if (trial := trials.get(number)) and trial.state == "paused"]
    for trial in ended[: len(ended) - len(best)]:
        yield from of_trial[trial.number]
    for number, held in of_trial.items():
        if (trial := trials.get(number)) and trial.state in _TO_GO_ON:
            yield from held[:-1]
    for trial in [*best, *sorted(paused, key=lambda trial: trial.number, reverse=True)]:
        yield from of_trial[trial.number]


def _age(checkpoint: Checkpoint) -> tuple[int, int, int]:
    return checkpoint.key.number, checkpoint.key.attempt, checkpoint.step


def _badness(trial: Trial, objective: Objective) -> float:
    """The greater the worse; a trial without a result is the worst."""
    value = (trial.values or {}).get(objective.metric) if trial.state == "completed" else None
    if value is None or math.isnan(value):
        return math.inf
    return value if objective.direction == "minimize" else -value
