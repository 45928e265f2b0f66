"""The board: who waits for a trial of which study, and one reader of the outbox that wakes them.

A thousand idle askers cost nothing: a queued trial wakes one of them, not all. The reader works while somebody waits.
"""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Protocol

from service.domain.errors import BasinError
from service.domain.event import Event
from service.usecases.ports import Store, Transaction

_log = logging.getLogger(__name__)
_AT_ONCE = 500
_LOOK_SECONDS = 15.0
_RETRY_SECONDS = 1.0
# The timers of this machine and the clock of the database do not tick alike.
_MARGIN_SECONDS = 0.02
_STAND_BACK_SECONDS = 0.02


class Listener(Protocol):
    """Others who wait for trials, and hear what the board hears."""

    def asking(self, study: str) -> int:
        """How many of them wait for a trial of a study."""

    def heard(self, event: Event) -> None:
        """Something has happened."""

    def queued(self, study: str, avoid: str | None) -> None:
        """There may be a trial to be taken, by another node than this one, if one is named."""


class Board:
    """Those who wait, by study."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._askers: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._present = 0
        self._reader: asyncio.Task[None] | None = None
        self._reading = asyncio.Event()
        self._heard: Counter[str] = Counter()
        self._begun = 0
        self._empty: set[str] = set()
        self._claiming = 0
        self._calm = asyncio.Event()
        self.listeners: list[Listener] = []
        self.read_up_to = -1

    def asking(self, study: str) -> int:
        """How many wait for a trial of a study."""
        return len(self._askers[study]) + sum(listener.asking(study) for listener in self.listeners)

    def heard(self, study: str) -> tuple[int, int]:
        """Is the same as before as long as nothing has happened for which anybody should look for trials of a study."""
        return self._begun, self._heard[study]

    @contextmanager
    def nothing_queued(self, study: str, since: tuple[int, int]) -> Iterator[None]:
        """Nothing was queued when it was looked, which was not before `since`; the next trial is being made."""
        if self.heard(study) == since:
            self._empty.add(study)
        try:
            yield
        finally:
            self._empty.discard(study)

    def line(self, study: str) -> bool:
        """Whether somebody stands in line whose turn has not come: he would be passed by whoever looks now."""
        return any(not turn.is_set() for turn in self._askers[study])

    def is_empty(self, study: str) -> bool:
        """Whether it is known that there is nothing to be claimed, and that something is about to be."""
        return study in self._empty

    @asynccontextmanager
    async def ask(self, study: str) -> AsyncIterator[asyncio.Event]:
        """Wait for trials of a study: the event is set when it is this asker's turn to look. Enter, look, then wait."""
        turn = asyncio.Event()
        async with self.there():
            self._askers[study].append(turn)
            self.tell_watchers(study)
            try:
                yield turn
            finally:
                self._askers[study].remove(turn)
                if turn.is_set():
                    # The turn was given and perhaps not used: the next one may look.
                    self._wake_one(study)

    @asynccontextmanager
    async def watch(self, study: str) -> AsyncIterator[asyncio.Event]:
        """Be told of anything that happens in a study, those who ask included, but for trials that are queued anew."""
        told = asyncio.Event()
        async with self.there():
            self._watchers[study].add(told)
            try:
                yield told
            finally:
                self._watchers[study].discard(told)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Claim trials: those who suggest new ones stand back meanwhile."""
        self._claiming += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._claiming -= 1
            if not self._claiming:
                self._calm.set()

    async def calm(self) -> None:
        """Return once nobody is claiming, or after a moment: where claims never end somebody must suggest, too."""
        if self._claiming:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STAND_BACK_SECONDS):
                    await self._calm.wait()

    @asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        """Be somebody for whom the outbox is read."""
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
                    last, put_off = await self._store.read(_standing)
                    self._begun += 1
                    self.read_up_to = last
                    for waits in put_off:
                        self._later(*waits)
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
                self.read_up_to = last = event.id

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener.heard(event)
        if event.study is None:
            return
        if event.type.startswith("study."):
            self._looks_new(event.study)
            for turn in self._askers[event.study]:
                turn.set()
        elif event.data.get("state") == "queued":
            avoid, wait = event.data.get("avoid"), event.data.get("wait_seconds", 0.0)
            self._later(event.study, wait, avoid, event.data.get("avoid_seconds", wait))
        if event.type != "trial.created" or event.data.get("state") != "queued":
            # Most of those who watch have queued it themselves.
            self.tell_watchers(event.study)

    def _later(self, study: str, wait: float, avoid: str | None, avoid_wait: float) -> None:
        """Tell of a queued trial when it is due, and once more when it may go to any node."""
        loop = asyncio.get_running_loop()
        if wait > 0:
            loop.call_later(wait + _MARGIN_SECONDS, self._queued, study, avoid)
        else:
            self._queued(study, avoid)
        if avoid is not None and avoid_wait > 0:
            loop.call_later(avoid_wait + _MARGIN_SECONDS, self._queued, study, None)

    def _queued(self, study: str, avoid: str | None) -> None:
        self._looks_new(study)
        self._wake_one(study)
        for listener in self.listeners:
            listener.queued(study, avoid)

    def _looks_new(self, study: str) -> None:
        self._heard[study] += 1
        self._empty.discard(study)

    def _wake_one(self, study: str) -> None:
        for turn in self._askers[study]:
            if not turn.is_set():
                turn.set()
                return

    def tell_watchers(self, study: str) -> None:
        """Let those who watch a study know that something is new in it."""
        for told in self._watchers[study]:
            told.set()


def _standing(tx: Transaction) -> tuple[int, list[tuple[str, float, str | None, float]]]:
    """Where the outbox ends, and what was put off before: for how long yet."""
    _, last = tx.events.bounds()

    def left(moment: datetime | None) -> float:
        return 0.0 if moment is None else (moment - tx.now).total_seconds()

    return last, [(one.study, left(one.not_before), one.avoid, left(one.avoid_until)) for one in tx.trials.put_off()]
