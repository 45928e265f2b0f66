"""Who trained what, and when: the newest attempts of a study, or those of all workers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.trial import Attempt
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction

MOST = 2_000
_TRIALS = 1_000
_WORKERS = 200
_OF_A_WORKER = 40


@dataclass(frozen=True, slots=True)
class Stretches:
    """Attempts, the newest first, with the names of their studies."""

    now: datetime
    since: datetime
    attempts: tuple[Attempt, ...]
    studies: dict[int, str]
    more: bool


def of_study(tx: Transaction, mirrors: Mirrors, name: str, hours: float) -> Stretches:
    """The attempts at the trials of a study that began last."""
    study = tx.studies.get(name)
    known = tuple(mirrors.of(tx, study).trials.values())
    # What was added ran elsewhere, at times that nobody knows.
    trials = [trial for trial in known if trial.started_at is not None and trial.origin != "added"]
    newest = sorted(trials, key=lambda trial: (trial.started_at or trial.created_at, trial.number))[-_TRIALS:]
    found = dict(tx.attempts.current(study.id, [trial.number for trial in newest]))
    attempts = list(found.values())
    for trial in newest:
        if trial.attempts > 1:
            attempts += tx.attempts.list(study.id, trial.number)[:-1]
    return _stretches(tx, attempts, hours, more=len(trials) > _TRIALS)


def of_workers(tx: Transaction, hours: float) -> Stretches:
    """What the workers that were seen last run, and what ended on them last."""
    workers = [worker.id for worker in tx.workers.list()]
    attempts = list(tx.attempts.held(workers[:_WORKERS]))
    more = len(workers) > _WORKERS
    for worker in workers[:_WORKERS]:
        ended = tx.attempts.ended_on(worker, _OF_A_WORKER)
        more = more or len(ended) == _OF_A_WORKER
        attempts += ended
    return _stretches(tx, attempts, hours, more=more)


def _stretches(tx: Transaction, attempts: Iterable[Attempt], hours: float, *, more: bool) -> Stretches:
    since = tx.now - timedelta(hours=hours)
    shown = [one for one in attempts if one.ended_at is None or one.ended_at >= since]
    shown.sort(key=lambda one: (one.granted_at, one.key.study_id, one.key.number), reverse=True)
    studies = tx.studies.find(sorted({one.key.study_id for one in shown}))
    shown = [one for one in shown if one.key.study_id in studies]
    names = {study_id: study.name for study_id, study in studies.items()}
    return Stretches(tx.now, since, tuple(shown[:MOST]), names, more or len(shown) > MOST)
