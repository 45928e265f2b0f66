"""The workers in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from service.domain.errors import StoreUnavailable, WorkerNotFound
from service.domain.worker import Worker
from service.store import tables
from service.store.bulk import update_many
from service.store.clock import Clock
from service.store.prepared import Prepared
from service.wire.worker import Gpu, GpuUse

_rows = tables.workers
_one = select(_rows).where(_rows.c.id == bindparam("this"))
_ONE = Prepared(_one)
_ONE_LOCKED = Prepared(_one.with_for_update())


class SqlWorkers:
    """The `Workers` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def add(self, worker: Worker) -> None:
        """Add a worker; StoreUnavailable if another server has just added it."""
        try:
            self._connection.execute(insert(_rows), _values(worker))
        except IntegrityError as error:
            # Asked again, it is found.
            raise StoreUnavailable("the worker introduces itself to another server at this moment") from error

    def get(self, worker_id: str) -> Worker:
        """Read a worker; WorkerNotFound."""
        row = _ONE.row(self._connection, {"this": worker_id})
        if row is None:
            raise WorkerNotFound(f"there is no worker {worker_id}")
        return _worker(row)

    def list(self) -> Sequence[Worker]:
        """Read all workers, those seen last first."""
        wanted = select(_rows).order_by(_rows.c.last_seen_at.desc(), _rows.c.id)
        return [_worker(row) for row in self._connection.execute(wanted)]

    def lock(self, worker_ids: Sequence[str]) -> Mapping[str, Worker]:
        """Read workers and keep others from changing them until the commit; unknown ones are left out."""
        if not worker_ids:
            return {}
        if len(worker_ids) == 1:
            return {row.id: _worker(row) for row in _ONE_LOCKED.rows(self._connection, {"this": worker_ids[0]})}
        # In one order, so that two batches never wait for each other.
        wanted = select(_rows).where(_rows.c.id.in_(worker_ids)).order_by(_rows.c.id).with_for_update()
        return {row.id: _worker(row) for row in self._connection.execute(wanted)}

    def save(self, workers: Sequence[Worker]) -> None:
        """Write everything of these workers."""
        update_many(self._connection, _rows, [_values(worker) for worker in workers])

    def seen(self, instances: Mapping[str, str], until: datetime) -> frozenset[str]:
        """Note that those online of these live, until then for now, if they are of these instances; answers which."""
        if not instances:
            return frozenset()
        # Locked in one order, too.
        these = tuple_(_rows.c.id, _rows.c.instance).in_(list(instances.items()))
        online = select(_rows.c.id).where(these, _rows.c.present.is_(True), _rows.c.expires_at > self._clock.now)
        noted = update(_rows).where(_rows.c.id.in_(online.order_by(_rows.c.id).with_for_update()))
        values = {"last_seen_at": self._clock.now, "expires_at": until}
        return frozenset(self._connection.execute(noted.values(values).returning(_rows.c.id)).scalars())

    def silent(self) -> Sequence[Worker]:
        """Lock the workers that were told to be online and have not been heard of in time."""
        late = _rows.c.expires_at <= self._clock.now
        wanted = select(_rows).where(_rows.c.present.is_(True), late).order_by(_rows.c.id)
        return [_worker(row) for row in self._connection.execute(wanted.with_for_update(skip_locked=True))]

    def remove(self, worker_id: str) -> None:
        """Remove a worker; nothing happens if there is none."""
        self._connection.execute(delete(_rows).where(_rows.c.id == worker_id))


def _values(worker: Worker) -> dict[str, Any]:
    return {
        "id": worker.id,
        "instance": worker.instance,
        "name": worker.name,
        "agent_version": worker.agent_version,
        "python_version": worker.python_version,
        "labels": worker.labels,
        "gpus": [gpu.model_dump() for gpu in worker.gpus],
        "use": [use.model_dump() for use in worker.use],
        "slots": worker.slots,
        "trainers": list(worker.trainers),
        "present": worker.present,
        "drain": worker.drain,
        "reason": worker.reason,
        "clock_skew": worker.clock_skew,
        "first_seen_at": worker.first_seen_at,
        "last_seen_at": worker.last_seen_at,
        "expires_at": worker.expires_at,
        "trusted_at": worker.trusted_at,
    }


def _worker(row: Any) -> Worker:
    return Worker(
        id=row.id,
        instance=row.instance,
        name=row.name,
        agent_version=row.agent_version,
        python_version=row.python_version,
        labels=row.labels,
        gpus=tuple(map(Gpu.model_validate, row.gpus)),
        use=tuple(map(GpuUse.model_validate, row.use)),
        slots=row.slots,
        trainers=tuple(row.trainers),
        present=row.present,
        drain=row.drain,
        reason=row.reason,
        clock_skew=row.clock_skew,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        trusted_at=row.trusted_at,
    )
