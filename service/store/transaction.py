"""One transaction: the ports over one connection. Who opens and commits it is `writer` and `sql`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from service.store.access import SqlAudit, SqlSessions, SqlTokens
from service.store.attempts import SqlAttempts
from service.store.checkpoints import SqlCheckpoints
from service.store.clock import Clock, Told
from service.store.curves import SqlPoints
from service.store.deciding import SqlDecisions, SqlSuggesters
from service.store.finishes import SqlFinishes
from service.store.fleet import SqlWorkers
from service.store.logs import SqlLogs
from service.store.outbox import SqlEvents, SqlRequests
from service.store.studies import SqlStudies
from service.store.trials import SqlTrials


class SqlTransaction:
    """The `Transaction` port."""

    def __init__(self, connection: Connection, told: Told) -> None:
        self._connection = connection
        self._clock = Clock(connection, told)
        self.studies = SqlStudies(connection, self._clock)
        self.trials = SqlTrials(connection, self.studies, self._clock)
        self.attempts = SqlAttempts(connection, self._clock)
        self.points = SqlPoints(connection)
        self.decisions = SqlDecisions(connection)
        self.suggesters = SqlSuggesters(connection, self._clock)
        self.finishes = SqlFinishes(connection)
        self.checkpoints = SqlCheckpoints(connection, self._clock)
        self.workers = SqlWorkers(connection, self._clock)
        self.logs = SqlLogs(connection)
        self.events = SqlEvents(connection)
        self.requests = SqlRequests(connection, self._clock)
        self.tokens = SqlTokens(connection, self._clock)
        self.sessions = SqlSessions(connection)
        self.audit = SqlAudit(connection)

    @property
    def now(self) -> datetime:
        """The database's clock, read once."""
        return self._clock.now

    @contextmanager
    def part(self) -> Iterator[None]:
        """A piece of the transaction that is undone by itself when it raises: what stood before it stays."""
        events = len(self.events.waiting)
        try:
            with self._connection.begin_nested():
                yield
        except BaseException:
            del self.events.waiting[events:]
            self.studies.forget()
            self.trials.forget()
            raise
