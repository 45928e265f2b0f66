"""What can be done with trials from outside: enqueue some, add finished ones, cancel."""

import math
from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from service.domain import budget, curve, space
from service.domain.errors import BudgetSpent, Invalid
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point, Trial
from service.usecases import advancing
from service.usecases.once import once
from service.usecases.ports import Transaction
from service.usecases.record import save_trial, trial_event
from service.usecases.settling import settle
from service.wire.lease import Directive
from service.wire.problem import FieldError
from service.wire.trial import AttemptState, Failure, NewTrial, NewTrials

_NUMBER = TypeAdapter(int)


def add(tx: Transaction, study: str, new: NewTrial) -> Trial:
    """Enqueue a trial with given parameters, or add one that ran elsewhere; once for each request_id."""
    target = tx.studies.get(study)
    return tx.trials.get(target.id, _once(tx, target, new))


def add_many(tx: Transaction, study: str, new: NewTrials) -> tuple[int, ...]:
    """Enqueue or add many trials, in their order; answers their numbers. If one is refused, none is added."""
    target = tx.studies.get(study)
    numbers = []
    for place, one in enumerate(new.trials):
        try:
            numbers.append(_once(tx, target, one))
        except Invalid as invalid:
            errors = [FieldError(field=f"trials[{place}].{one.field}", message=one.message) for one in invalid.errors]
            raise Invalid.of(errors) from None
    return tuple(numbers)


def put(tx: Transaction, study: Study, trial: Trial, points: Sequence[Point] = ()) -> Trial:
    """Write a trial that was made outside, with the curve that it brings, and tell of it."""
    added = tx.trials.add(trial)
    if points:
        _add_curve(tx, added, points)
    trial_event(tx, study, added, "trial.created")
    return added


def cancel(tx: Transaction, study: str, number: int) -> Trial:
    """Cancel a trial that is queued, running or paused; its worker is told with its next report."""
    cancelled = cancel_in(tx, tx.studies.get(study), number)
    settle(tx, study)
    return cancelled


def cancel_in(tx: Transaction, study: Study, number: int, *, at_once: bool = False) -> Trial:
    """Cancel a trial of a study that has been read already.

    At once means that its lease is taken back: whoever runs it hears with the next heartbeat that it is gone, and ends
    the process, also one that no longer reports.
    """
    trial = tx.trials.lock(study.id, number)
    if trial.state == "cancelled":
        return trial
    failure = Failure.model_validate({"class": "cancelled", "message": "cancelled by a user"})
    cancelled = save_trial(tx, study, replace(trial.moved("cancelled", tx.now), failure=failure))
    for attempt in tx.attempts.lock([AttemptKey(study.id, number, trial.attempts)]).values():
        if attempt.live:
            told = attempt.told(Directive(type="stop", reason="cancelled by a user"))
            tx.attempts.save([replace(told.moved("lost", tx.now), failure=failure) if at_once else told])
    advancing.look(tx, study, cancelled)
    return cancelled


def _once(tx: Transaction, study: Study, new: NewTrial) -> int:
    return once(tx, f"trial:{study.id}", new.request_id, new, _NUMBER, lambda: _add(tx, study, new).number)


def _add(tx: Transaction, study: Study, new: NewTrial) -> Trial:
    params, errors = space.check(study.definition.space, new.params)
    points = _points(study, new, errors)
    values = _values(study, new, points, errors)
    if errors:
        raise Invalid.of(errors)
    if new.state == "queued" and study.definition.budget.max_trials is not None:
        study = tx.studies.lock(study.name)
        if not budget.may_add(study):
            raise BudgetSpent(f"study '{study.name}' has all of its {study.definition.budget.max_trials} trials")
    trial = Trial(
        study_id=study.id,
        number=0,
        state=new.state,
        origin="enqueued" if new.state == "queued" else "added",
        params=params,
        values=values,
        attrs=new.attrs,
        failure=new.failure,
        attempts=1 if points else 0,
        created_at=tx.now,
        started_at=None if new.state == "queued" else tx.now,
        finished_at=None if new.state == "queued" else tx.now,
    )
    return put(tx, study, trial, points)


def _points(study: Study, new: NewTrial, errors: list[FieldError]) -> list[Point]:
    """The curve that a trial from elsewhere brings; its steps must grow."""
    key = AttemptKey(study.id, 0, 1)
    if new.points and new.state == "queued":
        errors.append(FieldError(field="points", message="cannot be given for a trial that is to be run"))
    for place in range(1, len(new.points)):
        if new.points[place].step <= new.points[place - 1].step:
            text = f"must be greater than the step before it ({new.points[place - 1].step})"
            errors.append(FieldError(field=f"points[{place}].step", message=text))
    return [
        Point(key=key, seq=seq, step=new.step, metrics=new.metrics, elapsed=new.elapsed, cost=new.cost)
        for seq, new in enumerate(new.points, start=1)
    ]


def _values(study: Study, new: NewTrial, points: list[Point], errors: list[FieldError]) -> dict[str, float] | None:
    """The objectives' values of a trial from elsewhere: as given, or read from its curve."""
    if new.values is not None and new.state in {"queued", "failed"}:
        errors.append(FieldError(field="values", message=f"cannot be given for a trial that is {new.state}"))
        return None
    if new.values is not None:
        known = {objective.metric for objective in study.definition.objectives}
        errors += [
            FieldError(field=f"values.{name}", message=f"is not an objective (they are {', '.join(sorted(known))})")
            for name in new.values
            if name not in known
        ]
    found, _ = curve.values(study.definition.objectives, points)
    values = {**found, **(new.values or {})}
    if new.state == "completed":
        for objective in study.definition.objectives:
            value = values.get(objective.metric)
            if value is None or math.isnan(value):
                text = "is missing" if value is None else "must be a number: a trial without one is 'infeasible'"
                errors.append(FieldError(field=f"values.{objective.metric}", message=text))
    return values or None


def _add_curve(tx: Transaction, trial: Trial, points: Sequence[Point]) -> None:
    """Keep the curve of a trial from elsewhere as that of one attempt that has ended."""
    key = AttemptKey(trial.study_id, trial.number, 1)
    ended: AttemptState = "completed" if trial.state in {"completed", "infeasible"} else "failed"
    tx.attempts.add(
        Attempt(
            key=key,
            token=0,
            state="pruned" if trial.state == "pruned" else ended,
            worker="elsewhere",
            granted_at=tx.now,
            expires_at=tx.now,
            ended_at=tx.now,
            acked_seq=len(points),
            last_step=points[-1].step,
            last_metrics=points[-1].metrics,
        )
    )
    tx.points.append([replace(point, key=key) for point in points])
