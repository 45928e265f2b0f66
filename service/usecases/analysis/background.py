"""Results that take long: computed beside the requests, one at a time for each question, and kept."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.domain.errors import Overloaded
from service.wire.analysis import Progress

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MOST_KEPT = 64
_MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What was computed, and the seq of the study that it was computed from."""

    seq: int
    value: T


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """The newest result there is, if any, and how it stands to the study as it is now."""

    state: Progress
    result: Result[T] | None


class Background(Generic[T]):
    """The results of one kind of question."""

    def __init__(self, *, keep: int = _MOST_KEPT, at_once: int = _MOST_AT_ONCE) -> None:
        self._keep = keep
        self._at_once = at_once
        self._kept: OrderedDict[Hashable, Result[T]] = OrderedDict()
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    async def newest(
        self, question: Hashable, seq: int, compute: Callable[[], Awaitable[Result[T]]], wait_seconds: float
    ) -> Told[T]:
        """The newest result. If it is older than `seq` another is computed, and waited for as long as said."""
        if self._fresh(question, seq):
            return self._told(question, seq)
        task = self._tasks.get(question) or self._begin(question, compute)
        if wait_seconds:
            await asyncio.wait({task}, timeout=wait_seconds)
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
        return self._told(question, seq)

    async def close(self) -> None:
        """Give up what is being computed."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, question: Hashable, compute: Callable[[], Awaitable[Result[T]]]) -> "asyncio.Task[None]":
        if len(self._tasks) >= self._at_once:
            raise Overloaded(f"{len(self._tasks)} analyses are being computed already: ask again in a moment")
        task = self._tasks[question] = asyncio.create_task(self._compute(question, compute), name="basin-analysis")
        task.add_done_callback(lambda done: self._ended(question, done))
        return task

    async def _compute(self, question: Hashable, compute: Callable[[], Awaitable[Result[T]]]) -> None:
        self._kept[question] = await compute()
        self._kept.move_to_end(question)
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)

    def _ended(self, question: Hashable, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(question, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("an analysis broke off", exc_info=error)

    def _fresh(self, question: Hashable, seq: int) -> bool:
        kept = self._kept.get(question)
        return kept is not None and kept.seq >= seq

    def _told(self, question: Hashable, seq: int) -> Told[T]:
        kept = self._kept.get(question)
        if kept is None:
            return Told("computing", None)
        return Told("ready" if kept.seq >= seq else "stale", kept)
