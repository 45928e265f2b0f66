"""The attempts in the database. Reports come through here: each statement serves many attempts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from service.domain.trial import Attempt, AttemptKey, Continuity
from service.store import tables
from service.store.bulk import FEW, update_many
from service.store.clock import Clock
from service.store.keys import attempt_keys, parameters
from service.store.prepared import Prepared
from service.store.types import Id
from service.wire.lease import Directive
from service.wire.trial import Failure

_rows = tables.attempts
_KEY = ("study_id", "number", "attempt")
_ADD = Prepared(insert(_rows))
# An address may name an attempt greater than any there is: beyond what its column holds.
_LOCKED = Prepared(
    select(_rows).where(*[_rows.c[name] == bindparam(name, type_=Id) for name in _KEY]).with_for_update()
)
_of_trial = (
    select(_rows).where(_rows.c.study_id == bindparam("s"), _rows.c.number == bindparam("n")).order_by(_rows.c.attempt)
)
_OF_TRIAL = Prepared(_of_trial)
_NEWEST = Prepared(_of_trial.order_by(None).order_by(_rows.c.attempt.desc()).limit(1))
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
_trials = tables.trials
_GPU_SECONDS = Prepared(
    select(func.coalesce(func.sum(_rows.c.gpu_seconds), 0.0))
    .join(_trials, (_trials.c.study_id == _rows.c.study_id) & (_trials.c.number == _rows.c.number))
    .where(_rows.c.study_id == bindparam("s"), _trials.c.purpose == "search")
)
_overdue = (
    select(_rows)
    .where(_rows.c.ended_at.is_(None), _rows.c.expires_at < bindparam("now"))
    .order_by(_rows.c.study_id, _rows.c.number)
    .limit(bindparam("n"))
    .with_for_update(skip_locked=True)
)
_OVERDUE = Prepared(_overdue)
_OVERDUE_OF_STUDY = Prepared(_overdue.where(_rows.c.study_id == bindparam("s")))
_HELD = (
    select(_rows)
    .where(_rows.c.worker_id.in_(bindparam("workers", expanding=True)), _rows.c.ended_at.is_(None))
    .order_by(_rows.c.granted_at, *[_rows.c[name] for name in _KEY])
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
            "worker_id": attempt.worker_id,
        }
        _ADD.run(self._connection, {**written, **_changing(attempt)})

    def list(self, study_id: int, number: int) -> Sequence[Attempt]:
        """Read all attempts at a trial, oldest first."""
        return [_attempt(row) for row in _OF_TRIAL.rows(self._connection, {"s": study_id, "n": number})]

    def current(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Attempt]:
        """Read the newest attempt of each of these trials, by the trial's number."""
        if not numbers:
            return {}
        if len(numbers) == 1:
            row = _NEWEST.row(self._connection, {"s": study_id, "n": numbers[0]})
            return {} if row is None else {row.number: _attempt(row)}
        found = self._connection.execute(_NEWEST_OF_EACH, {"s": study_id, "numbers": numbers})
        return {row.number: _attempt(row) for row in found}

    def lock(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Attempt]:
        """Read attempts and keep others from changing them until the commit; unknown keys are left out."""
        if len(keys) > FEW:
            locked = _locked(self._connection.dialect.name)
            rows = locked.rows(self._connection, parameters(self._connection, keys))
        else:
            # In one order, so that two batches never wait for each other.
            rows = [
                row
                for key in sorted(keys, key=attrgetter(*_KEY))
                for row in _LOCKED.rows(self._connection, _address(key))
            ]
        return {attempt.key: attempt for attempt in map(_attempt, rows)}

    def save(self, attempts: Sequence[Attempt]) -> None:
        """Write everything of these attempts that can change."""
        update_many(self._connection, _rows, [{**_address(one.key), **_changing(one)} for one in attempts])

    def progress(self, attempts: Sequence[Attempt]) -> None:
        """Write how far these attempts have come, and until when they have time: what a report changes, and no more."""
        update_many(self._connection, _rows, [{**_address(one.key), **_progress(one)} for one in attempts])

    def gpu_seconds(self, study_id: int) -> float:
        """Sum up what all attempts of a study's search have used."""
        return float(_GPU_SECONDS.value(self._connection, {"s": study_id}))

    def overdue(self, study_id: int | None, count: int) -> Sequence[Attempt]:
        """Lock up to `count` live attempts, of one study or of all, whose lease has expired by the database's clock."""
        wanted = {"now": self._clock.now, "n": count} | ({} if study_id is None else {"s": study_id})
        overdue = _OVERDUE if study_id is None else _OVERDUE_OF_STUDY
        return [_attempt(row) for row in overdue.rows(self._connection, wanted)]

    def held(self, worker_ids: Sequence[str]) -> Sequence[Attempt]:
        """Read the live attempts of workers, oldest first."""
        if not worker_ids:
            return []
        return [_attempt(row) for row in self._connection.execute(_HELD, {"workers": worker_ids})]

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


@cache
def _locked(database: str) -> Prepared:
    wanted = attempt_keys(database)
    same = [_rows.c[name] == wanted.c[name] for name in _KEY]
    locked = select(_rows).join(wanted, same[0] & same[1] & same[2]).order_by(*[_rows.c[name] for name in _KEY])
    return Prepared(locked.with_for_update(of=_rows))


def _address(key: AttemptKey) -> dict[str, int]:
    return {"study_id": key.study_id, "number": key.number, "attempt": key.attempt}


def _progress(attempt: Attempt) -> dict[str, Any]:
    return {
        "state": attempt.state,
        "expires_at": attempt.expires_at,
        "acked_seq": attempt.acked_seq,
        "last_step": attempt.last_step,
        "last_metrics": attempt.last_metrics,
        "directive": attempt.directive.model_dump() if attempt.directive else None,
    }


def _changing(attempt: Attempt) -> dict[str, Any]:
    return {
        **_progress(attempt),
        "ended_at": attempt.ended_at,
        "failure": attempt.failure.model_dump() if attempt.failure else None,
        "gpu_seconds": attempt.gpu_seconds,
        "completion": attempt.completion,
        "gpu": attempt.gpu,
        "obeyed": attempt.obeyed,
        "continuity": asdict(attempt.continuity) if attempt.continuity else None,
    }


def _attempt(row: Any) -> Attempt:
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
        worker_id=row.worker_id,
        gpu=row.gpu,
        obeyed=row.obeyed,
        continuity=Continuity(**row.continuity) if row.continuity else None,
    )
