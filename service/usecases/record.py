"""How changes are written down: the row and the event that tells of it, in one transaction."""

from datetime import datetime

from service.domain.event import Event
from service.domain.study import Study
from service.domain.trial import Trial
from service.domain.worker import Worker
from service.usecases.ports import Transaction
from service.wire.event import EventType


def study_event(tx: Transaction, study: Study, kind: EventType, **data: object) -> None:
    """Tell of something that happened to a study."""
    tx.events.append(Event(type=kind, study_id=study.id, study=study.name, seq=study.seq, at=tx.now, data=data))


def save_study(tx: Transaction, study: Study, kind: EventType, **data: object) -> Study:
    """Write a study and tell of it."""
    saved = tx.studies.save(study)
    study_event(tx, saved, kind, **data)
    return saved


def trial_event(tx: Transaction, study: Study, trial: Trial, kind: EventType) -> None:
    """Tell of something that happened to a trial."""
    data: dict[str, object] = {"state": trial.state}
    if trial.values is not None:
        data["values"] = dict(trial.values)
    if trial.failure is not None:
        data["failure"] = trial.failure.failure_class
    if trial.state == "queued" and trial.not_before is not None:
        data |= _put_off(tx, trial, trial.not_before)
    tx.events.append(
        Event(type=kind, study_id=study.id, study=study.name, seq=trial.seq, at=tx.now, trial=trial.number, data=data)
    )


def _put_off(tx: Transaction, trial: Trial, not_before: datetime) -> dict[str, object]:
    """For how long a trial waits, and which node it avoids until when: so that it can be told of in time."""
    data: dict[str, object] = {"wait_seconds": max(0.0, (not_before - tx.now).total_seconds())}
    if trial.avoid is not None and trial.avoid_until is not None:
        data |= {"avoid": trial.avoid, "avoid_seconds": (trial.avoid_until - tx.now).total_seconds()}
    return data


def worker_event(tx: Transaction, worker: Worker, kind: EventType, **data: object) -> None:
    """Tell of something that happened to a worker."""
    tx.events.append(Event(type=kind, worker=worker.id, at=tx.now, data={"name": worker.name, **data}))


def save_trial(tx: Transaction, study: Study, trial: Trial) -> Trial:
    """Write a trial whose state has changed and tell of it."""
    saved = tx.trials.save(trial)
    trial_event(tx, study, saved, "trial.state")
    return saved
