"""The attempts in the database. Reports come through here: each statement serves many attempts at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select

from service.domain.trial import Attempt, AttemptKey
from service.store import tables
from service.store.bulk import update_many
from service.store.clock import Clock
from service.store.keys import attempt_keys, parameters
from service.wire.lease import Directive
from service.wire.trial import Failure

_rows = tables.attempts
_KEY = ("study_id", "number", "attempt")
_ADD = insert(_rows)
_OF_TRIAL = (
    select(_rows).where(_rows.c.study_id == bindparam("s"), _rows.c.number == bindparam("n")).order_by(_rows.c.attempt)
)
_NEWEST = _OF_TRIAL.order_by(None).order_by(_rows.c.attempt.desc()).limit(1)
_newest = (
    select(_rows.c.number, func.max(_rows.c.attempt).label("attempt"))
    .where(_rows.c.study_id == bindparam("s"), _rows.c.number.in_(bindparam("numbers", expanding=True)))
    .group_by(_rows.c.number)
    .subquery()
)
_NEWEST_OF_EACH = (
    select(_rows)
    .join(_newest, (_rows.c.number == _newest.c.number) & (_rows.c.attempt == _newest.c.attempt))
    .where(_rows.c.study_id == bindparam("s"))
)
_GPU_SECONDS = select(func.coalesce(func.sum(_rows.c.gpu_seconds), 0.0)).where(_rows.c.study_id == bindparam("s"))
_OVERDUE = (
    select(_rows)
    .where(_rows.c.study_id == bindparam("s"), _rows.c.ended_at.is_(None), _rows.c.expires_at < bindparam("now"))
    .order_by(_rows.c.number)
    .limit(bindparam("n"))
    .with_for_update(skip_locked=True)
)


class SqlAttempts:
    """The `Attempts` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def add(self, attempt: Attempt) -> None:
        """Add an attempt."""
        fixed = {**_address(attempt.key), "worker": attempt.worker}
        written = {
            **fixed,
            "granted_at": attempt.granted_at,
            "resume_step": attempt.resume_step,
            "token": attempt.token,
            "resumes": attempt.resumes,
            "holder": attempt.holder,
        }
        self._connection.execute(_ADD, {**written, **_changing(attempt)})

    def list(self, study_id: int, number: int) -> Sequence[Attempt]:
        """Read all attempts at a trial, oldest first."""
        return [_attempt(row) for row in self._connection.execute(_OF_TRIAL, {"s": study_id, "n": number})]

    def current(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Attempt]:
        """Read the newest attempt of each of these trials, by the trial's number."""
        if not numbers:
            return {}
        if len(numbers) == 1:
            row = self._connection.execute(_NEWEST, {"s": study_id, "n": numbers[0]}).first()
            return {} if row is None else {row.number: _attempt(row)}
        found = self._connection.execute(_NEWEST_OF_EACH, {"s": study_id, "numbers": numbers})
        return {row.number: _attempt(row) for row in found}

    def lock(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Attempt]:
        """Read attempts and keep others from changing them until the commit; unknown keys are left out."""
        locked = _locked(self._connection.dialect.name)
        rows = self._connection.execute(locked, parameters(self._connection, keys))
        return {attempt.key: attempt for attempt in map(_attempt, rows)}

    def save(self, attempts: Sequence[Attempt]) -> None:
        """Write everything of these attempts that can change."""
        update_many(self._connection, _rows, [{**_address(one.key), **_changing(one)} for one in attempts])

    def progress(self, attempts: Sequence[Attempt]) -> None:
        """Write how far these attempts have come, and until when they have time: what a report changes, and no more."""
        update_many(self._connection, _rows, [{**_address(one.key), **_progress(one)} for one in attempts])

    def gpu_seconds(self, study_id: int) -> float:
        """Sum up what all attempts of a study have used."""
        return float(self._connection.execute(_GPU_SECONDS, {"s": study_id}).scalar_one())

    def overdue(self, study_id: int, count: int) -> Sequence[Attempt]:
        """Lock up to `count` live attempts whose lease has expired by the database's clock."""
        wanted = {"s": study_id, "now": self._clock.now, "n": count}
        return [_attempt(row) for row in self._connection.execute(_OVERDUE, wanted)]


@cache
def _locked(database: str) -> Select[Any]:
    wanted = attempt_keys(database)
    same = [_rows.c[name] == wanted.c[name] for name in _KEY]
    locked = select(_rows).join(wanted, same[0] & same[1] & same[2]).order_by(*[_rows.c[name] for name in _KEY])
    return locked.with_for_update(of=_rows)


def _address(key: AttemptKey) -> dict[str, int]:
    return {"study_id": key.study_id, "number": key.number, "attempt": key.attempt}


def _progress(attempt: Attempt) -> dict[str, Any]:
    return {
        "state": attempt.state,
        "expires_at": attempt.expires_at,
        "acked_seq": attempt.acked_seq,
        "last_step": attempt.last_step,
        "last_metrics": attempt.last_metrics,
    }


def _changing(attempt: Attempt) -> dict[str, Any]:
    return {
        **_progress(attempt),
        "ended_at": attempt.ended_at,
        "directive": attempt.directive.model_dump() if attempt.directive else None,
        "failure": attempt.failure.model_dump() if attempt.failure else None,
        "gpu_seconds": attempt.gpu_seconds,
        "completion": attempt.completion,
    }


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        key=AttemptKey(row.study_id, row.number, row.attempt),
        token=row.token,
        state=row.state,
        worker=row.worker,
        granted_at=row.granted_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        acked_seq=row.acked_seq,
        last_step=row.last_step,
        last_metrics=row.last_metrics,
        resume_step=row.resume_step,
        directive=Directive.model_validate(row.directive) if row.directive else None,
        failure=Failure.model_validate(row.failure) if row.failure else None,
        gpu_seconds=row.gpu_seconds,
        completion=row.completion,
        resumes=row.resumes,
        holder=row.holder,
    )
