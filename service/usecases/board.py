"""The board: who waits for a trial of which study, and one reader of the outbox that wakes them.

A thousand idle askers cost nothing: a queued trial wakes one of them, not all. The reader works while somebody waits.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.errors import BasinError
from service.domain.event import Event
from service.usecases.ports import Store

_log = logging.getLogger(__name__)
_AT_ONCE = 500
_LOOK_SECONDS = 15.0
_RETRY_SECONDS = 1.0


class Board:
    """Those who wait, by study."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._askers: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._present = 0
        self._reader: asyncio.Task[None] | None = None
        self._reading = asyncio.Event()

    def asking(self, study: str) -> int:
        """How many wait for a trial of a study."""
        return len(self._askers[study])

    @asynccontextmanager
    async def ask(self, study: str) -> AsyncIterator[asyncio.Event]:
        """Wait for trials of a study: the event is set when it is this asker's turn to look. Enter, look, then wait."""
        turn = asyncio.Event()
        async with self._there():
            self._askers[study].append(turn)
            self._tell_watchers(study)
            try:
                yield turn
            finally:
                self._askers[study].remove(turn)
                if turn.is_set():
                    # The turn was given and perhaps not used: the next one may look.
                    self._wake_one(study)

    @asynccontextmanager
    async def watch(self, study: str) -> AsyncIterator[asyncio.Event]:
        """Be told of anything that happens in a study, those who ask included."""
        told = asyncio.Event()
        async with self._there():
            self._watchers[study].add(told)
            try:
                yield told
            finally:
                self._watchers[study].discard(told)

    @asynccontextmanager
    async def _there(self) -> AsyncIterator[None]:
        self._present += 1
        if self._reader is None:
            self._reading.clear()
            self._reader = asyncio.create_task(self._read(), name="basin-board")
        try:
            # What happens from here on will be told: who looks now misses nothing.
            await self._reading.wait()
            yield
        finally:
            self._present -= 1
            if not self._present and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def _read(self) -> None:
        last = -1
        while True:
            try:
                if last < 0:
                    _, last = await self._store.read(lambda tx: tx.events.bounds())
                    self._reading.set()
                await self._store.wait_for_events(last, _LOOK_SECONDS)
                events = await self._store.events_behind(last, _AT_ONCE)
            except BasinError as error:
                _log.warning("the board cannot be read: %s", error)
                # Nobody is kept waiting for a database that is away: they look for themselves, and are told so.
                self._reading.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for event in events:
                self._tell(event)
                last = event.id

    def _tell(self, event: Event) -> None:
        if event.type.startswith("study."):
            for turn in self._askers[event.study]:
                turn.set()
        elif event.data.get("state") == "queued":
            self._wake_one(event.study)
        self._tell_watchers(event.study)

    def _wake_one(self, study: str) -> None:
        for turn in self._askers[study]:
            if not turn.is_set():
                turn.set()
                return

    def _tell_watchers(self, study: str) -> None:
        for told in self._watchers[study]:
            told.set()
