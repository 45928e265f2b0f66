"""What a study looks like from afar: how many of its trials are where, how its best value came to be, when it ends."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.states import FINISHED
from service.domain.study import Study
from service.domain.trial import Trial
from service.domain.worker import Worker, serves
from service.usecases.mirrors import Mirror
from service.wire.trial import TrialState

_KEPT = 500
_POINTS = 60
_RATE_OVER = timedelta(hours=1)
_MANY_FAILED = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """The trials of a study by what a reader wants to know."""

    all: int
    completed: int
    pruned: int
    bad: int
    running: int
    waiting: int
    cancelled: int

    @classmethod
    def of(cls, counts: Mapping[TrialState, int]) -> "Counts":
        """From the counts by state."""
        return cls(
            all=sum(counts.values()),
            completed=counts.get("completed", 0),
            pruned=counts.get("pruned", 0),
            bad=counts.get("failed", 0) + counts.get("infeasible", 0),
            running=counts.get("running", 0),
            waiting=counts.get("queued", 0) + counts.get("paused", 0),
            cancelled=counts.get("cancelled", 0),
        )

    @property
    def finished(self) -> int:
        """Those that will not run again by themselves."""
        return self.completed + self.pruned + self.bad + self.cancelled


@dataclass(frozen=True, slots=True)
class Outline:
    """A study from afar, as of one moment."""

    study: Study
    counts: Counts
    best: Trial | None
    climb: Sequence[float]
    """The best value so far, after each trial that completed: thinned to what a small drawing shows."""
    per_hour: float | None
    eta_seconds: float | None

    @property
    def value(self) -> float | None:
        """The best value of the first objective."""
        if self.best is None or self.best.values is None:
            return None
        return self.best.values.get(self.study.definition.objectives[0].metric)


class Outlines:
    """Makes outlines. The climbs of those used last are kept: they change only when the study does."""

    def __init__(self) -> None:
        self._climbs: OrderedDict[int, tuple[int, Sequence[float]]] = OrderedDict()

    def of(self, study: Study, mirror: Mirror, now: datetime) -> Outline:
        """The outline of a study whose mirror is up to date."""
        trials = list(mirror.trials.values())
        counts = Counts.of(mirror.counts)
        rate = _rate(trials, now) if study.state in {"active", "stopping"} else None
        return Outline(study, counts, mirror.best(), self._climb(study, trials), rate, _eta(study, counts, rate))

    def _climb(self, study: Study, trials: Sequence[Trial]) -> Sequence[float]:
        known = self._climbs.get(study.id)
        if known is None or known[0] != study.seq:
            known = (study.seq, climb(study, trials))
            self._climbs[study.id] = known
            while len(self._climbs) > _KEPT:
                self._climbs.popitem(last=False)
        return known[1]


def climb(study: Study, trials: Sequence[Trial]) -> Sequence[float]:
    """The best value so far after each trial that completed, in the order in which they ended, thinned."""
    objective = study.definition.objectives[0]
    better = min if objective.direction == "minimize" else max
    ended = sorted((it for it in trials if it.state == "completed" and it.finished_at is not None), key=_when)
    best: list[float] = []
    for trial in ended:
        value = (trial.values or {}).get(objective.metric, math.nan)
        if not math.isnan(value):
            best.append(better(best[-1], value) if best else value)
    if len(best) <= _POINTS:
        return best
    return [best[round(place * (len(best) - 1) / (_POINTS - 1))] for place in range(_POINTS)]


def concerns(outline: Outline, workers: Sequence[Worker], now: datetime) -> list[str]:
    """What somebody should look at, in a few words each."""
    study, counts = outline.study, outline.counts
    found = []
    if study.state == "active" and not counts.running:
        able = [one for one in workers if one.state(now) == "online" and serves(one, study.definition)]
        if not able:
            found.append("no worker can run it" if any(one.state(now) == "online" for one in workers) else "no workers")
    if counts.bad >= _MANY_FAILED and counts.bad * 4 >= counts.finished:
        found.append(f"{counts.bad} of {counts.finished} failed")
    if study.state == "paused" and study.reason and study.reason != "paused by a user":
        found.append(study.reason)
    return found


def _rate(trials: Sequence[Trial], now: datetime) -> float | None:
    """How many trials have ended per hour, of late."""
    begun = min((it.started_at for it in trials if it.started_at is not None), default=None)
    if begun is None:
        return None
    since = max(begun, now - _RATE_OVER)
    ended = sum(
        it.state in FINISHED and it.origin != "added" and it.finished_at is not None and it.finished_at > since
        for it in trials
    )
    hours = (now - since).total_seconds() / 3600
    return ended / hours if ended and hours > 0 else None


def _eta(study: Study, counts: Counts, rate: float | None) -> float | None:
    most = study.definition.budget.max_trials
    if most is None or not rate or study.state != "active":
        return None
    left = most - (counts.finished - study.added)
    return max(left, 0) / rate * 3600


def _when(trial: Trial) -> tuple[datetime, int]:
    assert trial.finished_at is not None
    return trial.finished_at, trial.number
