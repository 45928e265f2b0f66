"""What pages are told while they are open: one log of messages for a whole process, from which each browser reads on.

The log holds what happened (the feed's events), the new points of the studies that somebody looks at, and which logs
have grown. A browser reads at its own pace behind the place that it has come to; one that falls behind the beginning is
told to read everything again (`resync`), so nobody holds up anybody, and nothing grows.
"""

import asyncio
import itertools
import logging
import secrets
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic_core import to_json

from service.dashboard.growth import LogEnds, NewPoints
from service.domain.errors import BasinError
from service.http import convert
from service.http.feed import Feed
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store

_log = logging.getLogger(__name__)
_KEPT = 4_000
_TICK_SECONDS = 0.5
_WORKERS_EVERY = 6
_QUIET_SECONDS = 10.0
_LINGER_SECONDS = 5.0
_STUDY = "study:"
_LOG = "log:"
_MOST_TOPICS = 100
_READER = ""  # counted for each that reads, whatever it wants
ALL = "all"
WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a browser wants to be told: of these studies, of all, of the workers, of these logs."""

    topics: frozenset[str]

    @classmethod
    def of(cls, asked: Sequence[tuple[str, str]]) -> "Wish":
        """From the parameters of an address: study=NAME, log=NAME/NUMBER, all=1, workers=1."""
        return cls(
            frozenset(
                f"{name}:{value}" if name in {"study", "log"} else name
                for name, value in asked[:_MOST_TOPICS]
                if name in {"study", "log", ALL, WORKERS}
            )
        )

    def wants(self, message: "Message") -> bool:
        """Whether a message is for this browser."""
        return not message.topics or not self.topics.isdisjoint(message.topics)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is sent, and whom it is for; for everybody, if nothing is said."""

    place: int
    topics: frozenset[str]
    text: str


@dataclass
class Hub:
    """The log, and what writes it while somebody reads."""

    store: Store
    mirrors: Mirrors
    feed: Feed
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    _messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _end: int = 0
    _newest: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: Counter[str] = field(default_factory=Counter)
    _writers: tuple[asyncio.Task[None], ...] = ()
    _resting: asyncio.TimerHandle | None = None
    _closed: bool = False
    _anew: set[str] = field(default_factory=set)

    async def follow(self, wish: Wish, after: str | None) -> AsyncGenerator[bytes, None]:
        """What a browser is told, from where it had come to; a `tick` when nothing came for a while."""
        self._join(wish)
        try:
            if not self._newest:
                self._newest = await self.feed.start(None)
            place = self._start(after)
            hello = to_json({"newest": self._newest})
            yield b"retry: 2000\n\n" + self._said(self._end, "resync" if place is None else "hello", hello)
            place = self._end if place is None else place
            # Without writers there is nothing to wait for: whoever comes again starts new ones.
            while self._writers:
                changed = self._changed
                if place < self._floor():
                    place = self._end
                    yield self._said(place, "resync", b"{}")
                # Places have no gaps: what is new are the last so many.
                fresh = [self._messages[at] for at in range(place - self._end, 0)]
                place = self._end
                if told := "".join(one.text for one in fresh if wish.wants(one)):
                    yield told.encode()
                if not await _set_within(changed, _QUIET_SECONDS):
                    yield self._said(place, "tick", b"{}")
        finally:
            self._leave(wish)

    def _start(self, after: str | None) -> int | None:
        """The place that a browser had come to, if this process can go on from there; a new one begins at the end."""
        if after is None:
            return self._end
        boot, _, place = after.partition("-")
        if boot != self.boot or not place.isdigit() or not self._floor() <= int(place) <= self._end:
            return None
        return int(place)

    def _floor(self) -> int:
        return self._messages[0].place - 1 if self._messages else self._end

    def _said(self, place: int, kind: str, data: bytes) -> bytes:
        return f"id: {self.boot}-{place}\nevent: {kind}\ndata: {data.decode()}\n\n".encode()

    def _say(self, kind: str, data: Mapping[str, Any], *topics: str) -> None:
        self._end += 1
        text = self._said(self._end, kind, to_json(data, inf_nan_mode="strings")).decode()
        self._messages.append(Message(self._end, frozenset(topics), text))
        self._wake()

    def _join(self, wish: Wish) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        self._wanted.update(wish.topics | {_READER})
        self._anew |= {topic.removeprefix(_STUDY) for topic in wish.topics if topic.startswith(_STUDY)}
        if not self._writers and not self._closed:
            self._writers = (
                asyncio.create_task(self._tell_events(), name="basin-live-events"),
                asyncio.create_task(self._tell_growth(), name="basin-live-growth"),
            )

    def _leave(self, wish: Wish) -> None:
        self._wanted = self._wanted - Counter(wish.topics | {_READER})
        if not self._wanted:
            # Who goes from page to page comes back at once.
            self._resting = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._rest)

    def _rest(self) -> None:
        self._stop_writing()
        # What happens while nobody reads is not written down: nobody can go on from a place before it.
        self._messages.clear()
        self._end += 1
        self._newest = 0

    def _stop_writing(self) -> None:
        for writer in self._writers:
            writer.cancel()
        self._writers = ()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _tell_events(self) -> None:
        """Until the feed ends, for the server stops, or cannot be read: browsers then come again."""
        try:
            async for event in self.feed.follow(await self.feed.start(None), None, _QUIET_SECONDS):
                if event is not None:
                    topics = [ALL] if event.study is None else [ALL, f"{_STUDY}{event.study}"]
                    told = convert.event(event).model_dump(mode="json")
                    self._newest = event.id
                    self._say(event.type, told, *topics, *([WORKERS] if event.worker else []))
        except BasinError as away:
            _log.warning("the pages cannot be told what happens just now: %s", away)
        except Exception:  # noqa: BLE001  # a writer that ended would leave its readers waiting for ever
            _log.exception("the pages cannot be told what happens")
        self._closed = self.feed.closed
        self._stop_writing()

    async def _tell_growth(self) -> None:
        points, ends = NewPoints(self.mirrors), LogEnds()
        for beat in itertools.count(1):
            await asyncio.sleep(_TICK_SECONDS)
            if WORKERS in self._wanted and beat % _WORKERS_EVERY == 0:
                self._say("workers", {}, WORKERS)
            try:
                await self._tell_grown(points, ends)
            except BasinError as away:
                _log.warning("new points cannot be told just now: %s", away)
            except Exception:  # noqa: BLE001  # one bad look must not be the last
                _log.exception("new points cannot be told")

    async def _tell_grown(self, points: NewPoints, ends: LogEnds) -> None:
        studies = [one.removeprefix(_STUDY) for one in self._wanted if one.startswith(_STUDY)]
        logs = [one.removeprefix(_LOG) for one in self._wanted if one.startswith(_LOG)]
        anew, self._anew = self._anew, set()
        grown = await self.store.read(partial(points.since, names=studies, anew=anew)) if studies else {}
        longer = await self.store.read(partial(ends.since, wanted=logs)) if logs else ()
        for study, found in grown.items():
            self._say("points", {"study": study, "points": found}, f"{_STUDY}{study}")
        for of in longer:
            self._say("log", {"log": of}, f"{_LOG}{of}")


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
