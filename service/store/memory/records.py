"""What trials leave behind, in memory: attempts and points; and the server's own events and answers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from service.domain.decision import Decision
from service.domain.event import Event
from service.domain.finish import Finish
from service.domain.trial import Attempt, AttemptKey, Point
from service.store.memory.tables import (
    Answered,
    Tables,
    own_attempt,
    own_decision,
    own_event,
    own_finish,
    own_point,
    plain,
)
from service.usecases.ports import Mark


class MemoryAttempts:
    """The attempts at trials."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now

    def add(self, attempt: Attempt) -> None:
        """Add an attempt."""
        if self._get(attempt.key) is not None:
            raise ValueError(f"{attempt.key} is there already")
        self.save([attempt])

    def list(self, study_id: int, number: int) -> Sequence[Attempt]:
        """Read all attempts at a trial, oldest first."""
        return tuple(
            own_attempt(attempt) for _, attempt in sorted(self._tables.attempts.of((study_id, number)).items())
        )

    def current(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Attempt]:
        """Read the newest attempt of each of these trials, by the trial's number."""
        found = {number: self._tables.attempts.of((study_id, number)) for number in numbers}
        return {number: own_attempt(attempts[max(attempts)]) for number, attempts in found.items() if attempts}

    def lock(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Attempt]:
        """Read attempts; nobody else is at work before the commit."""
        found = {key: self._get(key) for key in keys}
        return {key: own_attempt(attempt) for key, attempt in found.items() if attempt is not None}

    def save(self, attempts: Iterable[Attempt]) -> None:
        """Write everything of these attempts."""
        for attempt in attempts:
            key = attempt.key
            self._tables.attempts.put((key.study_id, key.number), key.attempt, own_attempt(attempt))

    def progress(self, attempts: Iterable[Attempt]) -> None:
        """Write how far these attempts have come, and until when they have time: what a report changes, and no more."""
        for attempt in attempts:
            stored = self._get(attempt.key)
            if stored is not None:
                come = replace(
                    stored,
                    state=attempt.state,
                    expires_at=attempt.expires_at,
                    acked_seq=attempt.acked_seq,
                    last_step=attempt.last_step,
                    last_metrics=attempt.last_metrics,
                    directive=attempt.directive,
                )
                self.save([come])

    def gpu_seconds(self, study_id: int) -> float:
        """Sum up what all attempts of a study's search have used."""
        numbers = [number for number, trial in self._tables.trials.of(study_id).items() if trial.searches]
        found = [one for number in numbers for one in self._tables.attempts.of((study_id, number)).values()]
        return math.fsum(one.gpu_seconds or 0.0 for one in found)

    def overdue(self, study_id: int | None, count: int) -> Sequence[Attempt]:
        """Read up to `count` live attempts, of one study or of all, whose lease has expired."""
        found = [
            attempt
            for attempt in self._all()
            if attempt.live and attempt.expires_at < self._now and study_id in (None, attempt.key.study_id)
        ]
        return tuple(map(own_attempt, found[:count]))

    def held(self, worker_ids: Sequence[str]) -> Sequence[Attempt]:
        """Read the live attempts of workers, oldest first."""
        found = [attempt for attempt in self._all() if attempt.live and attempt.worker_id in worker_ids]
        return tuple(map(own_attempt, sorted(found, key=lambda attempt: attempt.granted_at)))

    def ended_on(self, worker_id: str, count: int) -> Sequence[Attempt]:
        """Read the last `count` attempts that ended on a worker, newest first."""
        found = [one for one in self._all() if one.worker_id == worker_id and one.ended_at is not None]
        newest = sorted(found, key=lambda one: one.ended_at or self._now, reverse=True)
        return tuple(map(own_attempt, newest[:count]))

    def good_elsewhere(self, study_id: int, worker_id: str, since: datetime) -> bool:
        """Whether an attempt of a study ended well since then on another known worker."""
        known = set(self._tables.workers.of(None)) - {worker_id}
        return any(
            one.worker_id in known and one.ended_at is not None and one.ended_at >= since
            for one in self._all()
            if one.key.study_id == study_id and one.state in {"completed", "pruned", "paused"}
        )

    def _all(self) -> Sequence[Attempt]:
        """All attempts, in the order of studies, trials and attempts; of a deleted study too, until it is purged."""
        groups = sorted(self._tables.attempts.groups())
        return [one for group in groups for _, one in sorted(self._tables.attempts.of(group).items())]

    def _get(self, key: AttemptKey) -> Attempt | None:
        return self._tables.attempts.get((key.study_id, key.number), key.attempt)


class MemoryPoints:
    """The learning curves."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.points

    def append(self, points: Sequence[Point]) -> None:
        """Add points; (attempt, seq) is unique."""
        for point in points:
            trial = (point.key.study_id, point.key.number)
            if self._table.get(trial, (point.key.attempt, point.seq)) is not None:
                raise ValueError(f"point {point.seq} of {point.key} is there already")
            self._table.put(trial, (point.key.attempt, point.seq), own_point(point))

    def list(self, study_id: int, number: int, after: tuple[int, int], count: int) -> Sequence[Point]:
        """Read up to `count` points of a trial behind the place (attempt, seq), in that order."""
        rows = self._table.of((study_id, number))
        return tuple(own_point(rows[place]) for place in sorted(place for place in rows if place > after)[:count])

    def curves(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[tuple[int, float]]]:
        """Read (step, value) of a metric for each of these trials, in the order of steps, without superseded points."""
        marks = self.marks(study_id, numbers, metric)
        return {number: [(step, value) for step, value, _, _ in curve] for number, curve in marks.items()}

    def marks(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[Mark]]:
        """Read the curves of a metric with what each point had taken, else like `curves`."""
        found = {}
        for number in numbers:
            points = sorted(
                self._table.of((study_id, number)).values(), key=lambda point: (point.step, point.key.attempt)
            )
            live = [point for point in points if not point.superseded and metric in point.metrics]
            if live:
                found[number] = [(point.step, point.metrics[metric], point.elapsed, point.cost) for point in live]
        return found

    def supersede(self, study_id: int, number: int, after_step: int) -> None:
        """Mark the points of all attempts so far beyond a step as superseded."""
        for place, point in tuple(self._table.of((study_id, number)).items()):
            if point.step > after_step:
                self._table.put((study_id, number), place, replace(point, superseded=True))


class MemoryDecisions:
    """What schedulers have decided."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.decisions

    def append(self, decisions: Iterable[Decision]) -> None:
        """Add decisions; of the same attempt and step the first is kept, unless only a later one ends it."""
        for decision in decisions:
            key = decision.key
            trial, place = (key.study_id, key.number), (key.attempt, decision.step)
            there = self._table.get(trial, place)
            if there is None or there.act == "continue" != decision.act:
                self._table.put(trial, place, own_decision(decision))

    def list(self, study_id: int, number: int) -> Sequence[Decision]:
        """Read the decisions on a trial, in the order of attempts and steps."""
        return tuple(decision for _, decision in sorted(self._table.of((study_id, number)).items()))

    def of(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Sequence[Decision]]:
        """Read the decisions on several trials, each trial's like `list`; those without any are left out."""
        return {number: told for number in numbers if (told := self.list(study_id, number))}


class MemorySuggesters:
    """Which process makes the suggestions of a study."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._table = tables.suggesters
        self._now = now

    def take(self, study_id: int, owner: str, seconds: float) -> bool:
        """Be the one for so long; False while another one is."""
        held = self._table.get(None, study_id)
        if held is not None and held[0] != owner and held[1] > self._now:
            return False
        self._table.put(None, study_id, (owner, self._now + timedelta(seconds=seconds)))
        return True

    def release(self, study_id: int, owner: str) -> None:
        """Let go, if it is ours."""
        held = self._table.get(None, study_id)
        if held is not None and held[0] == owner:
            self._table.drop(None, study_id)


class MemoryEvents:
    """The outbox. What is appended waits for the commit."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._waiting: list[Event] = []

    def append(self, event: Event) -> None:
        """Add an event. Its id is given at the commit."""
        self._waiting.append(own_event(event))

    def commit(self) -> None:
        """Give the events that are waiting their ids."""
        for event in self._waiting:
            self._tables.last_event += 1
            self._tables.events.put(None, self._tables.last_event, replace(event, id=self._tables.last_event))

    def list(self, after_id: int, study: str | None, count: int) -> Sequence[Event]:
        """Read up to `count` events behind an id, of one study or of all."""
        found = [
            event
            for key, event in sorted(self._tables.events.of(None).items())
            if key > after_id and study in (None, event.study)
        ]
        return tuple(map(own_event, found[:count]))

    def bounds(self) -> tuple[int, int]:
        """The ids of the oldest event that is kept and of the newest there ever was; (0, 0) before the first."""
        newest = self._tables.last_event
        return min(self._tables.events.of(None), default=newest + 1 if newest else 0), newest

    def prune(self, before: datetime) -> int:
        """Remove the events older than a time; answers how many."""
        old = [key for key, event in self._tables.events.of(None).items() if event.at < before]
        for key in old:
            self._tables.events.drop(None, key)
        return len(old)


class MemoryFinishes:
    """The honest ends of studies."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, finish: Finish) -> None:
        """Add a round."""
        self._tables.finishes.put(finish.study_id, finish.round, own_finish(finish))

    def list(self, study_id: int) -> Sequence[Finish]:
        """Read all rounds of a study, the first one first."""
        return [own_finish(finish) for _, finish in sorted(self._tables.finishes.of(study_id).items())]

    def save(self, finish: Finish) -> None:
        """Write what of a round can change: its state, the reason, the outcome and its end."""
        self.add(finish)


class MemoryRequests:
    """Answers that were given."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._table = tables.requests
        self._now = now

    def get(self, scope: str, request_id: str) -> tuple[str, Any] | None:
        """The digest of the body and the answer that was given, if any."""
        found = self._table.get(None, (scope, request_id))
        return None if found is None else (found.digest, plain(found.answer))

    def put(self, scope: str, request_id: str, digest: str, answer: Any) -> None:
        """Remember an answer (plain JSON)."""
        if self._table.get(None, (scope, request_id)) is not None:
            raise ValueError(f"request {request_id} of {scope} was answered already")
        self._table.put(None, (scope, request_id), Answered(digest, plain(answer), self._now))

    def prune(self, before: datetime) -> int:
        """Forget the answers older than a time; answers how many."""
        old = [key for key, answered in self._table.of(None).items() if answered.at < before]
        for key in old:
            self._table.drop(None, key)
        return len(old)
