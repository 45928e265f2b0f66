"""The logs of attempts in the database, in the pieces in which they came."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from service.domain.trial import AttemptKey, LogPiece
from service.store import tables

_rows = tables.logs
_END = _rows.c.begin + _rows.c.size


class SqlLogs:
    """The `Logs` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, piece: LogPiece) -> None:
        """Add a piece; it begins where the last one ends."""
        key = piece.key
        place = {"study_id": key.study_id, "number": key.number, "attempt": key.attempt, "begin": piece.begin}
        self._connection.execute(insert(_rows), {**place, "size": len(piece.data), "data": piece.data})

    def end(self, key: AttemptKey) -> int:
        """How many bytes an attempt has written in all, those that were left out included."""
        return int(self._connection.execute(select(func.coalesce(func.max(_END), 0)).where(_of(key))).scalar_one())

    def pieces(self, key: AttemptKey, offset: int, most_bytes: int) -> Sequence[LogPiece]:
        """Read the pieces that hold something behind an offset, in their order, up to so many bytes; at least one."""
        wanted = select(_rows.c.begin, _rows.c.size).where(_of(key), offset < _END).order_by(_rows.c.begin)
        last, held = None, 0
        for begin, size in self._connection.execute(wanted):
            last, held = begin, held + size
            if held >= most_bytes:
                break
        if last is None:
            return []
        chosen = select(_rows.c.begin, _rows.c.data).where(_of(key), offset < _END, _rows.c.begin <= last)
        rows = self._connection.execute(chosen.order_by(_rows.c.begin))
        return [LogPiece(key=key, begin=begin, data=bytes(data)) for begin, data in rows]

    def trim(self, key: AttemptKey, head: int, tail: int) -> None:
        """Leave the middle out: keep the pieces that begin before `head` and those that end behind `tail`."""
        self._connection.execute(delete(_rows).where(_of(key), _rows.c.begin >= head, tail >= _END))


def _of(key: AttemptKey) -> ColumnElement[bool]:
    return and_(_rows.c.study_id == key.study_id, _rows.c.number == key.number, _rows.c.attempt == key.attempt)
