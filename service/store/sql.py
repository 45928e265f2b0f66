"""The store over a real database: one writer, a few readers."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import DBAPIError

from service.domain.event import Event
from service.store import engine as engines
from service.store.changes import Changes, Listener
from service.store.clock import Told
from service.store.faults import connection_lost, told
from service.store.transaction import SqlTransaction
from service.store.writer import Writer
from service.usecases.ports import Item, Result, StoreInfo, Together, Transaction

T = TypeVar("T")


class SqlStore:
    """The `Store` port over SQLite or PostgreSQL."""

    def __init__(self, url: URL, schema_revision: str, *, batch: int, readers: int) -> None:
        self.info = StoreInfo(url.get_backend_name(), schema_revision)
        self._changes = Changes()
        self._reads: Engine = engines.connect(url, readers=readers)
        self._writes: Engine = engines.connect(url)
        self._told = Told()
        self._writer = Writer(self._writes, self._told, batch=batch, committed=self._changes.written)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="basin-reader")
        self._listener: Listener | None = None
        if self.info.database == "postgresql":
            event.listen(self._writes, "connect", lambda connection, _: self._changes.own(connection.info.backend_pid))
            self._listener = Listener(url, self._changes)

    async def write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Carry out one atomic unit of work. It may be run more than once before it is committed once."""
        done: T = await self._writer.submit(work=work, urgent=urgent)
        return done

    async def write_together(self, work: Together[Item, Result], item: Item) -> Result:
        """Like write, for work that is cheaper on many items at once: items that are waiting go in one call."""
        done: Result = await self._writer.submit(together=work, item=item)
        return done

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read at one moment. What the work writes is undone."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def ping(self) -> None:
        """Answer when the database does; StoreUnavailable otherwise."""
        await self.read(lambda tx: tx.events.bounds())

    async def wait_for_events(self, after_id: int, seconds: float) -> None:
        """Return when there may be events behind an id, or after that time."""
        await self._changes.wait(after_id, seconds)

    async def events_behind(self, after_id: int, count: int) -> Sequence[Event]:
        """The first `count` events behind an id, of all studies: from memory where this process has written them."""
        known = self._changes.behind(after_id, count)
        return known if known else await self.read(lambda tx: tx.events.list(after_id, None, count))

    def close(self) -> None:
        """Finish the writes that are waiting, then let go of the database."""
        self._writer.close()
        if self._listener is not None:
            self._listener.close()
        self._readers.shutdown()
        self._reads.dispose()
        self._writes.dispose()

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with told():
            try:
                return self._look(work)
            except DBAPIError as error:
                if not connection_lost(error):
                    raise
                # It rested while the database was away. To ask each time whether it did would cost as much as a read.
                return self._look(work)

    def _look(self, work: Callable[[Transaction], T]) -> T:
        with self._reads.connect() as connection, connection.begin() as transaction:
            try:
                return work(SqlTransaction(connection, self._told))
            finally:
                transaction.rollback()
