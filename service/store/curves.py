"""The learning curves in the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_, update

from service.domain.trial import AttemptKey, Point
from service.store import tables
from service.store.bulk import insert_many
from service.store.keys import DATABASES, among, listed
from service.store.prepared import Prepared
from service.usecases.ports import Mark

_points = tables.reports
_TRIALS_AT_ONCE = 500
_BEHIND = Prepared(
    select(_points)
    .where(
        _points.c.study_id == bindparam("s"),
        _points.c.number == bindparam("n"),
        tuple_(_points.c.attempt, _points.c.seq) > tuple_(bindparam("attempt"), bindparam("seq")),
    )
    .order_by(_points.c.attempt, _points.c.seq)
    .limit(bindparam("count"))
)
_curves = (
    select(_points.c.number, _points.c.step, _points.c.metrics)
    .where(_points.c.study_id == bindparam("s"), _points.c.superseded.is_(False))
    .order_by(_points.c.number, _points.c.step, _points.c.attempt)
)
_marks = _curves.add_columns(_points.c.elapsed, _points.c.cost)
_CURVES, _MARKS = (
    {database: Prepared(wanted.where(among(_points.c.number, database))) for database in DATABASES}
    for wanted in (_curves, _marks)
)


class SqlPoints:
    """The `Points` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, points: Sequence[Point]) -> None:
        """Add points; (attempt, seq) is unique."""
        insert_many(self._connection, _points, [_row(point) for point in points])

    def list(self, study_id: int, number: int, after: tuple[int, int], count: int) -> Sequence[Point]:
        """Read up to `count` points of a trial behind the place (attempt, seq), in that order."""
        wanted = {"s": study_id, "n": number, "attempt": after[0], "seq": after[1], "count": count}
        return [_point(row) for row in _BEHIND.rows(self._connection, wanted)]

    def curves(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[tuple[int, float]]]:
        """Read (step, value) of a metric for each of these trials, in the order of steps, without superseded points."""
        found: dict[int, list[tuple[int, float]]] = {}
        for place in range(0, len(numbers), _TRIALS_AT_ONCE):
            some = numbers[place : place + _TRIALS_AT_ONCE]
            for number, step, metrics in self._of(_CURVES, study_id, some):
                if metric in metrics:
                    found.setdefault(number, []).append((step, metrics[metric]))
        return found

    def marks(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[Mark]]:
        """Read the curves of a metric with what each point had taken, else like `curves`."""
        found: dict[int, list[Mark]] = {}
        for place in range(0, len(numbers), _TRIALS_AT_ONCE):
            some = numbers[place : place + _TRIALS_AT_ONCE]
            for number, step, metrics, elapsed, cost in self._of(_MARKS, study_id, some):
                if metric in metrics:
                    found.setdefault(number, []).append((step, metrics[metric], elapsed, cost))
        return found

    def _of(self, wanted: Mapping[str, Prepared], study_id: int, numbers: Sequence[int]) -> Sequence[Any]:
        given = {"s": study_id, **listed(self._connection, numbers)}
        return wanted[self._connection.dialect.name].rows(self._connection, given)

    def supersede(self, study_id: int, number: int, after_step: int) -> None:
        """Mark the points of all attempts so far beyond a step as superseded."""
        self._connection.execute(
            update(_points)
            .where(_points.c.study_id == study_id, _points.c.number == number, _points.c.step > after_step)
            .values(superseded=True)
        )


def _row(point: Point) -> dict[str, Any]:
    return {
        "study_id": point.key.study_id,
        "number": point.key.number,
        "attempt": point.key.attempt,
        "seq": point.seq,
        "step": point.step,
        "metrics": point.metrics,
        "elapsed": point.elapsed,
        "cost": point.cost,
        "superseded": point.superseded,
    }


def _point(row: Any) -> Point:
    return Point(
        key=AttemptKey(row.study_id, row.number, row.attempt),
        seq=row.seq,
        step=row.step,
        metrics=row.metrics,
        elapsed=row.elapsed,
        cost=row.cost,
        superseded=row.superseded,
    )
