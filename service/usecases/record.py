"""How changes are written down: the row and the event that tells of it, in one transaction."""

from service.domain.event import Event
from service.domain.study import Study
from service.domain.trial import Trial
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
    tx.events.append(
        Event(type=kind, study_id=study.id, study=study.name, seq=trial.seq, at=tx.now, trial=trial.number, data=data)
    )


def save_trial(tx: Transaction, study: Study, trial: Trial) -> Trial:
    """Write a trial whose state has changed and tell of it."""
    saved = tx.trials.save(trial)
    trial_event(tx, study, saved, "trial.state")
    return saved
