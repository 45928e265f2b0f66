"""Who may run what: leases are granted from the queue, and taken back when they run out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import TypeAdapter

from service.domain import budget, space
from service.domain.actor import LOCAL, Actor
from service.domain.errors import WrongState
from service.domain.states import RERUNS_RUN
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Trial
from service.usecases import ending, placing
from service.usecases.checkpointing import address
from service.usecases.once import once
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.settling import spending
from service.usecases.stopping import rule_of
from service.wire.lease import Ask, Lease
from service.wire.scheduler import AshaScheduler, HyperbandScheduler, Rungs
from service.wire.study import StudyDefinition

LEASES = TypeAdapter(tuple[Lease, ...])
OVERDUE_AT_ONCE = 100
_HORIZONS = ("steps", "max_steps", "epochs", "max_epochs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who takes trials: its name, shown with the attempt, and the ids of its token and of the worker that it is."""

    name: str
    resumes: bool
    holder: str | None = None
    worker_id: str | None = None


def ask(tx: Transaction, study: str, body: Ask, *, ttl_seconds: float, actor: Actor = LOCAL) -> tuple[Lease, ...]:
    """Grant leases for queued trials, the lowest numbers first; none when nothing is queued."""
    target = tx.studies.get(study)
    # What one worker was given, another that guesses its request_id is not shown.
    scope = f"ask:{target.id}:{actor.token}" if actor.token else f"ask:{target.id}"
    taker = Taker(name=body.worker, resumes=body.resumes, holder=actor.token)

    def work() -> tuple[Lease, ...]:
        if target.state != "active" and target.state in RERUNS_RUN:
            expire(tx, target)
        leases = grant(tx, target, body.max_trials, taker, ttl_seconds)
        # What has run out is looked for by those only who would go without.
        left = body.max_trials - len(leases)
        return leases + grant(tx, target, left, taker, ttl_seconds) if left and expire(tx, target) else leases

    return once(tx, scope, body.request_id, body, LEASES, work)


def expire(tx: Transaction, study: Study) -> int:
    """Take back the leases that have run out: their trials are queued again while attempts are left; says how many."""
    overdue = tx.attempts.overdue(study.id, OVERDUE_AT_ONCE)
    for attempt in overdue:
        lose(tx, study, attempt, "the lease ran out without a report")
    return len(overdue)


def lose(tx: Transaction, study: Study, attempt: Attempt, why: str) -> None:
    """Take back the lease of a live attempt that has been read under lock.

    One that a rule had told to stop has ended all the same: nobody need train it again to find that out.
    """
    failure = ending.failed("infra", why)
    tx.attempts.save([replace(attempt.moved("lost", tx.now), failure=failure)])
    trial = tx.trials.lock(study.id, attempt.key.number)
    if trial.state == "running":
        ruled = rule_of(tx, attempt)
        lost = ending.End(state="queued", failure=failure)
        ending.apply(tx, study, trial, ending.stopped(tx, study, trial, *ruled) if ruled else lost)


def grant(tx: Transaction, study: Study, count: int, taker: Taker, ttl_seconds: float) -> tuple[Lease, ...]:
    """Grant up to so many leases for queued trials of a study: reruns first, and then, if it is active, of its search.

    Reruns are few, cost no budget, and are handed out when the search has ended, too: only a paused study keeps them.
    """
    # They are among the trials that cost no budget: most studies have none such.
    again = _claim(tx, study, count, taker, reruns=True) if study.added and study.state in RERUNS_RUN else ()
    if again and tx.studies.lock(study.name, writes=True).state not in RERUNS_RUN:
        again = ()
    leases = tuple(_lease(tx, study, trial, taker, ttl_seconds) for trial in again)
    if study.state != "active" and not leases:
        raise WrongState(f"study '{study.name}' is {study.state}: it hands out no trials")
    if study.state != "active" or len(leases) == count:
        return leases
    return leases + _of_the_search(tx, study, count - len(leases), taker, ttl_seconds)


def _of_the_search(tx: Transaction, study: Study, count: int, taker: Taker, ttl_seconds: float) -> tuple[Lease, ...]:
    if budget.limited(study):
        # Two askers at once must not both see the last free place.
        study = tx.studies.lock(study.name)
        count = min(count, budget.may_run(study, spending(tx, study)))
    queued = _claim(tx, study, count, taker)
    # Another trial's end, or a user, may have moved the study since it was looked at.
    if not queued or tx.studies.lock(study.name, writes=True).state != "active":
        return ()
    return tuple(_lease(tx, study, trial, taker, ttl_seconds) for trial in queued)


def _claim(tx: Transaction, study: Study, count: int, taker: Taker, *, reruns: bool = False) -> Sequence[Trial]:
    """Claim queued trials, those that avoid the taker's node only if there is no other node for them."""
    if taker.worker_id is None:
        return tx.trials.claim(study.id, count, reruns=reruns)
    queued = tx.trials.claim(study.id, count, node=taker.name, reruns=reruns)
    if len(queued) < count and not placing.another(tx, study, {taker.name}):
        return tx.trials.claim(study.id, count, reruns=reruns)
    return queued


def _lease(tx: Transaction, study: Study, trial: Trial, taker: Taker, ttl_seconds: float) -> Lease:
    moved = replace(trial.moved("running", tx.now), not_before=None, avoid=None, avoid_until=None)
    granted = replace(moved, token=trial.token + 1, attempts=trial.attempts + 1)
    save_trial(tx, study, granted)
    newest = next(iter(tx.checkpoints.list(study.id, trial.number)), None) if trial.attempts else None
    if trial.attempts:
        # The curve goes on from the checkpoint; what earlier attempts reported beyond it will be reported again.
        tx.points.supersede(study.id, trial.number, newest.step if newest else -1)
    tx.attempts.add(
        Attempt(
            key=AttemptKey(study.id, trial.number, granted.attempts),
            token=granted.token,
            worker=taker.name,
            worker_id=taker.worker_id,
            granted_at=tx.now,
            expires_at=tx.now + timedelta(seconds=ttl_seconds),
            resume_step=newest.step if newest else None,
            resumes=taker.resumes,
            holder=taker.holder,
        )
    )
    definition = study.definition
    return Lease(
        study=study.name,
        trial=trial.number,
        attempt=granted.attempts,
        token=granted.token,
        ttl_seconds=ttl_seconds,
        params=space.resolve(definition.space, trial.params),
        resume_step=newest.step if newest else None,
        resume_checkpoint=address(study.name, newest) if newest else None,
        resume_attempt=newest.key.attempt if newest else None,
        resume_sha256=newest.sha256 if newest else None,
        resume_size=newest.size if newest else None,
        seed=study.seed_of(trial),
        trainer=definition.trainer,
        objectives=definition.objectives,
        horizon=horizon(definition),
        limits=definition.limits,
        purpose=trial.purpose,
        steps=trial.rerun.steps if trial.rerun else None,
        data_fingerprint=study.data_fingerprint,
    )


def horizon(definition: StudyDefinition) -> int | None:
    """The largest step that a trial may come to: the scheduler's, or what the trainer was told, if either says."""
    scheduler = definition.scheduler
    in_steps = isinstance(scheduler, HyperbandScheduler) or (
        isinstance(scheduler, AshaScheduler) and scheduler.resource == "step"
    )
    if in_steps and isinstance(scheduler, Rungs) and scheduler.max_resource is not None:
        return scheduler.max_resource
    settings = definition.trainer.settings if definition.trainer is not None else {}
    for name in _HORIZONS:
        value = settings.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
