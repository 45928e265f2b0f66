"""The outbox of events, and the answers that are remembered, in the database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, cast, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from service.domain.errors import StoreUnavailable
from service.domain.event import Event
from service.store import tables
from service.store.bulk import arrays, columns, insert_many
from service.store.changes import CHANNEL
from service.store.clock import Clock
from service.store.prepared import Prepared

_events = tables.events
_outbox = tables.outbox
_requests = tables.requests
_NAMES = tuple(one.name for one in _events.c if one.name != "id")
_take = update(_outbox).values(last_id=_outbox.c.last_id + bindparam("count")).returning(_outbox.c.last_id)
_behind = select(_events).where(_events.c.id > bindparam("after")).order_by(_events.c.id).limit(bindparam("count"))
_TAKE = Prepared(_take)
_BEHIND = Prepared(_behind)
_BEHIND_IN = Prepared(_behind.where(_events.c.study == bindparam("study")))
_LAST = Prepared(select(_outbox.c.last_id))
_FIRST = Prepared(select(func.min(_events.c.id)))
_ANSWER = Prepared(insert(_requests))
_ANSWERED = Prepared(
    select(_requests).where(_requests.c.scope == bindparam("scope"), _requests.c.request_id == bindparam("request_id"))
)


class SqlEvents:
    """The `Events` port over one connection. Events wait in memory until `flush`, the last step before a commit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.waiting: list[Event] = []

    def append(self, event: Event) -> None:
        """Add an event. Its id is given at the commit, so that ids become visible in their order."""
        self.waiting.append(event)

    def flush(self) -> Sequence[Event]:
        """Give the waiting events their ids and write them; answers them as they were written.

        The ids come from one row that stays locked until the commit: no reader can see an id before all smaller ones.
        Taken last, the lock is held for the length of the commit only.
        """
        if not self.waiting:
            return ()
        count, rows = len(self.waiting), [_row(event) for event in self.waiting]
        if self._connection.dialect.name == "postgresql":
            given = rows[0] if count == 1 else columns(rows)
            last: int = _at_once(alone=count == 1).value(self._connection, {"count": count, **given})
        else:
            last = _TAKE.value(self._connection, {"count": count})
            insert_many(self._connection, _events, [{**row, "id": last - count + n} for n, row in enumerate(rows, 1)])
        numbered = [replace(event, id=last - count + place) for place, event in enumerate(self.waiting, start=1)]
        self.waiting.clear()
        return numbered

    def list(self, after_id: int, study: str | None, count: int) -> Sequence[Event]:
        """Read up to `count` events behind an id, of one study or of all."""
        wanted = {"after": after_id, "count": count} | ({} if study is None else {"study": study})
        return [_event(row) for row in (_BEHIND if study is None else _BEHIND_IN).rows(self._connection, wanted)]

    def bounds(self) -> tuple[int, int]:
        """The ids of the oldest event that is kept and of the newest there ever was; (0, 0) before the first."""
        last: int = _LAST.value(self._connection, {})
        first = _FIRST.value(self._connection, {})
        return (first if first is not None else last + 1 if last else 0), last

    def prune(self, before: datetime) -> int:
        """Remove the events older than a time; answers how many."""
        return self._connection.execute(delete(_events).where(_events.c.at < before)).rowcount


class SqlRequests:
    """The `Requests` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def get(self, scope: str, request_id: str) -> tuple[str, Any] | None:
        """The digest of the body and the answer that was given, if any."""
        row = _ANSWERED.row(self._connection, {"scope": scope, "request_id": request_id})
        return None if row is None else (row.digest, row.answer)

    def put(self, scope: str, request_id: str, digest: str, answer: Any) -> None:
        """Remember an answer (plain JSON)."""
        written = {"scope": scope, "request_id": request_id, "digest": digest, "answer": answer}
        try:
            _ANSWER.run(self._connection, {**written, "at": self._clock.now})
        except IntegrityError as error:
            # Another replica has carried it out since we looked. Asked again, its answer is found.
            raise StoreUnavailable("the same request is being carried out by another server") from error

    def prune(self, before: datetime) -> int:
        """Forget the answers older than a time; answers how many."""
        return self._connection.execute(delete(_requests).where(_requests.c.at < before)).rowcount


@cache
def _at_once(*, alone: bool) -> Prepared:
    """Takes the ids, writes the events and tells the other replicas, in one statement: it ends nearly every write.

    An event that is alone is not made a table of: that takes twice as long.
    """
    taken = _take.cte("taken")
    if alone:
        given = [cast(bindparam(name, type_=_events.c[name].type), _events.c[name].type) for name in _NAMES]
        whole: Select[Any] = select(taken.c.last_id, *given)
    else:
        rows = arrays(_events, _NAMES, placed="place")
        ids = taken.c.last_id - bindparam("count") + rows.c.place
        whole = select(ids, *[rows.c[name] for name in _NAMES]).select_from(taken.join(rows, true()))
    new = insert(_events).from_select(("id", *_NAMES), whole).cte("new")
    return Prepared(select(taken.c.last_id, func.pg_notify(CHANNEL, cast(taken.c.last_id, Text))).add_cte(new))


def _row(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "study_id": event.study_id,
        "study": event.study,
        "trial": event.trial,
        "worker": event.worker,
        "seq": event.seq,
        "data": event.data,
        "at": event.at,
    }


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        type=row.type,
        study_id=row.study_id,
        study=row.study,
        trial=row.trial,
        worker=row.worker,
        seq=row.seq,
        data=row.data,
        at=row.at,
    )
