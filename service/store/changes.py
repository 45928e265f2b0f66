"""How a process learns that there are new events: from its own writer, and from other replicas through PostgreSQL."""

import asyncio
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import URL

from service.domain.event import Event

_log = logging.getLogger(__name__)
CHANNEL = "basin_events"
"""Where the other replicas are told of an event id once the transaction is committed."""
_POLL_SECONDS = 2.0
_KEPT = 2_000


class Changes:
    """The newest event id that this process knows of, those who wait for a newer one, and its own newest events."""

    def __init__(self) -> None:
        self._last = 0
        self._own: deque[Event] = deque(maxlen=_KEPT)
        self._writer = 0
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def own(self, writer: int) -> None:
        """Say which of the database's processes writes for this one."""
        self._writer = writer

    def heard(self, writer: int, last_id: int) -> None:
        """Tell of an event that a process of the database has written, if it was for another than this one.

        What this process has written it tells of itself, and need not read: that it hears of it first is no news.
        """
        if writer != self._writer:
            self.publish(last_id)

    def written(self, events: Sequence[Event]) -> None:
        """Take note of events that this process has committed, in their order; from any thread."""
        with self._lock:
            if self._own and self._own[-1].id + 1 != events[0].id:
                self._own.clear()  # another process has written in between
            self._own.extend(events)
        self.publish(events[-1].id)

    def behind(self, after_id: int, count: int) -> Sequence[Event]:
        """The first events behind an id, if this process has written them; nothing if they must be read."""
        with self._lock:
            if not self._own or not self._own[0].id - 1 <= after_id < self._own[-1].id:
                return ()
            first = after_id + 1 - self._own[0].id
            return list(islice(self._own, first, first + count))

    def publish(self, last_id: int) -> None:
        """Tell of a newer event; from any thread."""
        with self._lock:
            if last_id <= self._last:
                return
            self._last = last_id
            waiting, self._waiting = self._waiting, {}
        for future, loop in waiting.items():
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:
                _log.debug("a listener's loop has closed")

    async def wait(self, after_id: int, seconds: float) -> None:
        """Return when there is an event behind an id, or after that time: nobody relies on being told."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._last > after_id:
                return
            self._waiting[future] = loop
        try:
            async with asyncio.timeout(min(seconds, _POLL_SECONDS)):
                await future
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.pop(future, None)


class Listener:
    """A thread that hears what other replicas commit (LISTEN), and comes back when the database was away."""

    def __init__(self, url: URL, changes: Changes) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._changes = changes
        self._stop = threading.Event()
        self._woken, self._wakes = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="basin-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, at once."""
        self._stop.set()
        self._wakes.close()
        self._thread.join()
        self._woken.close()

    def _run(self) -> None:
        import psycopg  # not loaded where there is no PostgreSQL

        while not self._stop.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                _log.info("not listening to the database: %s", error)
                self._stop.wait(1.0)

    def _listen(self) -> None:
        import psycopg

        with (
            psycopg.connect(
                self._dsn, autocommit=True, connect_timeout=3, application_name="basin-listen"
            ) as connection,
            selectors.DefaultSelector() as either,
        ):
            either.register(connection.fileno(), selectors.EVENT_READ)
            either.register(self._woken, selectors.EVENT_READ)
            connection.execute(f"LISTEN {CHANNEL}")
            while not self._stop.is_set():
                for note in connection.notifies(timeout=0):
                    self._changes.heard(note.pid, int(note.payload))
                # Not notifies() alone: nothing would wake it when it is to stop.
                either.select()


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
