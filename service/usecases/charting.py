"""What charts are drawn from: sheets that are kept in memory and brought up to date by what has changed.

A sheet holds one metric of one study: its trials and their curves. Trials are known to have changed by their `seq`,
running ones by how far their newest attempt has come; nothing else is read again. A sheet that is new is filled piece
by piece, beside the requests, and tells how far it is. It may be thrown away at any time.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from service.domain.decision import Decision
from service.domain.errors import BasinError, Invalid, Unavailable
from service.domain.query import StudyQuery
from service.domain.study import Study
from service.domain.trial import Attempt, Trial
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Mark, Store, Transaction
from service.wire import charts as wire
from service.wire.charts import Axis, Scale
from service.wire.message import MAX_POINTS

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
Decisions = Sequence[Decision]
_log = logging.getLogger(__name__)
_TRIALS_AT_ONCE = 100
_PATIENCE_SECONDS = 0.5
_SHEETS = 16
_WARMED = 8
_RUNNING_AT_ONCE = 2_000
_METRICS = 64
_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which curves: on which axis and scale, and how many of them as lines."""

    axis: Axis = "step"
    scale: Scale = "linear"
    density: bool = True
    best: bool = True
    top: int = 50
    running: int = 100
    pruned: int = 25
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The study that a sheet was brought up to, and how many of its trials have been read."""

    study: Study
    read: int
    of: int
    metrics: tuple[str, ...] = ()


class Sheet(Protocol):
    """All that the charts of one study and one metric need. It takes time and no locks: it is called in a thread."""

    points: int
    """How many points it holds."""

    def take(self, trials: Iterable[Trial], now: datetime) -> None:
        """Trials that have changed."""

    def put(self, number: int, marks: Sequence[Mark], decisions: Decisions) -> None:
        """The whole curve of a trial, and all that was decided of it."""

    def extend(self, number: int, marks: Sequence[Mark], decisions: Decisions) -> None:
        """New points of a trial, and all that was decided of it."""

    def curves(self, reading: Reading, wanted: Wanted) -> wire.Curves:
        """Density, quantiles and lines."""

    def packed(self, reading: Reading, axis: Axis, scale: Scale) -> bytes:
        """All curves as bytes."""

    def columns(self, reading: Reading, names: Sequence[str] | None) -> wire.Columns:
        """The trials as columns."""

    def rungs(self, reading: Reading, scheduler: str) -> wire.Rungs:
        """What was decided at each rung."""

    def saved(self, reading: Reading) -> wire.Saved:
        """What stopping trials early has saved."""


@dataclass(slots=True)
class _Kept:
    """A sheet, and up to where it has been read."""

    sheet: Sheet
    seq: int = 0
    trials: int = 0
    unread: dict[int, None] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    metrics: dict[str, None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    filling: "asyncio.Task[None] | None" = None

    def note(self, attempt: Attempt) -> None:
        """Which metrics an attempt has reported lately."""
        if len(self.metrics) < _METRICS:
            self.metrics |= dict.fromkeys(attempt.last_metrics or ())

    def reading(self, study: Study) -> Reading:
        return Reading(study, self.trials - len(self.unread), self.trials, tuple(self.metrics))


class Charts:
    """The sheets of this process: those used last are kept, up to a number of points in all."""

    def __init__(
        self,
        store: Store,
        mirrors: Mirrors,
        make: Callable[[Study, str], Sheet],
        run: Run[Any],
        *,
        most_points: int = 4_000_000,
    ) -> None:
        self._store = store
        self._mirrors = mirrors
        self._make = make
        self._run = run
        self._most_points = most_points
        self._sheets: OrderedDict[tuple[int, str], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    async def curves(self, name: str, metric: str | None, wanted: Wanted) -> wire.Curves:
        """The learning curves at a level of detail."""
        return await self._told(name, metric, lambda sheet, reading: sheet.curves(reading, wanted))

    async def packed(self, name: str, metric: str | None, axis: Axis, scale: Scale) -> bytes:
        """All learning curves as bytes."""
        return await self._told(name, metric, lambda sheet, reading: sheet.packed(reading, axis, scale))

    async def columns(self, name: str, names: Sequence[str] | None) -> wire.Columns:
        """The trials as columns."""
        return await self._told(name, None, lambda sheet, reading: sheet.columns(reading, names))

    async def rungs(self, name: str, metric: str | None, scheduler: Callable[[Study], str]) -> wire.Rungs:
        """What was decided at each rung."""
        return await self._told(name, metric, lambda sheet, reading: sheet.rungs(reading, scheduler(reading.study)))

    async def saved(self, name: str) -> wire.Saved:
        """What stopping trials early has saved, by the first objective's curves."""
        return await self._told(name, None, lambda sheet, reading: sheet.saved(reading))

    async def warm(self) -> None:
        """Fill the sheets of the studies that are at work, so that whoever opens one after a start does not wait."""
        try:
            page = await self._store.read(lambda tx: tx.studies.list(StudyQuery(states=("active",), size=_WARMED)))
            for study in page.items:
                kept, _, left = await self._step(study.name, None)
                if left:
                    await self._filling(kept, study.name, None)
        except Unavailable as away:
            _log.warning("the charts could not be read ahead: %s", away)

    async def close(self) -> None:
        """Give up what is being read."""
        tasks = [kept.filling for kept in self._sheets.values() if kept.filling is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def sizes(self) -> dict[tuple[int, str], int]:
        """How many points are held, by study and metric."""
        with self._lock:
            return {key: kept.sheet.points for key, kept in self._sheets.items()}

    async def _told(self, name: str, metric: str | None, tell: Callable[[Sheet, Reading], T]) -> T:
        """Bring the sheet up to date, or at least as far as can be waited for, and let it tell."""
        kept, study, left = await self._step(name, metric)
        if left:
            await asyncio.wait({self._filling(kept, name, metric)}, timeout=_PATIENCE_SECONDS)
        self._known(kept, study, metric)

        def work() -> T:
            with kept.lock:
                return tell(kept.sheet, kept.reading(study))

        answer: T = await self._run(work)
        return answer

    def _known(self, kept: _Kept, study: Study, metric: str | None) -> None:
        """Refuse a metric that no trial has reported, if some have reported others. Its sheet is not worth keeping."""
        if metric is None or kept.sheet.points or kept.unread or not kept.metrics or metric in kept.metrics:
            return
        if any(metric == one.metric for one in study.definition.objectives):
            return
        with self._lock:
            self._sheets.pop((study.id, metric), None)
        names = ", ".join([*kept.metrics][:_NAMED]) + (" ..." if len(kept.metrics) > _NAMED else "")
        raise Invalid.field("metric", f"'{metric}' was reported by no trial of this study: take one of {names}")

    def _filling(self, kept: _Kept, name: str, metric: str | None) -> "asyncio.Task[None]":
        """What reads the many curves of a new sheet: one at a time, whoever waits for it."""
        if kept.filling is None:
            kept.filling = asyncio.create_task(self._fill(kept, name, metric), name="basin-charts")
        return kept.filling

    async def _fill(self, kept: _Kept, name: str, metric: str | None) -> None:
        try:
            while (await self._step(name, metric, many=True))[2]:
                pass
        except BasinError as refusal:
            # The study is gone, or the database is away: the next who asks hears of it.
            _log.warning("the curves of '%s' could not be read: %s", name, refusal)
        finally:
            kept.filling = None

    async def _step(self, name: str, metric: str | None, *, many: bool = False) -> tuple[_Kept, Study, bool]:
        return await self._store.read(partial(self._catch_up, name=name, metric=metric, many=many))

    def _catch_up(self, tx: Transaction, name: str, metric: str | None, many: bool) -> tuple[_Kept, Study, bool]:
        """Take in what has changed, and what has not been read yet; whether there is more of that.

        Only one reads `many` curves: others would wait for what it reads, and read the same.
        """
        study = tx.studies.get(name)
        metric = metric or study.definition.objectives[0].metric
        kept = self._of(study, metric)
        with kept.lock:
            trials = self._mirrors.of(tx, study).trials
            if study.seq < kept.seq:
                # Another read, of a later moment, was faster.
                return kept, study, bool(kept.unread)
            if study.seq > kept.seq:
                changed = [trial for trial in tuple(trials.values()) if trial.seq > kept.seq]
                kept.sheet.take(changed, tx.now)
                kept.trials, kept.seq = len(trials), study.seq
                kept.unread |= dict.fromkeys(trial.number for trial in changed if trial.attempts)
            running = [number for number, trial in tuple(trials.items()) if trial.state == "running"]
            attempts = tx.attempts.current(study.id, running[-_RUNNING_AT_ONCE:])
            self._follow(tx, kept, study, metric, attempts)
            if many or len(kept.unread) <= _TRIALS_AT_ONCE:
                self._read(tx, kept, study, metric, attempts)
            return kept, study, bool(kept.unread)

    def _follow(self, tx: Transaction, kept: _Kept, study: Study, metric: str, attempts: Mapping[int, Attempt]) -> None:
        """The new points of trials that run."""
        for number, attempt in attempts.items():
            kept.note(attempt)
            place, now = kept.places.get(number), _place(attempt)
            if number in kept.unread or (place is not None and place >= now):
                continue
            if place is None or place[0] != now[0]:
                # Another attempt may have taken points back: everything is read again.
                kept.unread[number] = None
                continue
            marks: list[Mark] = []
            while place < now:
                points = tx.points.list(study.id, number, place, MAX_POINTS)
                if not points:
                    break
                marks += [
                    (one.step, one.metrics[metric], one.elapsed, one.cost) for one in points if metric in one.metrics
                ]
                place = (points[-1].key.attempt, points[-1].seq)
            kept.sheet.extend(number, marks, tx.decisions.list(study.id, number))
            kept.places[number] = now

    def _read(self, tx: Transaction, kept: _Kept, study: Study, metric: str, attempts: Mapping[int, Attempt]) -> None:
        """The whole curves of some trials that are new or have ended, those that run first."""
        order = sorted(kept.unread, key=lambda number: (number not in attempts, -number))[:_TRIALS_AT_ONCE]
        if not order:
            return
        marks = tx.points.marks(study.id, order, metric)
        decisions = tx.decisions.of(study.id, order)
        for number in order:
            kept.sheet.put(number, marks.get(number, ()), decisions.get(number, ()))
            del kept.unread[number]
            if number in attempts:
                kept.places[number] = _place(attempts[number])
            else:
                kept.places.pop(number, None)
        for newest in tx.attempts.current(study.id, order).values():
            kept.note(newest)

    def _of(self, study: Study, metric: str) -> _Kept:
        with self._lock:
            key = (study.id, metric)
            kept = self._sheets.get(key)
            if kept is None:
                kept = self._sheets[key] = _Kept(self._make(study, metric))
            self._sheets.move_to_end(key)
            held = sum(one.sheet.points for one in self._sheets.values())
            while len(self._sheets) > 1 and (held > self._most_points or len(self._sheets) > _SHEETS):
                _, idle = self._sheets.popitem(last=False)
                held -= idle.sheet.points
            return kept


def _place(attempt: Attempt) -> tuple[int, int]:
    return attempt.key.attempt, attempt.acked_seq
