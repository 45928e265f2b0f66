"""The clock of the database: one reading for each transaction."""

from datetime import UTC, datetime

from sqlalchemy import Connection


class Clock:
    """The time of this transaction, read when it is first asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The moment, tz-aware UTC."""
        if self._now is None:
            self._now = self._read()
        return self._now

    def _read(self) -> datetime:
        if self._connection.dialect.name == "sqlite":
            # SQLite has no clock but the one of this machine, and tells it in milliseconds.
            return datetime.now(UTC)
        told: datetime = self._connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return told.astimezone(UTC)
