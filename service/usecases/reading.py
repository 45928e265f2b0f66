"""What is read: studies with their counts and best trial, trials with their attempts, curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.carrying import point_key
from service.domain.decision import Decision
from service.domain.query import Page, StudyQuery, TrialQuery
from service.domain.study import Study
from service.domain.trial import Attempt, Checkpoint, Point, Trial
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.wire.trial import TrialState


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study and how far it has come."""

    study: Study
    counts: Mapping[TrialState, int]
    best: Trial | None


@dataclass(frozen=True, slots=True)
class TrialView:
    """A trial with its study and its newest attempt."""

    study: Study
    trial: Trial
    attempt: Attempt | None


def study_view(tx: Transaction, mirrors: Mirrors, name: str) -> StudyView:
    """One study."""
    return _view(tx, mirrors, tx.studies.get(name))


def study_views(tx: Transaction, mirrors: Mirrors, query: StudyQuery) -> Page[StudyView]:
    """A page of studies, newest first."""
    page = tx.studies.list(query)
    return Page(tuple(_view(tx, mirrors, study) for study in page.items), page.more)


def trial_view(tx: Transaction, study: str, number: int) -> TrialView:
    """One trial."""
    target = tx.studies.get(study)
    trial = tx.trials.get(target.id, number)
    return TrialView(target, trial, tx.attempts.current(target.id, [number]).get(number))


def trial_views(tx: Transaction, study: str, query: TrialQuery) -> tuple[Study, Page[TrialView]]:
    """A page of the trials of a study."""
    target = tx.studies.get(study)
    page = tx.trials.list(target.id, query)
    newest = tx.attempts.current(target.id, [trial.number for trial in page.items if trial.attempts])
    views = tuple(TrialView(target, trial, newest.get(trial.number)) for trial in page.items)
    return target, Page(views, page.more)


def curve(tx: Transaction, study: str, number: int, after: tuple[int, int], count: int) -> Sequence[Point]:
    """A part of a trial's learning curve."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    return tx.points.list(trial.study_id, number, after, count)


def attempts(tx: Transaction, study: str, number: int) -> Sequence[Attempt]:
    """All attempts at a trial, oldest first."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    return tx.attempts.list(trial.study_id, number)


def decisions(tx: Transaction, study: str, number: int) -> Sequence[Decision]:
    """What was decided of a trial, in the order of attempts and steps."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    return tx.decisions.list(trial.study_id, number)


def checkpoints(tx: Transaction, study: str, number: int) -> Sequence[Checkpoint]:
    """The committed checkpoints of a trial, newest first."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    return tx.checkpoints.list(trial.study_id, number)


def twin(tx: Transaction, mirrors: Mirrors, study: str, trial: Trial) -> int | None:
    """The first trial of a study with the same parameters as this one, if there is another."""
    known = dict(mirrors.of(tx, tx.studies.get(study)).trials)
    here = point_key(trial.params)
    # Equal mappings first: that is quickly found, and takes `1` and `True` for one value, which they are not.
    alike = (other for other in known.values() if other.params == trial.params and point_key(other.params) == here)
    return min((other.number for other in alike if other.number != trial.number), default=None)


def _view(tx: Transaction, mirrors: Mirrors, study: Study) -> StudyView:
    mirror = mirrors.of(tx, study)
    return StudyView(study, dict(mirror.counts), mirror.best())
