"""The attempts in the database. Reports come through here: each statement serves many attempts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from service.domain.trial import Attempt, AttemptKey, Continuity
from service.store import tables
from service.store.bulk import update_many
from service.store.clock import Clock
from service.store.keys import attempt_keys, parameters
from service.wire.lease import Directive
from service.wire.trial import Failure

_rows = tables.attempts
_KEY = ("study_id", "number", "attempt")


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
            "worker_id": attempt.worker_id,
        }
        self._connection.execute(insert(_rows), {**written, **_changing(attempt)})

    def list(self, study_id: int, number: int) -> Sequence[Attempt]:
        """Read all attempts at a trial, oldest first."""
        wanted = select(_rows).where(_rows.c.study_id == study_id, _rows.c.number == number).order_by(_rows.c.attempt)
        return [_attempt(row) for row in self._connection.execute(wanted)]

    def current(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Attempt]:
        """Read the newest attempt of each of these trials, by the trial's number."""
        if not numbers:
            return {}
        newest = (
            select(_rows.c.number, func.max(_rows.c.attempt).label("attempt"))
            .where(_rows.c.study_id == study_id, _rows.c.number.in_(numbers))
            .group_by(_rows.c.number)
            .subquery()
        )
        wanted = (
            select(_rows)
            .join(newest, (_rows.c.number == newest.c.number) & (_rows.c.attempt == newest.c.attempt))
            .where(_rows.c.study_id == study_id)
        )
        return {row.number: _attempt(row) for row in self._connection.execute(wanted)}

    def lock(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Attempt]:
        """Read attempts and keep others from changing them until the commit; unknown keys are left out."""
        wanted = attempt_keys(self._connection)
        same = [_rows.c[name] == wanted.c[name] for name in _KEY]
        locked = select(_rows).join(wanted, same[0] & same[1] & same[2]).order_by(*[_rows.c[name] for name in _KEY])
        rows = self._connection.execute(locked.with_for_update(of=_rows), parameters(self._connection, keys))
        return {attempt.key: attempt for attempt in map(_attempt, rows)}

    def save(self, attempts: Sequence[Attempt]) -> None:
        """Write everything of these attempts that can change."""
        update_many(self._connection, _rows, [{**_address(one.key), **_changing(one)} for one in attempts])

    def progress(self, attempts: Sequence[Attempt]) -> None:
        """Write how far these attempts have come, and until when they have time: what a report changes, and no more."""
        update_many(self._connection, _rows, [{**_address(one.key), **_progress(one)} for one in attempts])

    def gpu_seconds(self, study_id: int) -> float:
        """Sum up what all attempts of a study have used."""
        used = select(func.coalesce(func.sum(_rows.c.gpu_seconds), 0.0)).where(_rows.c.study_id == study_id)
        return float(self._connection.execute(used).scalar_one())

    def overdue(self, study_id: int | None, count: int) -> Sequence[Attempt]:
        """Lock up to `count` live attempts, of one study or of all, whose lease has expired by the database's clock."""
        wanted = select(_rows).where(_rows.c.ended_at.is_(None), _rows.c.expires_at < self._clock.now)
        if study_id is not None:
            wanted = wanted.where(_rows.c.study_id == study_id)
        wanted = wanted.order_by(_rows.c.study_id, _rows.c.number).limit(count).with_for_update(skip_locked=True)
        return [_attempt(row) for row in self._connection.execute(wanted)]

    def held(self, worker_ids: Sequence[str]) -> Sequence[Attempt]:
        """Read the live attempts of workers, oldest first."""
        if not worker_ids:
            return []
        wanted = (
            select(_rows)
            .where(_rows.c.worker_id.in_(worker_ids), _rows.c.ended_at.is_(None))
            .order_by(_rows.c.granted_at, *[_rows.c[name] for name in _KEY])
        )
        return [_attempt(row) for row in self._connection.execute(wanted)]

    def ended_on(self, worker_id: str, count: int) -> Sequence[Attempt]:
        """Read the last `count` attempts that ended on a worker, newest first."""
        wanted = (
            select(_rows)
            .where(_rows.c.worker_id == worker_id, _rows.c.ended_at.is_not(None))
            .order_by(_rows.c.ended_at.desc())
            .limit(count)
        )
        return [_attempt(row) for row in self._connection.execute(wanted)]

    def good_elsewhere(self, study_id: int, worker_id: str, since: datetime) -> bool:
        """Whether an attempt of a study ended well since then on another known worker."""
        other = tables.workers.c.id
        wanted = (
            select(_rows.c.number)
            .join(tables.workers, other == _rows.c.worker_id)
            .where(other != worker_id, _rows.c.ended_at >= since)
            .where(_rows.c.study_id == study_id, _rows.c.state.in_(("completed", "pruned", "paused")))
            .limit(1)
        )
        return self._connection.execute(wanted).first() is not None


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
        "gpu": attempt.gpu,
        "obeyed": attempt.obeyed,
        "continuity": asdict(attempt.continuity) if attempt.continuity else None,
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
        worker_id=row.worker_id,
        gpu=row.gpu,
        obeyed=row.obeyed,
        continuity=Continuity(**row.continuity) if row.continuity else None,
    )
