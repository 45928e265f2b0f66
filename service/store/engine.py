"""How a database is connected to: what must hold on every connection, on SQLite and on PostgreSQL."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url

_BUSY_MS = 5_000
_WRITER_KIB = 16_384
_READER_KIB = 4_096


def parse(url: str) -> URL:
    """Read a database URL; `postgresql://` means psycopg 3 here."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise ValueError(f"{url!r} is no database this server can use (sqlite:///FILE or postgresql://HOST/NAME)")
    return parsed


def connect(url: URL, *, readers: int = 0) -> Engine:
    """An engine for the one writer, or with `readers` one for that many readers."""
    pool: dict[str, Any] = {"poolclass": NullPool}
    if readers:
        pool = {
            "poolclass": QueuePool,
            "pool_size": readers,
            "max_overflow": 0,
            "pool_timeout": 10,
            # The one that was used last is warm, and has its statements prepared.
            "pool_use_lifo": True,
        }
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000}, **pool)
        event.listen(engine, "connect", partial(_sqlite_connection, cached_kib=_READER_KIB if readers else _WRITER_KIB))
        event.listen(engine, "begin", _begin_deferred if readers else _begin_immediate)
        return engine
    options = "-c TimeZone=UTC -c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
    arguments: dict[str, Any] = {"connect_timeout": 3, "options": options, "application_name": "basin"}
    # Whatever the database writes letters in: `straight` writes them so.
    arguments["client_encoding"] = "utf8"
    # psycopg forgets all that is prepared, by whomever, whenever something is undone: `straight` prepares by itself.
    arguments["prepare_threshold"] = None
    # Reads see one moment. Writes lock what they read, and read what is newest.
    level = "REPEATABLE READ" if readers else "READ COMMITTED"
    return create_engine(url, connect_args=arguments, isolation_level=level, **pool)


def _sqlite_connection(connection: sqlite3.Connection, _record: object, *, cached_kib: int) -> None:
    # The driver's own transactions begin too late and commit behind our back; we begin ours.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_MS}",
        # For each connection: what a server remembers of a study is in its mirrors, and not here as well.
        f"cache_size=-{cached_kib}",
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
