"""The live feed of events: one reader of the outbox for a whole process, however many clients follow it.

The reader works only while somebody follows. What it has read stays for a while, so that clients that are up to date
cost no database reads; one that is further behind reads on its own until it has caught up.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from service.domain.errors import Unavailable
from service.domain.event import Event
from service.usecases.ports import Store, Transaction

_log = logging.getLogger(__name__)
_KEPT = 2_000
_AT_ONCE = 500
_IDLE_SECONDS = 15.0
_RETRY_SECONDS = 1.0


class Resync(Exception):
    """Events that the follower has not seen are no longer there, or it has seen such as never were."""

    def __init__(self, newest: int, at: datetime) -> None:
        super().__init__(newest)
        self.newest = newest
        self.at = at


class Feed:
    """What happens, for those who follow it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: deque[Event] = deque(maxlen=_KEPT)
        self._floor = 0  # `_recent` holds all events behind this id ...
        self._newest = 0  # ... up to this one
        self._changed = asyncio.Event()
        self._followers = 0
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it has come to its end, as the server is stopping."""
        return self._closed

    async def start(self, after: int | None) -> int:
        """The id behind which a follower begins; Resync if what lies behind `after` cannot be told any more."""
        (oldest, newest), now = await self._store.read(lambda tx: (tx.events.bounds(), tx.now))
        if after is None:
            return newest
        if after > newest or (after < newest and after + 1 < oldest):
            raise Resync(newest, now)
        return after

    async def follow(self, after: int, study: str | None, idle_seconds: float) -> AsyncGenerator[Event | None, None]:
        """The events behind an id, then those to come, until the feed is closed; None when nothing came for a while."""
        self._join()
        try:
            while not self._closed:
                changed = self._changed
                events, after = await self._behind(after)
                for event in events:
                    if study in (None, event.study):
                        yield event
                if not events and not await _set_within(changed, idle_seconds):
                    yield None
        finally:
            self._leave()

    def close(self) -> None:
        """Let all followers come to their end, as the server is stopping. May be called from any thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _join(self) -> None:
        self._followers += 1
        if self._reader is None:
            self._loop = asyncio.get_running_loop()
            self._reader = self._loop.create_task(self._read(), name="basin-feed")

    def _leave(self) -> None:
        self._followers -= 1
        if not self._followers and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _behind(self, after: int) -> tuple[Sequence[Event], int]:
        """The events behind an id, as far as they are known, and the id up to which they go."""
        if after >= self._newest:
            return (), after
        if after >= self._floor:
            return [event for event in self._recent if event.id > after], self._newest
        return await self._store.read(lambda tx: _chunk(tx, after))

    async def _read(self) -> None:
        """Keep up with the outbox. What was read for earlier followers is dropped: there may be a gap behind it."""
        known = False
        while True:
            try:
                if not known:
                    _, newest = await self._store.read(lambda tx: tx.events.bounds())
                    self._recent.clear()
                    self._floor = self._newest = newest
                    self._wake()
                    known = True
                await self._store.wait_for_events(self._newest, _IDLE_SECONDS)
                self._take(await self._store.events_behind(self._newest, _AT_ONCE))
            except Unavailable as away:
                _log.warning("the events cannot be read just now: %s", away)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001  # a reader that ended would leave its followers waiting for ever
                _log.exception("the events cannot be read")
                await asyncio.sleep(_RETRY_SECONDS)

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if len(self._recent) == _KEPT:
                self._floor = self._recent[0].id
            self._recent.append(event)
        if events:
            self._newest = events[-1].id
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _chunk(tx: Transaction, after: int) -> tuple[Sequence[Event], int]:
    """Some events behind an id, and the id up to which nothing is left out."""
    events = tx.events.list(after, None, _AT_ONCE)
    return events, events[-1].id if len(events) == _AT_ONCE else max(after, tx.events.bounds()[1])


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
