"""What becomes of a trial whose attempt has ended: a result, a failure, or another attempt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.domain import curve
from service.domain.errors import Invalid
from service.domain.states import AFTER_FAILURE
from service.domain.study import Study
from service.domain.trial import Attempt, Trial
from service.usecases import advancing, gaining, placing, striking
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.settling import aim
from service.usecases.stopping import live_points, rule_of
from service.wire.lease import Complete
from service.wire.problem import FieldError
from service.wire.stopping import StoppingRule
from service.wire.trial import Failure, FailureClass, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a trial becomes; `queued` means that it is tried again while attempts are left."""

    state: TrialState
    values: Mapping[str, float] | None = None
    failure: Failure | None = None


def end(tx: Transaction, study: Study, trial: Trial, attempt: Attempt, body: Complete) -> End:
    """What a trial becomes by the word of its client, and by the rule that had told it to stop. Changes nothing."""
    if body.outcome == "failed":
        why = body.failure or failed("crash", "no reason was given")
        if AFTER_FAILURE[why.failure_class] == "failed" and placing.worth_another_node(tx, study, attempt, why):
            return End(state="queued", failure=why)
        return End(state=AFTER_FAILURE[why.failure_class], failure=why)
    if ruled := rule_of(tx, attempt):
        return stopped(tx, study, trial, *ruled, body=body)
    if body.outcome == "preempted" or (body.outcome == "paused" and not trial.searches):
        # Nobody would ever promote a rerun that has paused.
        return End(state="queued", failure=body.failure or failed("preempted", "the client had to go"))
    if body.outcome == "paused":
        return End(state="infeasible" if body.failure else "paused", failure=body.failure)
    # What is trained on everything has nothing left to be validated on.
    whole = body.outcome == "completed" and trial.purpose != "refit"
    values = _values(tx, study, trial, body, whole=whole)
    return _result(body.outcome, values)


def stopped(
    tx: Transaction, study: Study, trial: Trial, rule: StoppingRule, reason: str, *, body: Complete | None = None
) -> End:
    """What a trial becomes that a rule has told to stop, whether its client says so or was never heard of again.

    One that reached its target or did not improve any more has a value like any other. One that diverged has not.
    """
    counts = rule in {"patience", "target"}
    values = _values(tx, study, trial, body, whole=counts and body is not None and body.outcome == "completed")
    if rule == "nan":
        return End(state="infeasible", values=values or None, failure=failed("nan", reason))
    known = all(objective.metric in values for objective in study.definition.objectives)
    return _result("completed" if counts and known else "pruned", values)


def apply(tx: Transaction, study: Study, trial: Trial, found: End) -> Trial:
    """Write a running trial's end, and what it means for the study: a target, a gain, a crash that comes again."""
    if found.state == "queued":
        return give_back(tx, study, trial, found.failure or failed("infra", "the attempt was lost"))
    ended = replace(trial.moved(found.state, tx.now), values=found.values, failure=found.failure)
    saved = save_trial(tx, study, ended)
    if not saved.searches:
        advancing.look(tx, study, saved)
        return saved
    if saved.state == "completed" and saved.values is not None:
        aim(tx, study, saved.values)
        gaining.look(tx, study)
    striking.look(tx, study, saved)
    return saved


def give_back(tx: Transaction, study: Study, trial: Trial, failure: Failure) -> Trial:
    """Queue a trial again whose attempt ended by no fault of its own, or let it fail when none is left."""
    attempts = tx.attempts.list(trial.study_id, trial.number)
    losses = _losses(tx, trial, attempts)
    if len(losses) >= study.definition.retry.max_attempts:
        failed = save_trial(tx, study, replace(trial.moved("failed", tx.now), failure=failure))
        advancing.look(tx, study, failed)
        return failed
    last = attempts[-1] if attempts else None
    queued = trial.moved("queued", tx.now)
    # One that was preempted and left a checkpoint has lost nothing: it need not wait.
    waits = len(losses) if last in losses else 0
    return save_trial(tx, study, placing.put_off(tx, study, queued, last, failure, waits))


def failed(kind: FailureClass, message: str) -> Failure:
    """A failure that the server finds."""
    return Failure.model_validate({"class": kind, "message": message})


def _losses(tx: Transaction, trial: Trial, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts that have come to nothing. One that was preempted and left a checkpoint has not."""
    saved = tx.checkpoints.list(trial.study_id, trial.number, evicted=True)
    kept = {checkpoint.key for checkpoint in saved}
    return [
        attempt
        for attempt in attempts
        if attempt.state in {"lost", "failed", "preempted"} and not (_preempted(attempt) and attempt.key in kept)
    ]


def _preempted(attempt: Attempt) -> bool:
    by_class = attempt.failure is not None and attempt.failure.failure_class == "preempted"
    return attempt.state == "preempted" or (attempt.state == "failed" and by_class)


def _result(state: TrialState, values: Mapping[str, float]) -> End:
    """A result; one that is not a number is none."""
    if state == "completed" and any(math.isnan(value) for value in values.values()):
        return End(state="infeasible", values=values, failure=failed("nan", "an objective's value is NaN"))
    return End(state=state, values=values or None)


def _values(tx: Transaction, study: Study, trial: Trial, body: Complete | None, *, whole: bool) -> dict[str, float]:
    """The objectives' values: as given, or read from the curve. If the whole of them is needed, all must be there."""
    given = (body.values if body is not None else None) or {}
    objectives = study.definition.objectives
    known = {objective.metric for objective in objectives}
    errors = [
        FieldError(field=f"values.{name}", message=f"is not an objective (they are {', '.join(sorted(known))})")
        for name in given
        if name not in known
    ]
    values = dict(given)
    if known - given.keys():
        # A curve may be long: it is read only where it is asked.
        found, _ = curve.values(objectives, live_points(tx, trial.study_id, trial.number))
        values = {**found, **given}
    if whole:
        errors += [
            FieldError(field=f"values.{name}", message="is missing: it was neither given nor reported")
            for name in sorted(known - values.keys())
        ]
    if errors:
        raise Invalid.of(errors)
    return values
