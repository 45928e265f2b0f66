"""The suggester: it keeps a few trials queued for each study that is asked for, so that nobody waits for a sampler.

One process at a time makes a study's suggestions (a lease in the database); when it dies another takes over. It works
while there is demand, refreshes suggestions that nobody has taken when results arrive, and rests otherwise.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

from service.domain import budget
from service.domain.errors import BasinError, StudyNotFound
from service.domain.rungs import may_pause
from service.usecases import settling, suggesting
from service.usecases.board import Board
from service.usecases.engine import Engine, Exhausted, Promotion, Suggestion
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.suggesting import Situation

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
_log = logging.getLogger(__name__)
_AHEAD = 5
_MOST_AHEAD = 20
# So many wait at all times, however old; beyond that, what is taken next is made anew before more is added.
_LEAST = 3
_REST_SECONDS = 60.0
_RUSH_SECONDS = 60.0
_LOOK_SECONDS = 2.0
_SETTLE_SECONDS = 0.004
_MOST_AT_ONCE = 16
_AT_ONCE_SECONDS = 0.2


class Suggester:
    """The suggestions of one process, a task for each study that is asked for."""

    def __init__(self, store: Store, engine: Engine, mirrors: Mirrors, run: Run[Any], *, owner: str) -> None:
        self.board = Board(store)
        self._store = store
        self._engine = engine
        self._mirrors = mirrors
        self._run = run
        self._owner = owner
        self._wanted: dict[str, float] = {}
        self._asked: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._rushes: dict[str, tuple[int, float]] = {}
        self._held: dict[str, tuple[int, float]] = {}
        self._boundless: set[str] = set()

    def is_in_vain(self, study: str) -> bool:
        """Whether it is no use to look for a trial now: there is none, or others stand in line, and are called.

        Where only so many may run at once, nobody is called when one ends: there each looks for himself.
        """
        return self.board.is_empty(study) or (study in self._boundless and self.board.line(study))

    def want(self, study: str) -> None:
        """Say that trials of a study are asked for: its queue is kept filled for a while."""
        self._asked.add(study)
        self.expect(study)

    def expect(self, study: str) -> None:
        """Say that a study may be asked for: its next trial is got ready, which takes longest for the first."""
        self._wanted[study] = time.monotonic()
        if study not in self._tasks:
            task = asyncio.create_task(self._serve(study), name=f"basin-suggest-{study}")
            self._tasks[study] = task
            task.add_done_callback(partial(self._forget, study))

    async def close(self) -> None:
        """Stop suggesting: another process may go on at once."""
        tasks, held = list(self._tasks.values()), [study_id for study_id, _ in self._held.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._let_go(held)

    def _forget(self, study: str, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(study, None)
        self._wanted.pop(study, None)
        self._asked.discard(study)
        self._rushes.pop(study, None)
        self._held.pop(study, None)
        self._boundless.discard(study)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the suggester of study %r broke off", study, exc_info=error)

    async def _serve(self, study: str) -> None:
        """Keep the queue of a study filled until nobody has asked for a while, or there is nothing more to suggest."""
        with suppress(StudyNotFound, _NothingMore):
            async with self.board.watch(study) as happened:
                while self._is_wanted(study):
                    await self._work(study, happened)
                    # It rests. Another process that is asked need not wait until this one's time is over.
                    await self._let_go([self._held.pop(study)[0]] if study in self._held else [])

    def _is_wanted(self, study: str) -> bool:
        return self.board.asking(study) > 0 or time.monotonic() - self._wanted[study] < _REST_SECONDS

    async def _work(self, study: str, happened: asyncio.Event) -> None:
        while self._is_wanted(study):
            if not self.board.asking(study):
                # What it takes of this process a claim that is under way would wait for.
                await self.board.calm()
            happened.clear()
            try:
                busy = await self._step(study)
            except (StudyNotFound, _NothingMore):
                raise
            except BasinError as error:
                _log.warning("suggesting for study %r was put off: %s", study, error)
                busy = False
            if not busy:
                # Also by the clock: another process that was suggesting may have died.
                # Not wait_for(): before Python 3.12 it may swallow a cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await happened.wait()
                        await self._settle(study)

    async def _settle(self, study: str) -> None:
        """Let whoever has just told of a result ask for his next trial first, if nobody waits for one already.

        He takes what is ready. To make that anew while he asks would be in his way, and in vain.
        """
        if not self.board.asking(study):
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _step(self, study: str) -> bool:
        """Make one suggestion, if one is needed; whether there is more to do even if nothing happens meanwhile."""
        heard = self.board.heard(study)
        seen = await self._store.read(partial(suggesting.situation, mirrors=self._mirrors, name=study))
        if seen.study.state != "active":
            raise _NothingMore
        (self._boundless.discard if budget.limited(seen.study) else self._boundless.add)(study)
        most = self._depth(study) if seen.paused > 0 or budget.may_add(seen.study) > 0 else 0
        # Those behind are made anew when it is their turn: until then more will be known.
        stale = bool(seen.waiting) and suggesting.is_stale(seen.waiting[0], seen.ended)
        if len(seen.waiting) >= most and not stale:
            return False
        if not await self._holds(study, seen):
            return False
        if len(seen.waiting) < (min(_LEAST, most) if stale else most):
            with nullcontext() if seen.waiting else self.board.nothing_queued(study, heard):
                return await self._fill(seen, more=stale or len(seen.waiting) + 1 < most)
        return await self._renew(seen, more=len(seen.waiting) < most)

    def _depth(self, study: str) -> int:
        """How many are to wait: a few, and as many more as have had to be waited for at once a moment ago."""
        if study not in self._asked:
            return 1
        asking, now = self.board.asking(study), time.monotonic()
        most, when = self._rushes.get(study, (0, now))
        if asking >= most or now - when > _RUSH_SECONDS:
            most, when = asking, now
        self._rushes[study] = most, when
        return min(_AHEAD + most, _MOST_AHEAD)

    async def _holds(self, study: str, seen: Situation) -> bool:
        """Whether this process makes the study's suggestions."""
        now = time.monotonic()
        of, since = self._held.get(study, (seen.study.id, -suggesting.LEASE_SECONDS))
        if of == seen.study.id and now - since < suggesting.LEASE_SECONDS / 3:
            return True
        held = await self._store.write(lambda tx: suggesting.take(tx, seen.study, self._owner))
        if held:
            self._held[study] = seen.study.id, now
        return held

    async def _let_go(self, study_ids: Sequence[int]) -> None:
        def release(tx: Transaction) -> None:
            for study_id in study_ids:
                tx.suggesters.release(study_id, self._owner)

        if study_ids:
            try:
                await self._store.write(release)
            except BasinError as error:
                _log.warning("another process may make suggestions in %g s only: %s", suggesting.LEASE_SECONDS, error)

    async def _fill(self, seen: Situation, *, more: bool) -> bool:
        number = seen.study.next_number
        if seen.paused:
            promotion: Promotion | None = await self._run(partial(self._engine.promote, seen.history, number))
            if promotion is not None:
                queued: bool = await self._store.write(lambda tx: suggesting.promote(tx, seen, self._owner, promotion))
                return queued and more
        if not budget.may_add(seen.study):
            if not seen.waiting and not seen.running:
                await self._store.write(partial(_all_ended, name=seen.study.name))
                raise _NothingMore
            return False
        count = 1 if seen.paused else self._at_once(seen)
        try:
            suggestions: Sequence[Suggestion] = await self._run(
                partial(self._engine.several, seen.history, number, count, self._share())
            )
        except Exhausted:
            if not seen.waiting:
                await self._store.write(partial(_exhausted, name=seen.study.name))
            return False
        awaited = self.board.asking(seen.study.name) > 0
        put = partial(suggesting.put, seen=seen, suggestions=suggestions, engine=self._engine.name)
        if not await self._store.write(put, urgent=awaited):
            # Something has changed meanwhile. Was it that another process makes the suggestions now?
            self._held.pop(seen.study.name, None)
            return True
        return more

    def _at_once(self, seen: Situation) -> int:
        """How many to suggest together: as many as are waited for, a few at most, for they come no sooner than all."""
        asking = self.board.asking(seen.study.name) - len(seen.waiting)
        return max(1, min(asking, _MOST_AT_ONCE, budget.may_add(seen.study)))

    def _share(self) -> float:
        """How long to make suggestions together: while one study's are made, no other's are."""
        return _AT_ONCE_SECONDS / max(1, sum(self.board.asking(study) > 0 for study in self._tasks))

    async def _renew(self, seen: Situation, *, more: bool) -> bool:
        number = seen.waiting[0].number
        try:
            suggestion: Suggestion = await self._run(partial(self._engine.suggest, seen.history, number))
        except Exhausted:
            return False
        told = suggesting.about(seen, self._engine.name, suggestion.note)
        renewed: bool = await self._store.write(lambda tx: suggesting.renew(tx, seen, suggestion, told))
        return renewed and more


class _NothingMore(Exception):
    """There is nothing more to suggest for this study."""


def _all_ended(tx: Transaction, name: str) -> None:
    """End a study that may add no more trials, and none of whose paused ones is worth going on with."""
    study = tx.studies.lock(name)
    counts = tx.trials.counts([study.id]).get(study.id, {})
    if study.state == "active" and not budget.may_add(study) and not counts.get("queued") and not counts.get("running"):
        why = f"no more trials may be added, and none of the {counts.get('paused', 0)} that are paused is to go on"
        settling.move_by_itself(tx, study, "completed", reason=why)


def _exhausted(tx: Transaction, name: str) -> None:
    """End a study whose space has nothing left, once nothing runs any more."""
    study = tx.studies.lock(name)
    counts = tx.trials.counts([study.id]).get(study.id, {})
    if counts.get("running") and may_pause(study.definition.scheduler):
        return  # what pauses may have to go on
    if study.state == "active" and not counts.get("queued"):
        why = "every point of the space has been tried"
        settling.move_by_itself(tx, study, "stopping" if counts.get("running") else "completed", reason=why)
