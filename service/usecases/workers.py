"""Workers: they introduce themselves, say that they are alive, and are drained and forgotten by people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.errors import ProtocolUnsupported, WorkerNotFound, WorkerTaken, WrongState
from service.domain.trial import Attempt
from service.domain.worker import Worker
from service.usecases import leasing
from service.usecases.ports import Transaction
from service.usecases.record import worker_event
from service.wire.lease import Directive
from service.wire.worker import OLDEST_PROTOCOL, PROTOCOL, Drain, NewWorker

HEARTBEATS_PER_TTL = 6
IDLE_HEARTBEATS_PER_TTL = 2
"""Of a worker that holds nothing: it asks for trials meanwhile, and a directive reaches it there."""
GO_ON = Directive(type="continue")
_LEAST_SKEW_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker, how it is at this moment, and what it runs: each attempt with the name of its study."""

    worker: Worker
    now: datetime
    held: tuple[tuple[str, Attempt], ...]


def register(tx: Transaction, worker_id: str, new: NewWorker, *, ttl_seconds: float) -> Worker:
    """Let a worker in, or refuse a second one of its id. What the instance that it replaces held is lost at once."""
    _speaks(new.protocol)
    known = tx.workers.lock([worker_id]).get(worker_id)
    if known is not None and known.instance != new.instance:
        if known.state(tx.now) != "offline" and new.replaces != known.instance:
            heard = f"{known.last_seen_at:%H:%M:%SZ}"
            raise WorkerTaken(f"worker {worker_id} runs as another instance, last heard of at {heard}")
        if new.replaces == known.instance:
            give_up(tx, worker_id, "the worker was started anew")
    worker = Worker(
        id=worker_id,
        instance=new.instance,
        name=new.name,
        agent_version=new.agent_version,
        python_version=new.python_version,
        labels=new.labels,
        gpus=new.gpus,
        slots=new.slots,
        trainers=new.trainers,
        drain=known.drain if known is not None else None,
        reason=known.reason if known is not None else None,
        clock_skew=skew(new.clock, tx.now),
        first_seen_at=known.first_seen_at if known is not None else tx.now,
        last_seen_at=tx.now,
        expires_at=tx.now + timedelta(seconds=ttl_seconds),
        trusted_at=known.trusted_at if known is not None else tx.now,
    )
    if known is None:
        tx.workers.add(worker)
    else:
        tx.workers.save([worker])
    if known is None or known.state(tx.now) == "offline":
        worker_event(tx, worker, "worker.online")
    return worker


def expect(worker: Worker | None, worker_id: str, instance: str) -> Worker:
    """The worker, if it is the instance that is known."""
    if worker is None:
        raise WorkerNotFound(f"there is no worker {worker_id}: introduce yourself first")
    if worker.instance != instance:
        raise WorkerTaken(f"worker {worker_id} runs as another instance")
    return worker


def give_up(tx: Transaction, worker_id: str, why: str) -> None:
    """Take back all that a worker holds: it is queued again, or ended as a rule had said."""
    held = tx.attempts.held([worker_id])
    studies = tx.studies.find(sorted({one.key.study_id for one in held}))
    for attempt in tx.attempts.lock([one.key for one in held]).values():
        study = studies.get(attempt.key.study_id)
        if study is not None and attempt.live and attempt.worker_id == worker_id:
            leasing.lose(tx, study, attempt, why)


def drain(tx: Transaction, worker_id: str, body: Drain) -> Worker:
    """Let a worker take no more trials; what it runs it finishes, or checkpoints and gives back."""
    worker = _locked(tx, worker_id)
    reason = body.reason or "drained by a user"
    if body.running == "preempt":
        _tell(tx, worker_id, Directive(type="drain", reason=reason))
    if (worker.drain, worker.reason) == (body.running, reason):
        return worker
    return put_aside(tx, replace(worker, drain=body.running), reason)


def put_aside(tx: Transaction, worker: Worker, reason: str) -> Worker:
    """Write down that a locked worker takes no more trials, and why."""
    drained = replace(worker, drain=worker.drain or "finish", reason=reason)
    tx.workers.save([drained])
    worker_event(tx, drained, "worker.draining", reason=reason, running=drained.drain)
    return drained


def undrain(tx: Transaction, worker_id: str) -> Worker:
    """Let a worker take trials again. What failed on it before is forgiven."""
    worker = _locked(tx, worker_id)
    if worker.drain is None:
        return worker
    if worker.drain == "preempt":
        _tell(tx, worker_id, GO_ON)
    undrained = replace(worker, drain=None, reason=None, trusted_at=tx.now)
    tx.workers.save([undrained])
    worker_event(tx, undrained, "worker.undrained")
    return undrained


def forget(tx: Transaction, worker_id: str) -> None:
    """Forget a worker that holds nothing. One that lives introduces itself again."""
    worker = _locked(tx, worker_id)
    held = tx.attempts.held([worker_id])
    if held:
        raise WrongState(
            f"worker '{worker.name}' holds {len(held)} trial(s): drain it first, or wait until they are lost"
        )
    tx.workers.remove(worker_id)
    worker_event(tx, worker, "worker.forgotten")


def view(tx: Transaction, worker_id: str) -> WorkerView:
    """One worker."""
    return views(tx, [tx.workers.get(worker_id)])[0]


def views(tx: Transaction, workers: Sequence[Worker]) -> Sequence[WorkerView]:
    """Workers with what they run."""
    held = tx.attempts.held([worker.id for worker in workers])
    studies = tx.studies.find(sorted({attempt.key.study_id for attempt in held}))
    named = [(studies[one.key.study_id].name, one) for one in held if one.key.study_id in studies]
    return [
        WorkerView(worker, tx.now, tuple(pair for pair in named if pair[1].worker_id == worker.id))
        for worker in workers
    ]


def skew(clock: datetime | None, now: datetime) -> float | None:
    """By how much a worker's clock is ahead of ours, if that is worth telling."""
    if clock is None:
        return None
    aware = clock if clock.tzinfo is not None else clock.replace(tzinfo=now.tzinfo)
    ahead = (aware - now).total_seconds()
    return round(ahead, 1) if abs(ahead) > _LEAST_SKEW_SECONDS else None


def told(worker: Worker) -> Directive:
    """What a worker is to do as a whole."""
    return GO_ON if worker.drain is None else Directive(type="drain", reason=worker.reason)


def _speaks(protocol: int) -> None:
    if protocol > PROTOCOL:
        raise ProtocolUnsupported(
            f"the worker speaks protocol {protocol}, this server only up to {PROTOCOL}: upgrade the server"
        )
    if protocol < OLDEST_PROTOCOL:
        raise ProtocolUnsupported(
            f"the worker speaks protocol {protocol}, this server only from {OLDEST_PROTOCOL} on: upgrade the worker"
        )


def _locked(tx: Transaction, worker_id: str) -> Worker:
    worker = tx.workers.lock([worker_id]).get(worker_id)
    if worker is None:
        raise WorkerNotFound(f"there is no worker {worker_id}")
    return worker


def _tell(tx: Transaction, worker_id: str, directive: Directive) -> None:
    """Give a directive to all that a worker runs, but for what has been told to stop, or knows it already."""
    held = tx.attempts.lock([one.key for one in tx.attempts.held([worker_id])])
    fresh = [
        attempt.told(directive)
        for attempt in held.values()
        if attempt.live and (attempt.directive or GO_ON).type not in {"stop", "pause", directive.type}
    ]
    tx.attempts.save(fresh)
