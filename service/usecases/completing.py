"""How an attempt ends, and what that makes of its trial."""

import math
from collections.abc import Mapping
from dataclasses import replace

from service.domain import curve
from service.domain.errors import AlreadyCompleted, Invalid
from service.domain.states import AFTER_FAILURE
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point, Trial
from service.usecases.leasing import give_back
from service.usecases.once import digest
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.reporting import live
from service.usecases.settling import aim, settle
from service.wire.lease import Complete, Completed
from service.wire.problem import FieldError
from service.wire.trial import Failure, FailureClass

_POINTS_AT_ONCE = 10_000


def complete(tx: Transaction, study: str, number: int, attempt: int, body: Complete) -> Completed:
    """End an attempt, once: the same body again gets the same answer, another one is refused."""
    target = tx.studies.get(study)
    trial = tx.trials.lock(target.id, number)
    key = AttemptKey(target.id, number, attempt)
    found = tx.attempts.lock([key]).get(key)
    if found is not None and found.completion is not None:
        return _again(found, trial, body)
    current = live(found, key, body.token)
    failure, values = _outcome(tx, target, trial, body)
    ended = replace(
        current.moved(body.outcome, tx.now),
        failure=failure,
        gpu_seconds=body.usage.gpu_seconds,
        completion=digest(body),
        directive=None,
    )
    tx.attempts.save([ended])
    if trial.state == "running":
        trial = _end(tx, target, trial, body, failure, values)
    if trial.state == "completed" and trial.values is not None:
        aim(tx, target, trial.values)
    settle(tx, study)
    return _answer(ended, trial)


def _end(
    tx: Transaction,
    study: Study,
    trial: Trial,
    body: Complete,
    failure: Failure | None,
    values: Mapping[str, float] | None,
) -> Trial:
    match body.outcome:
        case "completed" | "pruned" | "paused":
            state = "infeasible" if failure is not None else body.outcome
            return save_trial(tx, study, replace(trial.moved(state, tx.now), values=values, failure=failure))
        case "preempted":
            return save_trial(tx, study, trial.moved("queued", tx.now))
        case "failed":
            why = failure or _failure("crash", "")
            after = AFTER_FAILURE[why.failure_class]
            if after == "queued":
                return give_back(tx, study, trial, why)
            return save_trial(tx, study, replace(trial.moved(after, tx.now), failure=why))


def _outcome(
    tx: Transaction, study: Study, trial: Trial, body: Complete
) -> tuple[Failure | None, Mapping[str, float] | None]:
    """Why the attempt failed, if it did, and the objectives' values: as given, or read from the curve."""
    if body.outcome == "failed":
        return body.failure or _failure("crash", "no reason was given"), None
    if body.outcome not in {"completed", "pruned"}:
        return body.failure, None
    objectives = study.definition.objectives
    known = {objective.metric for objective in objectives}
    errors = [
        FieldError(field=f"values.{name}", message=f"is not an objective (they are {', '.join(sorted(known))})")
        for name in body.values or {}
        if name not in known
    ]
    found, _ = curve.values(objectives, _curve(tx, trial))
    values = {**found, **(body.values or {})}
    if body.outcome == "completed":
        errors += [
            FieldError(field=f"values.{name}", message="is missing: it was neither given nor reported")
            for name in sorted(known - values.keys())
        ]
    if errors:
        raise Invalid.of(errors)
    if body.outcome == "completed" and any(math.isnan(value) for value in values.values()):
        return _failure("nan", "an objective's value is NaN"), values
    return None, values or None


def _curve(tx: Transaction, trial: Trial) -> list[Point]:
    points: list[Point] = []
    while chunk := tx.points.list(
        trial.study_id, trial.number, (points[-1].key.attempt, points[-1].seq) if points else (0, 0), _POINTS_AT_ONCE
    ):
        points += chunk
        if len(chunk) < _POINTS_AT_ONCE:
            break
    return sorted((point for point in points if not point.superseded), key=lambda point: point.step)


def _again(attempt: Attempt, trial: Trial, body: Complete) -> Completed:
    if attempt.completion != digest(body):
        raise AlreadyCompleted(
            f"attempt {attempt.key.attempt} of trial {trial.number} has ended as {attempt.state}, with another body"
        )
    return _answer(attempt, trial)


def _answer(attempt: Attempt, trial: Trial) -> Completed:
    values = dict(trial.values) if trial.values is not None else None
    return Completed(trial=trial.number, attempt=attempt.key.attempt, state=trial.state, values=values)


def _failure(kind: FailureClass, message: str) -> Failure:
    return Failure.model_validate({"class": kind, "message": message})
