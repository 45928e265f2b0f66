"""Where a trial goes after a loss: when, and to another node than the one that failed it, if there is one."""

from dataclasses import replace
from datetime import timedelta

from service.domain.study import Study
from service.domain.trial import Attempt, Trial
from service.domain.worker import serves
from service.usecases.ports import Transaction
from service.wire.trial import Failure

_LONGEST_SECONDS = 3_600.0
# Another node may be busy for days: rather the same one than no one.
_PATIENCE_SECONDS = 120.0


def put_off(
    tx: Transaction, study: Study, trial: Trial, attempt: Attempt | None, failure: Failure, losses: int
) -> Trial:
    """A trial that is queued again after so many losses: it waits, longer after each, and avoids a faulty node."""
    retry = study.definition.retry
    wait = min(retry.backoff * 2.0 ** max(0, losses - 1), max(retry.backoff, _LONGEST_SECONDS)) if losses else 0.0
    node = attempt.worker if attempt is not None and retry.avoid_node and nodes_fault(attempt, failure) else None
    if not wait and node is None:
        return trial
    due = tx.now + timedelta(seconds=wait)
    until = due + timedelta(seconds=_PATIENCE_SECONDS) if node is not None else None
    return replace(trial, not_before=due, avoid=node, avoid_until=until)


def nodes_fault(attempt: Attempt, failure: Failure) -> bool:
    """Whether the node, and not the point, may be to blame: only workers that introduced themselves have one."""
    if attempt.worker_id is None:
        return False
    return failure.failure_class in {"infra", "timeout"} or (
        failure.failure_class == "crash" and failure.signal is not None
    )


def worth_another_node(tx: Transaction, study: Study, attempt: Attempt, failure: Failure) -> bool:
    """Whether a failure that would be final is worth a try on another node: one that has not failed the trial so."""
    if not study.definition.retry.avoid_node or not nodes_fault(attempt, failure):
        return False
    earlier = tx.attempts.list(attempt.key.study_id, attempt.key.number)
    failed = {one.worker for one in earlier if one.failure is not None and nodes_fault(one, one.failure)}
    return another(tx, study, failed | {attempt.worker})


def another(tx: Transaction, study: Study, nodes: set[str]) -> bool:
    """Whether a worker that is online and can serve the study is on none of these nodes."""
    return any(
        worker.name not in nodes and worker.state(tx.now) == "online" and serves(worker, study.definition)
        for worker in tx.workers.list()
    )
