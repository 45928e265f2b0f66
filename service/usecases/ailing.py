"""Machines that fail what runs elsewhere: a worker is drained when its last attempts have shown that it is to blame."""

from collections import defaultdict
from collections.abc import Sequence

from service.domain.trial import Attempt
from service.domain.worker import Worker
from service.usecases.ports import Transaction
from service.usecases.workers import put_aside

_IN_A_ROW = 3
_LOOKED_AT = 64
# Out of memory follows the point, NaN the training: neither says anything of the machine.
_SUSPICIOUS = frozenset({"infra", "crash", "timeout"})


def look(tx: Transaction, worker: Worker) -> Worker:
    """Drain a locked worker on one of whose GPUs the last attempts failed in a row, while others did well elsewhere.

    The others are of the same studies: a trainer that crashes everywhere is no fault of the machine.
    """
    if worker.drain is not None:
        return worker
    ended = [one for one in tx.attempts.ended_on(worker.id, _LOOKED_AT) if _after(one, worker)]
    for gpu, attempts in _by_gpu(ended).items():
        row = attempts[:_IN_A_ROW]
        if len(row) == _IN_A_ROW and all(map(_suspicious, row)) and _fine_elsewhere(tx, worker, row):
            return put_aside(tx, worker, _told(gpu, row))
    return worker


def _after(attempt: Attempt, worker: Worker) -> bool:
    return attempt.ended_at is not None and attempt.ended_at > worker.trusted_at


def _by_gpu(ended: Sequence[Attempt]) -> dict[str | None, list[Attempt]]:
    """The attempts of each GPU, newest first; those of no GPU are the machine's."""
    found: dict[str | None, list[Attempt]] = defaultdict(list)
    for attempt in ended:
        found[attempt.gpu].append(attempt)
    return found


def _suspicious(attempt: Attempt) -> bool:
    failure = attempt.failure
    return attempt.state == "failed" and failure is not None and failure.failure_class in _SUSPICIOUS


def _fine_elsewhere(tx: Transaction, worker: Worker, row: Sequence[Attempt]) -> bool:
    since = min(attempt.granted_at for attempt in row)
    studies = {attempt.key.study_id for attempt in row}
    return all(tx.attempts.good_elsewhere(study_id, worker.id, since) for study_id in studies)


def _told(gpu: str | None, row: Sequence[Attempt]) -> str:
    classes = ", ".join(one.failure.failure_class for one in row if one.failure is not None)
    where = f"GPU {gpu}" if gpu else "this machine"
    return f"the last {len(row)} attempts on {where} failed ({classes}), while the same studies did well elsewhere"
