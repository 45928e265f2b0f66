"""How an attempt ends, and what that makes of its trial and its study."""

from dataclasses import replace
from datetime import datetime

from service.domain import health
from service.domain.actor import LOCAL, Actor
from service.domain.decision import Decision
from service.domain.errors import AlreadyCompleted
from service.domain.trial import Attempt, AttemptKey, Trial
from service.usecases import ending
from service.usecases.once import digest
from service.usecases.ports import Transaction
from service.usecases.reporting import live, own
from service.usecases.reviving import revived
from service.usecases.settling import settle
from service.wire.lease import Complete, Completed


def complete(tx: Transaction, study: str, number: int, attempt: int, body: Complete, actor: Actor = LOCAL) -> Completed:
    """End an attempt, once: the same body again gets the same answer, another one is refused."""
    target = tx.studies.get(study)
    trial = tx.trials.lock(target.id, number)
    key = AttemptKey(target.id, number, attempt)
    found = tx.attempts.lock([key]).get(key)
    if found is not None and found.completion is not None:
        own(found, actor)
        return _again(found, trial, body)
    current = live(revived(tx, target, found, body.token, actor, ttl_seconds=0), key, body.token, actor)
    if current is not found:
        trial = tx.trials.lock(target.id, number)
    end = ending.end(tx, target, trial, current, body)
    ended = replace(
        current.moved(body.outcome, tx.now),
        failure=end.failure,
        gpu_seconds=body.usage.gpu_seconds,
        completion=digest(body),
        directive=None,
    )
    tx.attempts.save([ended])
    if trial.state == "running":
        if body.reason and end.state == "pruned" and not _was_told(current):
            tx.decisions.append([_given_up(current, body.reason, tx.now)])
        trial = ending.apply(tx, target, _remembered(trial, current), end)
    settle(tx, study)
    return _answer(ended, trial)


def _was_told(attempt: Attempt) -> bool:
    """Whether somebody had told it to end: whoever did has said why."""
    return attempt.directive is not None and attempt.directive.type in {"pause", "stop"}


def _given_up(attempt: Attempt, reason: str, now: datetime) -> Decision:
    """That a trainer ended a trial which nobody had told to stop."""
    step = attempt.last_step or 0
    return Decision(key=attempt.key, step=step, act="stop", reason=reason, basis={"rule": "trainer"}, at=now)


def _remembered(trial: Trial, attempt: Attempt) -> Trial:
    """The trial with what its last point says of the border of stability: samplers learn that border."""
    violation = health.violation(attempt.last_metrics)
    return trial if violation is None else replace(trial, system={**trial.system, health.VIOLATION: violation})


def _again(attempt: Attempt, trial: Trial, body: Complete) -> Completed:
    if attempt.completion != digest(body):
        raise AlreadyCompleted(
            f"attempt {attempt.key.attempt} of trial {trial.number} has ended as {attempt.state}, with another body"
        )
    return _answer(attempt, trial)


def _answer(attempt: Attempt, trial: Trial) -> Completed:
    values = dict(trial.values) if trial.values is not None else None
    return Completed(trial=trial.number, attempt=attempt.key.attempt, state=trial.state, values=values)
