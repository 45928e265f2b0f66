"""The checkpoints in the database: where each is kept, not its bytes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from service.domain.trial import ARTIFACT, AttemptKey, Checkpoint
from service.store import tables
from service.store.bulk import update_many
from service.store.clock import Clock

_rows = tables.checkpoints
_HERE = _rows.c.evicted_at.is_(None)
_OURS = _rows.c.uri.startswith(ARTIFACT, autoescape=True)


class SqlCheckpoints:
    """The `Checkpoints` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint; one of the same attempt and step is replaced."""
        self._connection.execute(delete(_rows).where(*_at(checkpoint.key, checkpoint.step)))
        written = {
            **_address(checkpoint),
            "uri": checkpoint.uri,
            "sha256": checkpoint.sha256,
            "size": checkpoint.size,
            "committed_at": checkpoint.committed_at,
            "evicted_at": checkpoint.evicted_at,
        }
        self._connection.execute(insert(_rows), written)

    def list(self, study_id: int, number: int, *, evicted: bool = False) -> Sequence[Checkpoint]:
        """Read the checkpoints of a trial, newest first; those whose bytes are gone only if asked for."""
        wanted = (
            select(_rows)
            .where(_rows.c.study_id == study_id, _rows.c.number == number)
            .order_by(_rows.c.attempt.desc(), _rows.c.step.desc())
        )
        if not evicted:
            wanted = wanted.where(_HERE)
        return [_checkpoint(row) for row in self._connection.execute(wanted)]

    def get(self, key: AttemptKey, step: int) -> Checkpoint | None:
        """Read a checkpoint, also one whose bytes are gone."""
        row = self._connection.execute(select(_rows).where(*_at(key, step))).one_or_none()
        return None if row is None else _checkpoint(row)

    def stored(self, study_id: int) -> Sequence[Checkpoint]:
        """Read the checkpoints of a study that the server keeps, in the order of trials, attempts and steps."""
        wanted = (
            select(_rows)
            .where(_rows.c.study_id == study_id, _HERE, _OURS)
            .order_by(_rows.c.number, _rows.c.attempt, _rows.c.step)
        )
        return [_checkpoint(row) for row in self._connection.execute(wanted)]

    def stored_bytes(self, study_id: int) -> int:
        """Sum up the sizes of those."""
        summed = select(func.coalesce(func.sum(_rows.c.size), 0)).where(_rows.c.study_id == study_id, _HERE, _OURS)
        return int(self._connection.execute(summed).scalar_one())

    def evict(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write down that the bytes of these are gone from now on."""
        gone = [{**_address(one), "evicted_at": self._clock.now} for one in checkpoints]
        update_many(self._connection, _rows, gone)


def _address(checkpoint: Checkpoint) -> dict[str, Any]:
    key = checkpoint.key
    return {"study_id": key.study_id, "number": key.number, "attempt": key.attempt, "step": checkpoint.step}


def _at(key: AttemptKey, step: int) -> tuple[ColumnElement[bool], ...]:
    place = {"study_id": key.study_id, "number": key.number, "attempt": key.attempt, "step": step}
    return tuple(_rows.c[name] == value for name, value in place.items())


def _checkpoint(row: Row[Any]) -> Checkpoint:
    return Checkpoint(
        key=AttemptKey(row.study_id, row.number, row.attempt),
        step=row.step,
        uri=row.uri,
        sha256=row.sha256,
        size=row.size,
        committed_at=row.committed_at,
        evicted_at=row.evicted_at,
    )
