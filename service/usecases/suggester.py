"""The suggester: it keeps a few trials queued for each study that is asked for, so that nobody waits for a sampler.

One process at a time makes a study's suggestions (a lease in the database); when it dies another takes over. It works
while there is demand, refreshes suggestions that nobody has taken when results arrive, and rests otherwise.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from service.domain import budget
from service.domain.errors import BasinError, StudyNotFound
from service.usecases import settling, suggesting
from service.usecases.board import Board
from service.usecases.engine import Engine, Exhausted, Suggestion
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.suggesting import Situation

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
_log = logging.getLogger(__name__)
_AHEAD = 2
_MOST_AHEAD = 16
_REST_SECONDS = 60.0
_LOOK_SECONDS = 2.0


class Suggester:
    """The suggestions of one process, a task for each study that is asked for."""

    def __init__(self, store: Store, engine: Engine, mirrors: Mirrors, run: Run[Suggestion], *, owner: str) -> None:
        self.board = Board(store)
        self._store = store
        self._engine = engine
        self._mirrors = mirrors
        self._run = run
        self._owner = owner
        self._wanted: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, study: str) -> None:
        """Say that trials of a study are asked for: its queue is kept filled for a while."""
        self._wanted[study] = time.monotonic()
        if study not in self._tasks:
            task = asyncio.create_task(self._serve(study), name=f"basin-suggest-{study}")
            self._tasks[study] = task
            task.add_done_callback(partial(self._forget, study))

    async def close(self) -> None:
        """Stop suggesting."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, study: str, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(study, None)
        self._wanted.pop(study, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the suggester of study %r broke off", study, exc_info=error)

    async def _serve(self, study: str) -> None:
        """Keep the queue of a study filled until nobody has asked for a while, or there is nothing more to suggest."""
        async with self.board.watch(study) as happened:
            while self.board.asking(study) or time.monotonic() - self._wanted[study] < _REST_SECONDS:
                happened.clear()
                try:
                    busy = await self._step(study)
                except (StudyNotFound, _NothingMore):
                    return
                except BasinError as error:
                    _log.warning("suggesting for study %r was put off: %s", study, error)
                    busy = False
                if not busy:
                    # Also by the clock: another process that was suggesting may have died.
                    # Not wait_for(): before Python 3.12 it may swallow a cancellation.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_SECONDS):
                            await happened.wait()

    async def _step(self, study: str) -> bool:
        """Make one suggestion, if one is needed; whether there may be more to do."""
        seen = await self._store.read(partial(suggesting.situation, mirrors=self._mirrors, name=study))
        if seen.study.state != "active":
            raise _NothingMore
        depth = min(_AHEAD + self.board.asking(study), _MOST_AHEAD)
        short = len(seen.waiting) < depth and budget.may_add(seen.study) > 0
        if not short and not seen.stale:
            return False
        if not await self._store.write(lambda tx: suggesting.take(tx, seen.study, self._owner)):
            return False
        return await (self._fill(seen) if short else self._renew(seen))

    async def _fill(self, seen: Situation) -> bool:
        number = seen.study.next_number
        try:
            suggestion = await self._run(partial(self._engine.suggest, seen.history, number))
        except Exhausted:
            if not seen.waiting:
                await self._store.write(partial(_exhausted, name=seen.study.name))
                raise _NothingMore from None
            return False
        told = suggesting.about(seen, type(self._engine).__name__, suggestion.note)
        await self._store.write(lambda tx: suggesting.put(tx, seen, self._owner, suggestion, told))
        return True

    async def _renew(self, seen: Situation) -> bool:
        number = seen.stale[0].number
        try:
            suggestion = await self._run(partial(self._engine.suggest, seen.history, number))
        except Exhausted:
            return False
        told = suggesting.about(seen, type(self._engine).__name__, suggestion.note)
        return await self._store.write(lambda tx: suggesting.renew(tx, seen, self._owner, number, suggestion, told))


class _NothingMore(Exception):
    """There is nothing more to suggest for this study."""


def _exhausted(tx: Transaction, name: str) -> None:
    """End a study whose space has nothing left, once nothing runs any more."""
    study = tx.studies.lock(name)
    counts = tx.trials.counts([study.id]).get(study.id, {})
    if study.state == "active" and not counts.get("queued"):
        why = "every point of the space has been tried"
        settling.move(tx, study, "stopping" if counts.get("running") else "completed", reason=why)
