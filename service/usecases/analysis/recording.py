"""What a replay goes through: the curves of a study's trials, and when each of them ran."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from service.domain.trial import Attempt, Trial
from service.usecases.analysis.analyst import Ran, Recording
from service.usecases.engine import Curve, judged
from service.usecases.mirrors import Mirrors, curve
from service.usecases.ports import Transaction
from service.wire.scheduler import AnyScheduler, AshaScheduler

_AT_ONCE = 5_000
COUNTED = frozenset({"step", "elapsed", "cost"})


def record(tx: Transaction, mirrors: Mirrors, name: str, metric: str, resource: str | None = None) -> Recording:
    """All trials that have ended or been paused, with their curves of a metric, and of one that counts a resource."""
    study = tx.studies.get(name)
    history = mirrors.of(tx, study).history(tx, study)
    ended = [number for number, trial in sorted(history.trials.items()) if trial.state not in {"queued", "running"}]
    curves = (
        {number: history.curves[number] for number in ended if number in history.curves}
        if metric == judged(study.definition)
        else _curves(tx, study.id, ended, metric)
    )
    newest: dict[int, Attempt] = {}
    for chunk in _chunks(ended):
        newest |= tx.attempts.current(study.id, chunk)
    ran = {number: _ran(tx, history.trials[number], newest.get(number), study.updated_at) for number in ended}
    resources = _curves(tx, study.id, ended, resource) if resource is not None else {}
    return Recording(study, {number: history.trials[number] for number in ended}, curves, ran, resources)


def resource(scheduler: AnyScheduler) -> str | None:
    """The reported metric by which a scheduler counts how far a trial has come; None where it counts without one."""
    counted = scheduler.resource if isinstance(scheduler, AshaScheduler) else "step"
    return None if counted in COUNTED else counted


def _curves(tx: Transaction, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Curve]:
    found: dict[int, Curve] = {}
    for chunk in _chunks(numbers):
        found |= {number: curve(points) for number, points in tx.points.curves(study_id, chunk, metric).items()}
    return found


def _ran(tx: Transaction, trial: Trial, newest: Attempt | None, latest: datetime) -> Ran:
    """From its start to its end; a paused trial has no end, but its attempt has."""
    if newest is None:
        return Ran(trial.created_at, trial.finished_at or trial.created_at)
    began = trial.started_at or newest.granted_at
    ended = (newest.ended_at or latest) if trial.finished_at is None else trial.finished_at
    attempts = [newest] if trial.attempts <= 1 else tx.attempts.list(trial.study_id, trial.number)
    used = [one.gpu_seconds for one in attempts if one.gpu_seconds is not None]
    return Ran(began, max(began, ended), sum(used) if used else None, any(one.resumes for one in attempts))


def _chunks(numbers: Sequence[int]) -> list[list[int]]:
    rest = iter(numbers)
    chunks = []
    while chunk := list(islice(rest, _AT_ONCE)):
        chunks.append(chunk)
    return chunks
