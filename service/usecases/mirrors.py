"""Mirrors: what a process remembers of the studies it works with, brought up to date by their `seq`.

A mirror is never the truth and may be thrown away at any time. It holds every trial of a study's search, so that
counting them, finding the best, or sampling the next needs no reading of what has been read before: only trials that
changed are. Reruns are not in it: nobody searches by them.
Refresh it in reads alone: a write may yet be undone, and the mirror would remember what never was.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Literal

from service.domain.curve import better
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, History, Track, judged
from service.usecases.ports import Transaction
from service.wire.trial import TrialState

# What a chunk takes while it is read is memory that the process keeps: small ones, so that it is little.
_AT_ONCE = 1_000
_CURVES_AT_ONCE = 200


class Mirror:
    """The trials of one study's search, as of its `seq`."""

    def __init__(self) -> None:
        self.seq = 0
        self.trials: dict[int, Trial] = {}
        self.counts: Counter[TrialState] = Counter()
        self._queued: set[int] = set()
        self._curves: dict[int, Curve] = {}
        self._uncharted: set[int] = set()
        self._best: Trial | None = None
        self._track = Track()
        self._lock = threading.Lock()

    def refresh(self, tx: Transaction, study: Study) -> None:
        """Take in what has changed up to the study's seq. The study must have been read in this transaction."""
        with self._lock:
            while self.seq < study.seq:
                changed = tx.trials.changed(study.id, self.seq, _AT_ONCE)
                self._take(study, changed)
                # A chunk that is not full was the last one: whatever else raised the seq was no trial.
                self.seq = changed[-1].seq if len(changed) == _AT_ONCE else study.seq

    def history(self, tx: Transaction, study: Study) -> History:
        """All that a search engine is told, as of this transaction: a copy that later changes leave alone."""
        self.refresh(tx, study)
        with self._lock:
            if self._uncharted:
                self._chart(tx, study)
            return History(study, dict(self.trials), dict(self._curves), study.system, self._track.trail)

    def waiting(self, history: History) -> tuple[Trial, ...]:
        """The trials of a history that are queued, the next one first. Those behind it may be taken by now."""
        with self._lock:
            numbers = sorted(self._queued)
        found = (history.trials.get(number) for number in numbers)
        return tuple(trial for trial in found if trial is not None and trial.state == "queued")

    def _chart(self, tx: Transaction, study: Study) -> None:
        metric, numbers = judged(study.definition), sorted(self._uncharted)
        # Who has kept what these were before is told of it, though nothing may have changed but the curve.
        self._track.add(self._uncharted & self._curves.keys())
        for place in range(0, len(numbers), _CURVES_AT_ONCE):
            chunk = numbers[place : place + _CURVES_AT_ONCE]
            found = tx.points.curves(study.id, chunk, metric)
            self._curves |= {number: curve(found.get(number, ())) for number in chunk}
        # Another thread's later transaction may have told of a trial whose last points this one does not see.
        self._uncharted = {number for number in numbers if self.trials[number].seq > study.seq}

    def best(self) -> Trial | None:
        """The completed trial with the best value of the first objective; of equals, the first to be added."""
        return self._best

    def _take(self, study: Study, changed: Iterable[Trial]) -> None:
        objective = study.definition.objectives[0]
        for trial in filter(attrgetter("searches"), changed):
            before = self.trials.get(trial.number)
            if before is not None:
                self.counts[before.state] -= 1
            self.counts[trial.state] += 1
            self.trials[trial.number] = trial
            self._track.add((trial.number,))
            (self._queued.add if trial.state == "queued" else self._queued.discard)(trial.number)
            if trial.state not in {"queued", "running"}:
                self._uncharted.add(trial.number)
            value = _value(trial, objective.metric)
            if value is not None and self._beats(trial, value, objective.metric, objective.direction):
                self._best = trial

    def _beats(self, trial: Trial, value: float, metric: str, direction: Literal["minimize", "maximize"]) -> bool:
        best = _value(self._best, metric) if self._best is not None else None
        if self._best is None or best is None or self._best.number == trial.number:
            return True
        return better(value, best, direction) or (value == best and trial.number < self._best.number)


def curve(points: Iterable[tuple[int, float]]) -> Curve:
    """A curve of these points."""
    made = Curve()
    for step, value in points:
        made.add(step, value)
    return made


def _value(trial: Trial, metric: str) -> float | None:
    return trial.values.get(metric) if trial.state == "completed" and trial.values is not None else None


class Mirrors:
    """The mirrors of this process: those used last are kept, up to a number of trials in all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, Mirror] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, tx: Transaction, study: Study) -> Mirror:
        """The mirror of a study, up to date with this transaction."""
        with self._lock:
            mirror = self._kept.setdefault(study.id, Mirror())
            self._kept.move_to_end(study.id)
        mirror.refresh(tx, study)
        self._evict()
        return mirror

    def sizes(self) -> Mapping[int, int]:
        """How many trials are held, by the id of the study."""
        with self._lock:
            return {study_id: len(mirror.trials) for study_id, mirror in self._kept.items()}

    def _evict(self) -> None:
        with self._lock:
            held = sum(len(mirror.trials) for mirror in self._kept.values())
            while held > self._limit and len(self._kept) > 1:
                _, idle = self._kept.popitem(last=False)
                held -= len(idle.trials)
