"""The store in memory: one piece of work at a time, and what raises is undone."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from service.domain.errors import StoreUnavailable
from service.domain.event import Event
from service.store.memory.access import MemoryAudit, MemorySessions, MemoryTokens
from service.store.memory.fleet import MemoryCheckpoints, MemoryLogs, MemoryWorkers
from service.store.memory.records import (
    MemoryAttempts,
    MemoryDecisions,
    MemoryEvents,
    MemoryFinishes,
    MemoryPoints,
    MemoryRequests,
    MemorySuggesters,
)
from service.store.memory.rows import MemoryStudies, MemoryTrials
from service.store.memory.tables import Tables
from service.usecases.ports import StoreInfo, Together, Transaction

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class MemoryTransaction:
    """One atomic piece of work."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self.now = now
        self.studies = MemoryStudies(tables, now)
        self.trials = MemoryTrials(tables, now)
        self.attempts = MemoryAttempts(tables, now)
        self.points = MemoryPoints(tables)
        self.decisions = MemoryDecisions(tables)
        self.suggesters = MemorySuggesters(tables, now)
        self.finishes = MemoryFinishes(tables)
        self.checkpoints = MemoryCheckpoints(tables, now)
        self.workers = MemoryWorkers(tables, now)
        self.logs = MemoryLogs(tables)
        self.events = MemoryEvents(tables)
        self.requests = MemoryRequests(tables, now)
        self.tokens = MemoryTokens(tables, now)
        self.sessions = MemorySessions(tables)
        self.audit = MemoryAudit(tables)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An item of work that is done together with others, and who waits for its result."""

    item: Any
    answer: asyncio.Future[Any]


class MemoryStore:
    """Everything in memory, gone with the process."""

    info = StoreInfo(database="memory", schema_revision="none")

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._tables = Tables()
        self._lock = threading.Lock()
        self._together: dict[tuple[asyncio.AbstractEventLoop, Together[Any, Any]], list[_Waiting]] = {}
        self._listeners: set[asyncio.Future[None]] = set()
        self._closed = False

    async def write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:  # noqa: ARG002  # nobody waits
        """Carry out one atomic unit of work."""
        result = self._carry_out(work)
        # Others have their turn between two writes of one caller, as they would while a database is waited for.
        await asyncio.sleep(0)
        return result

    async def write_together(self, work: Together[Item, Result], item: Item) -> Result:
        """Like write; all items that are submitted before the event loop's next turn go in one call."""
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        place = (loop, work)
        waiting = self._together.setdefault(place, [])
        waiting.append(_Waiting(item, answer))
        if len(waiting) == 1:
            loop.call_soon(self._carry_out_together, place)
        return await answer

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read at one moment. What the work writes is undone."""
        result = self._carry_out(work, keep=False)
        await asyncio.sleep(0)
        return result

    async def ping(self) -> None:
        """Answer, unless the store is closed."""
        self._refuse_if_closed()

    async def wait_for_events(self, after_id: int, seconds: float) -> None:
        """Return when there are events behind an id, or after that time."""
        listener: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closed or self._tables.last_event > after_id:
                return
            self._listeners.add(listener)
        try:
            await asyncio.wait([listener], timeout=seconds)
        finally:
            with self._lock:
                self._listeners.discard(listener)

    async def events_behind(self, after_id: int, count: int) -> Sequence[Event]:
        """The first `count` events behind an id, of all studies."""
        return await self.read(lambda tx: tx.events.list(after_id, None, count))

    def close(self) -> None:
        """Finish the writes that are waiting, then refuse all others."""
        for place in tuple(self._together):
            self._carry_out_together(place)
        with self._lock:
            self._closed = True
            self._wake_listeners()

    def _carry_out(self, work: Callable[[Transaction], T], *, keep: bool = True) -> T:
        with self._lock:
            self._refuse_if_closed()
            tx = MemoryTransaction(self._tables, self._clock())
            try:
                result = work(tx)
                if keep:
                    self._commit(tx)
                return result
            finally:
                self._tables.roll_back()

    def _commit(self, tx: MemoryTransaction) -> None:
        before = self._tables.last_event
        tx.events.commit()
        self._tables.keep()
        if self._tables.last_event > before:
            self._wake_listeners()

    def _carry_out_together(self, place: tuple[asyncio.AbstractEventLoop, Together[Any, Any]]) -> None:
        waiting = [one for one in self._together.pop(place, []) if not one.answer.done()]
        results = self._results(place[1], [one.item for one in waiting]) if waiting else []
        for one, result in zip(waiting, results, strict=True):
            if isinstance(result, BaseException):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)

    def _results(self, work: Together[Any, Any], items: Sequence[Any]) -> Sequence[Any]:
        try:
            return self._carry_out(partial(_checked, work, items))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer to the caller whose item it was
            # Alone, each item finds out whether it is the one at fault.
            return [error] if len(items) == 1 else [result for item in items for result in self._results(work, [item])]

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _wake_listeners(self) -> None:
        for listener in self._listeners:
            # A listener whose event loop has ended needs nobody to wake it.
            with suppress(RuntimeError):
                listener.get_loop().call_soon_threadsafe(_wake, listener)


def _checked(work: Together[Any, Any], items: Sequence[Any], tx: Transaction) -> Sequence[Any]:
    results = work(tx, items)
    if len(results) != len(items):
        raise ValueError(f"{len(items)} items were given, {len(results)} results came back")
    return results


def _wake(listener: asyncio.Future[None]) -> None:
    if not listener.done():
        listener.set_result(None)
