"""Who may run what: leases are granted from the queue, and taken back when they run out."""

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from service.domain import budget, space
from service.domain.actor import LOCAL, Actor
from service.domain.errors import WrongState
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Trial
from service.usecases import ending
from service.usecases.once import once
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.settling import spending
from service.usecases.stopping import rule_of
from service.wire.lease import Ask, Lease

_LEASES = TypeAdapter(tuple[Lease, ...])
_OVERDUE_AT_ONCE = 100


def ask(tx: Transaction, study: str, body: Ask, *, ttl_seconds: float, actor: Actor = LOCAL) -> tuple[Lease, ...]:
    """Grant leases for queued trials, the lowest numbers first; none when nothing is queued."""
    target = tx.studies.get(study)
    # What one worker was given, another that guesses its request_id is not shown.
    scope = f"ask:{target.id}:{actor.token}" if actor.token else f"ask:{target.id}"
    return once(tx, scope, body.request_id, body, _LEASES, lambda: _grant(tx, target, body, ttl_seconds, actor.token))


def expire(tx: Transaction, study: Study) -> None:
    """Take back the leases that have run out: their trials are queued again while attempts are left.

    One that a rule had told to stop has ended all the same: nobody need train it again to find that out.
    """
    for attempt in tx.attempts.overdue(study.id, _OVERDUE_AT_ONCE):
        failure = ending.failed("infra", "the lease ran out without a report")
        tx.attempts.save([replace(attempt.moved("lost", tx.now), failure=failure)])
        trial = tx.trials.lock(study.id, attempt.key.number)
        if trial.state == "running":
            ruled = rule_of(tx, attempt)
            lost = ending.End(state="queued", failure=failure)
            ending.apply(tx, study, trial, ending.stopped(tx, study, trial, *ruled) if ruled else lost)


def _grant(tx: Transaction, study: Study, body: Ask, ttl_seconds: float, holder: str | None) -> tuple[Lease, ...]:
    if study.state != "active":
        raise WrongState(f"study '{study.name}' is {study.state}: it hands out no trials")
    expire(tx, study)
    count = body.max_trials
    if budget.limited(study):
        # Two askers at once must not both see the last free place.
        study = tx.studies.lock(study.name)
        count = min(count, budget.may_run(study, spending(tx, study)))
    queued = tx.trials.claim(study.id, count)
    # Another trial's end, or a user, may have moved the study since it was looked at.
    if not queued or tx.studies.lock(study.name).state != "active":
        return ()
    return tuple(_lease(tx, study, trial, body, ttl_seconds, holder) for trial in queued)


def _lease(tx: Transaction, study: Study, trial: Trial, body: Ask, ttl_seconds: float, holder: str | None) -> Lease:
    granted = replace(trial.moved("running", tx.now), token=trial.token + 1, attempts=trial.attempts + 1)
    save_trial(tx, study, granted)
    newest = next(iter(tx.checkpoints.list(study.id, trial.number)), None) if trial.attempts else None
    if trial.attempts:
        # The curve goes on from the checkpoint; what earlier attempts reported beyond it will be reported again.
        tx.points.supersede(study.id, trial.number, newest.step if newest else -1)
    tx.attempts.add(
        Attempt(
            key=AttemptKey(study.id, trial.number, granted.attempts),
            token=granted.token,
            worker=body.worker,
            granted_at=tx.now,
            expires_at=tx.now + timedelta(seconds=ttl_seconds),
            resume_step=newest.step if newest else None,
            resumes=body.resumes,
            holder=holder,
        )
    )
    seed = study.definition.seed or 0
    return Lease(
        study=study.name,
        trial=trial.number,
        attempt=granted.attempts,
        token=granted.token,
        ttl_seconds=ttl_seconds,
        params=space.resolve(study.definition.space, trial.params),
        resume_step=newest.step if newest else None,
        resume_checkpoint=newest.uri if newest else None,
        seed=seed if study.definition.seeds == "common" else seed + trial.number,
    )
