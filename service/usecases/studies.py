"""What can be done with studies: create, change, pause, resume, stop, archive, delete."""

from dataclasses import replace
from typing import Literal, get_args

from service.domain.actor import LOCAL, Actor
from service.domain.errors import StudyBusy
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.usecases import trials
from service.usecases.ports import Transaction
from service.usecases.record import save_study, study_event
from service.usecases.settling import move
from service.wire.study import StudyDefinition, StudyPatch
from service.wire.trial import Purpose


def create(tx: Transaction, definition: StudyDefinition, *, seed: int, actor: Actor = LOCAL) -> Study:
    """Create a study; `seed` is taken where the definition names none."""
    if definition.seed is None:
        definition = definition.model_copy(update={"seed": seed})
    study = tx.studies.add(definition, actor)
    study_event(tx, study, "study.created", state=study.state)
    return study


def change(tx: Transaction, name: str, patch: StudyPatch, revision: int | None) -> Study:
    """Change note, tags, priority or budget."""
    study = _locked(tx, name, revision)
    return save_study(tx, study.patched(patch), "study.updated", fields=sorted(patch.model_fields_set))


def pause(tx: Transaction, name: str, revision: int | None) -> Study:
    """Hand out no more trials until the study is resumed; running trials go on."""
    return move(tx, _locked(tx, name, revision), "paused", reason="paused by a user")


def resume(tx: Transaction, name: str, revision: int | None) -> Study:
    """Hand out trials again: after a pause, a stop or the end. The rules that moved it there count anew."""
    study = _locked(tx, name, revision)
    return move(tx, replace(study, tally={"resumed": study.seq}), "active")


def stop(tx: Transaction, name: str, running: Literal["finish", "cancel", "kill"], revision: int | None) -> Study:
    """Hand out no more trials and end when the running ones have finished, or were cancelled or killed."""
    study = _locked(tx, name, revision)
    if study.state == "stopped":
        return study
    busy = _running(tx, study)
    if running != "finish":
        for number in busy:
            trials.cancel_in(tx, study, number, at_once=running == "kill")
        busy = ()
    if study.state == "stopping" and busy:
        return study
    return move(tx, tx.studies.lock(name), "stopping" if busy else "stopped", reason="stopped by a user")


def archive(tx: Transaction, name: str, archived: bool, revision: int | None) -> Study:
    """Put a study aside: it is kept, and not listed by default."""
    study = _locked(tx, name, revision)
    if study.archived == archived:
        return study
    changed = replace(study, archived=archived, revision=study.revision + 1)
    return save_study(tx, changed, "study.updated", fields=["archived"])


def delete(tx: Transaction, name: str, *, force: bool, revision: int | None) -> None:
    """Delete a study with everything in it; refused while trials run, unless forced."""
    study = _locked(tx, name, revision)
    busy = _running(tx, study, get_args(Purpose))
    if busy and not force:
        raise StudyBusy(f"{len(busy)} trial(s) of study '{name}' are running")
    study_event(tx, study, "study.deleted")
    tx.studies.delete(study)


def _locked(tx: Transaction, name: str, revision: int | None) -> Study:
    study = tx.studies.lock(name)
    study.expect(revision)
    return study


def _running(tx: Transaction, study: Study, purposes: tuple[Purpose, ...] = ("search",)) -> tuple[int, ...]:
    page = tx.trials.list(study.id, TrialQuery(states=("running",), purposes=purposes, size=100_000))
    return tuple(trial.number for trial in page.items)
