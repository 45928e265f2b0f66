"""The clock of the database: one reading for each transaction, and one question a second."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

_GOOD_FOR_SECONDS = 1.0


class Told:
    """What a database's clock said last, and when that was by ours that only goes forward."""

    def __init__(self) -> None:
        self._reading: tuple[datetime, float] | None = None

    def now(self, connection: Connection) -> datetime:
        """The database's time: what it said within the last second and what has passed since, or what it says now.

        Two threads may ask at once; either answer is right.
        """
        if self._reading is not None:
            said, at = self._reading
            passed = time.monotonic() - at
            if passed < _GOOD_FOR_SECONDS:
                return said + timedelta(seconds=passed)
        told: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        said = told.astimezone(UTC)
        # It was read before its answer came: what is made of it is never ahead of the database, and never goes back.
        self._reading = said, time.monotonic()
        return said


class Clock:
    """The time of this transaction, read when it is first asked for."""

    def __init__(self, connection: Connection, told: Told) -> None:
        self._connection = connection
        self._told = told
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
        return self._told.now(self._connection)
