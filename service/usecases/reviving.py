"""An attempt that was lost and is heard of again before its trial was granted anew: both go on as if nothing had been.

A lease that has run out is taken back every few seconds, whoever was away: the worker, the way to it, or this server.
"""

from dataclasses import replace
from datetime import timedelta

from service.domain import budget
from service.domain.actor import Actor
from service.domain.states import RERUNS_RUN
from service.domain.study import Study
from service.domain.trial import Attempt
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.settling import spending


def waits(tx: Transaction, study: Study, attempt: Attempt | None, token: int, actor: Actor) -> bool:
    """Whether this is a lost attempt whose trial still waits, and whoever asks has held it."""
    if attempt is None or attempt.state != "lost" or attempt.token != token or not actor.holds(attempt.holder):
        return False
    trial = tx.trials.get(study.id, attempt.key.number)
    runs = study.state in {"active", "paused", "stopping"} or (not trial.searches and study.state in RERUNS_RUN)
    return trial.state == "queued" and trial.token == token and runs


def revived(
    tx: Transaction, study: Study, attempt: Attempt | None, token: int, actor: Actor, *, ttl_seconds: float
) -> Attempt | None:
    """A locked attempt as it is now: one that was lost has its trial again, if that still waits and may run."""
    if attempt is None or not waits(tx, study, attempt, token, actor):
        return attempt
    if budget.limited(study) and tx.trials.get(study.id, attempt.key.number).searches:
        study = tx.studies.lock(study.name)
        if budget.may_run(study, spending(tx, study)) < 1:
            return attempt
    trial = tx.trials.lock(study.id, attempt.key.number)
    if trial.state != "queued" or trial.token != token:
        return attempt
    back = replace(
        attempt.moved("running" if attempt.acked_seq else "leased", tx.now),
        failure=None,
        expires_at=tx.now + timedelta(seconds=ttl_seconds),
    )
    tx.attempts.save([back])
    save_trial(tx, study, replace(trial.moved("running", tx.now), not_before=None, avoid=None, avoid_until=None))
    return back
