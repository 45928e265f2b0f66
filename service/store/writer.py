"""The group-commit writer: one thread that carries out the writes that are waiting and commits them together.

Durability costs one wait for the disk a commit, whatever the commit holds. So while one batch is being committed, the
next one gathers. Each caller is answered after its own commit; a write that is refused is undone alone, and its
neighbours do not notice. Refusals are rare: a batch is tried as a whole first, and only where one of its writes is
refused again from the start, each write in a savepoint of its own. A batch lets those pass who hurry: what it has not
done by then goes with the next one.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from service.domain.errors import BasinError, Overloaded, StoreUnavailable
from service.domain.event import Event
from service.store.clock import Told
from service.store.faults import connection_lost, translated, worth_another_try
from service.store.transaction import SqlTransaction
from service.store.waiting import ABSENT, Line, Waiting
from service.usecases.ports import Together, Transaction

_log = logging.getLogger(__name__)
_TRIES = 5
_PAUSE_SECONDS = 0.02
_MOST_WAITING = 20_000


class Writer:
    """The thread, its line and its connection."""

    def __init__(self, engine: Engine, told: Told, *, batch: int, committed: Callable[[Sequence[Event]], None]) -> None:
        self._engine = engine
        self._told = told
        self._batch = batch
        self._committed = committed
        self._line = Line()
        self._connection: Connection | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="basin-writer", daemon=True)
        self._thread.start()

    async def submit(
        self,
        *,
        work: Callable[[Transaction], Any] | None = None,
        together: Together[Any, Any] | None = None,
        item: Any = None,
        urgent: bool = False,
    ) -> Any:
        """Hand in a write and wait for its commit."""
        if self._closed:
            raise StoreUnavailable("the server is stopping")
        if len(self._line) >= _MOST_WAITING:
            raise Overloaded(f"{_MOST_WAITING} writes are waiting already")
        loop = asyncio.get_running_loop()
        waiting = Waiting(loop.create_future(), loop, work, together, item, urgent)
        self._line.add(waiting)
        return await waiting.future

    def close(self) -> None:
        """Carry out what is waiting, then stop."""
        self._closed = True
        self._line.close()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._line.take(self._batch):
            self._serve(batch)
        self._drop_connection()

    def _serve(self, batch: Sequence[Waiting]) -> None:
        try:
            events = self._commit(batch)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer of everyone in this batch
            refusal = translated(error) or error
            _log.log(
                logging.WARNING if isinstance(refusal, BasinError) else logging.ERROR, "a commit failed: %s", error
            )
            self._drop_connection()
            for waiting in batch:
                waiting.result = refusal
            events = ()
        left = [waiting for waiting in batch if waiting.result is ABSENT]
        self._line.again(left)
        _answer([waiting for waiting in batch if waiting.result is not ABSENT])
        if events:
            self._committed(events)

    def _commit(self, batch: Sequence[Waiting]) -> Sequence[Event]:
        """Carry out a batch in one transaction, again from the start if it lost a race or an idle connection."""
        apart = False
        tries = 0
        while True:
            committing = False
            for waiting in batch:
                waiting.result = ABSENT  # what was undone has none
            try:
                connection = self._connection or self._engine.connect()
                self._connection = connection
                with connection.begin():
                    transaction = SqlTransaction(connection, self._told)
                    _carry_out(transaction, batch, self._line, apart=apart)
                    events = transaction.events.flush()
                    committing = True
                return events
            except _Undone as undone:
                if len(batch) == 1:
                    batch[0].result = undone.refusal
                    return ()
                apart = True
            except DBAPIError as error:
                tries += 1
                lost = connection_lost(error)
                if lost:
                    self._drop_connection()
                # Once the commit was sent, only the database knows whether it happened: the callers must ask again.
                if tries == _TRIES or not (worth_another_try(error) or (lost and not committing)):
                    raise
                # The winner of the race goes first: at once, we would only meet it again.
                time.sleep(_PAUSE_SECONDS * tries)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


class _Undone(Exception):
    """One write of a batch that was tried as a whole is refused, and the whole is undone with it."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _carry_out(transaction: SqlTransaction, batch: Sequence[Waiting], line: Line, *, apart: bool) -> None:
    """Give each write its result or its refusal; if they are not kept apart, the first refusal raises _Undone.

    When somebody hurries, those behind the first are left without a result.
    """
    groups: dict[Together[Any, Any], list[Waiting]] = defaultdict(list)
    for waiting in batch:
        if waiting.together is not None:
            groups[waiting.together].append(waiting)
    for together, members in groups.items():
        _carry_out_together(transaction, together, members, apart=apart)
    works = [(waiting, waiting.work) for waiting in batch if waiting.work is not None]
    for done, (waiting, work) in enumerate(works):
        if not waiting.urgent and waiting is not batch[0] and line.hurries(len(works) - done):
            return
        waiting.result = _attempt(transaction, work, apart=apart)


def _carry_out_together(
    transaction: SqlTransaction, together: Together[Any, Any], members: Sequence[Waiting], *, apart: bool
) -> None:
    """Do the work for all at once; if that breaks, for each alone, so that only the one at fault is refused."""
    items = [member.item for member in members]
    results = _attempt(transaction, lambda tx: together(tx, items), apart=apart)
    if isinstance(results, BaseException) and len(members) > 1:
        for member in members:
            _carry_out_together(transaction, together, [member], apart=apart)
        return
    answers = [results] if isinstance(results, BaseException) else results
    for member, answer in zip(members, answers, strict=True):
        member.result = answer


def _attempt(transaction: SqlTransaction, work: Callable[[Transaction], Any], *, apart: bool) -> Any:
    """The result of the work, or what it raised, with its traces undone."""
    try:
        with transaction.part() if apart else nullcontext():
            return work(transaction)
    except Exception as error:
        if isinstance(error, DBAPIError) and (worth_another_try(error) or translated(error) is not None):
            raise
        if not apart:
            raise _Undone(error) from error
        return error  # it is answered to the caller who handed the work in


def _answer(batch: Sequence[Waiting]) -> None:
    """Wake the callers: once for each event loop, not once for each caller."""
    loops: dict[asyncio.AbstractEventLoop, list[Waiting]] = defaultdict(list)
    for waiting in batch:
        loops[waiting.loop].append(waiting)
    for loop, members in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, members)
        except RuntimeError:
            # The loop has closed: its callers are gone, what they wrote is not.
            _log.debug("nobody waits any more for %d answers", len(members))


def _resolve(members: Sequence[Waiting]) -> None:
    for waiting in members:
        if waiting.future.done():
            continue
        if isinstance(waiting.result, BaseException):
            waiting.future.set_exception(waiting.result)
        else:
            waiting.future.set_result(waiting.result)
