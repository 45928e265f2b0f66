"""PostgreSQL's statements without cursors: each connection prepares one once, and libpq carries it out in one call.

A cursor of psycopg finds out each time of what kind the parameters are, what the statement is called and what is to be
done next: four times as long as the call itself takes. What it does better than this, it is left to do: to write
values that are not of the few kinds known here, and to say what is wrong with one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from psycopg import Connection as Driver
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection

_PLACE = re.compile(r"%%|%\((\w+)\)s")
_WELL = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_KEPT = "basin_prepared"


class Straight:
    """One statement, in the words of SQLAlchemy for psycopg."""

    def __init__(self, words: str) -> None:
        names = list(dict.fromkeys(filter(None, _PLACE.findall(words))))
        places = {name: f"${place}" for place, name in enumerate(names, start=1)}
        self._names = names
        self._words = _PLACE.sub(lambda found: places[found[1]] if found[1] else "%", words).encode()

    def carry_out(self, connection: Connection, bound: Mapping[str, Any]) -> tuple[Sequence[Any], int] | None:
        """The rows that it finds and how many it has changed; None where a cursor must do it.

        What is wrong is raised by psycopg's name.
        """
        pool = connection.connection
        driver = cast("Driver[Any]", pool.dbapi_connection)
        if not _in_transaction(driver):
            return None
        try:
            written = [None if (value := bound[name]) is None else _WRITTEN[type(value)](value) for name in self._names]
        except _Unfit:
            return None
        kept: dict[Straight, _Kept] = pool.info.setdefault(_KEPT, {})
        mine = kept.get(self)
        if mine is None:
            mine = kept[self] = _Kept(driver, b"basin_%d" % len(kept), self._words)
        result = _well(driver.pgconn.exec_prepared(mine.name, cast(Sequence[bytes], written)))
        return mine.rows(result), result.command_tuples or 0


def _in_transaction(driver: "Driver[Any]") -> bool:
    """Whether a transaction is under way; where there is none, and one is wanted, it is begun."""
    status = driver.pgconn.transaction_status
    special = (driver.autocommit, driver.read_only, driver.deferrable) != (False, None, None)
    if status != TransactionStatus.IDLE or special:
        return status == TransactionStatus.INTRANS
    level = driver.isolation_level
    how = "" if level is None else f" ISOLATION LEVEL {level.name.replace('_', ' ')}"
    _well(driver.pgconn.exec_(f"BEGIN{how}".encode()))
    return True


class _Kept:
    """A statement that a connection has prepared, and how its answers are read there."""

    def __init__(self, driver: "Driver[Any]", name: bytes, words: bytes) -> None:
        self.name = name
        self._reads = Transformer(driver)
        self._new = True
        _well(driver.pgconn.prepare(name, words))

    def rows(self, result: PGresult) -> Sequence[Any]:
        """The rows of an answer. Of what kind its columns are does not change."""
        self._reads.set_pgresult(result, set_loaders=self._new)
        self._new = False
        return self._reads.load_rows(0, result.ntuples, tuple)


def _well(result: PGresult) -> PGresult:
    if result.status not in _WELL:
        raise error_from_result(result)
    return result


class _Unfit(LookupError):
    """A value that only psycopg knows how to write, or to refuse."""


class _Writers(dict[type, Callable[[Any], Any]]):
    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        raise _Unfit(kind)


def _string(value: str) -> str:
    if "\0" in value:
        raise _Unfit(str)
    return value


def _quoted(value: str) -> str:
    return '"' + _string(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(values: Sequence[Any]) -> bytes:
    return ("{" + ",".join([_IN_ARRAYS[type(value)](value) for value in values]) + "}").encode()


_IN_ARRAYS = _Writers(
    {
        int: str,
        float: repr,
        bool: lambda value: "t" if value else "f",
        str: _quoted,
        datetime: lambda value: f'"{value.isoformat()}"',
        type(None): lambda _: "NULL",
    }
)
_WRITTEN = _Writers(
    {
        int: lambda value: b"%d" % value,
        float: lambda value: repr(value).encode(),
        bool: lambda value: b"t" if value else b"f",
        str: lambda value: _string(value).encode(),
        datetime: lambda value: value.isoformat().encode(),
        list: _array,
    }
)
