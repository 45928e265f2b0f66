"""Studies and trials in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from service.domain.actor import Actor
from service.domain.errors import NameTaken, StudyNotFound, TrialNotFound
from service.domain.query import Page, StudyQuery, TrialQuery
from service.domain.states import RERUNS_RUN
from service.domain.study import Study
from service.domain.trial import Trial
from service.store.memory import selection
from service.store.memory.tables import Tables, own_study, own_trial
from service.usecases.ports import Offer, PutOff
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState


class MemoryStudies:
    """The studies."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now

    def add(self, definition: StudyDefinition, by: Actor | None = None) -> Study:
        """Add a study, and note who created it; NameTaken if the name is in use."""
        tables = self._tables
        if tables.ids.get(None, definition.name) is not None:
            raise NameTaken(f"a study named '{definition.name}' is there already")
        tables.last_study += 1
        study = Study(
            id=tables.last_study,
            definition=definition,
            seq=1,
            created_by=None if by is None else by.name,
            creator=None if by is None else by.token,
            created_at=self._now,
            updated_at=self._now,
        )
        tables.ids.put(None, definition.name, study.id)
        tables.studies.put(None, study.id, own_study(study))
        return own_study(study)

    def get(self, name: str) -> Study:
        """Read a study; StudyNotFound."""
        key = self._tables.ids.get(None, name)
        study = None if key is None else self._tables.studies.get(None, key)
        if study is None:
            raise StudyNotFound(f"there is no study named '{name}'")
        return own_study(study)

    def find(self, study_ids: Sequence[int]) -> Mapping[int, Study]:
        """Read studies by their ids; those that are gone are left out."""
        found = {study_id: self._tables.studies.get(None, study_id) for study_id in study_ids}
        return {study_id: own_study(study) for study_id, study in found.items() if study is not None}

    def offering(self) -> Sequence[Offer]:
        """Read the studies that are not archived and have queued trials that are due, and that their state lets run."""
        found = []
        for study_id, study in sorted(self._tables.studies.of(None).items()):
            trials = self._tables.trials.of(study_id).values()
            queued = [trial.searches for trial in trials if trial.state == "queued" and _due(trial, self._now)]
            runs = study.state == "active" or (study.state in RERUNS_RUN and not all(queued))
            if queued and runs and not study.archived:
                found.append(Offer(own_study(study), sum(trial.state == "running" for trial in trials)))
        return found

    def lock(self, name: str, *, writes: bool = False) -> Study:  # noqa: ARG002  # a statement is saved elsewhere
        """Read a study; nobody else is at work before the commit."""
        return self.get(name)

    def save(self, study: Study) -> Study:
        """Write a study but for its numbers of trials; answers it with its new seq and updated_at."""
        before = touched(self._tables, study.id)
        saved = replace(
            before,
            definition=study.definition,
            state=study.state,
            archived=study.archived,
            revision=study.revision,
            system=study.system,
            reason=study.reason,
            tally=study.tally,
            data_fingerprint=study.data_fingerprint,
            updated_at=self._now,
        )
        self._tables.studies.put(None, study.id, own_study(saved))
        return own_study(saved)

    def list(self, query: StudyQuery) -> Page[Study]:
        """Read a page of studies, newest first."""
        page = selection.studies(self._tables.studies.of(None).values(), query)
        return Page(tuple(map(own_study, page.items)), page.more)

    def delete(self, study: Study) -> None:
        """Take the study out of sight; its name is free again."""
        there = self._tables.studies.get(None, study.id)
        if there is None:
            raise StudyNotFound(f"there is no study named '{study.name}'")
        self._tables.studies.drop(None, there.id)
        self._tables.ids.drop(None, there.name)
        self._tables.deleted.put(None, there.id, there)

    def purge(self, rows: int) -> int:
        """Remove up to `rows` rows of deleted studies; answers how many, 0 when nothing is left."""
        removed = 0
        for study_id in tuple(self._tables.deleted.of(None)):
            removed += self._purge_trials(study_id, rows - removed)
            if removed < rows:
                for round in tuple(self._tables.finishes.of(study_id)):
                    self._tables.finishes.drop(study_id, round)
                self._tables.deleted.drop(None, study_id)
                removed += 1
        return removed

    def _purge_trials(self, study_id: int, rows: int) -> int:
        removed = 0
        for number in tuple(self._tables.trials.of(study_id)):
            for table in (
                self._tables.points,
                self._tables.logs,
                self._tables.decisions,
                self._tables.checkpoints,
                self._tables.attempts,
            ):
                for key in tuple(islice(table.of((study_id, number)), rows - removed)):
                    table.drop((study_id, number), key)  # type: ignore[arg-type]  # each key is of its own table
                    removed += 1
            if removed >= rows:
                break
            self._tables.trials.drop(study_id, number)
            removed += 1
        return removed


class MemoryTrials:
    """The trials of studies."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now

    def add(self, trial: Trial) -> Trial:
        """Add a trial under the study's next number; answers it with number and seq."""
        study = touched(self._tables, trial.study_id)
        added = own_trial(replace(trial, number=study.next_number, seq=study.seq))
        free = trial.origin == "added" or not trial.searches
        counted = replace(study, next_number=study.next_number + 1, added=study.added + free)
        self._tables.studies.put(None, study.id, counted)
        self._tables.trials.put(study.id, added.number, added)
        return own_trial(added)

    def add_to(self, seen: Study, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Add trials like `add`, or none unless their study is as it was seen: not added to, nor edited or moved."""
        study = self._tables.studies.get(None, seen.id)
        if study is None or (study.next_number, study.revision) != (seen.next_number, seen.revision):
            return ()
        return [self.add(trial) for trial in trials]

    def get(self, study_id: int, number: int) -> Trial:
        """Read a trial; TrialNotFound."""
        trial = self._tables.trials.get(study_id, number)
        if trial is None:
            raise TrialNotFound(f"the study has no trial {number}")
        return own_trial(trial)

    def lock(self, study_id: int, number: int) -> Trial:
        """Read a trial; nobody else is at work before the commit."""
        return self.get(study_id, number)

    def claim(self, study_id: int, count: int, *, node: str | None = None, reruns: bool = False) -> Sequence[Trial]:
        """Read up to `count` queued trials that are due and do not avoid the node, lowest numbers first."""
        queued = (
            trial
            for trial in self._sorted(study_id)
            if trial.state == "queued" and trial.searches is not reruns and _due(trial, self._now)
            if node is None or trial.avoid != node or not self._avoids(trial)
        )
        return tuple(map(own_trial, islice(queued, count)))

    def _avoids(self, trial: Trial) -> bool:
        return trial.avoid_until is None or trial.avoid_until > self._now

    def put_off(self) -> Sequence[PutOff]:
        """Read the queued trials, of all studies, that are not due yet or still avoid a node."""
        found = [
            PutOff(study.name, trial.not_before, trial.avoid, trial.avoid_until)
            for study_id, study in self._tables.studies.of(None).items()
            for trial in self._tables.trials.of(study_id).values()
            if trial.state == "queued" and trial.not_before is not None
            if not _due(trial, self._now) or (trial.avoid_until is not None and trial.avoid_until > self._now)
        ]
        return sorted(found, key=lambda one: one.not_before)

    def pick(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Trial]:
        """Read trials by their numbers; unknown ones are left out."""
        found = {number: self._tables.trials.get(study_id, number) for number in numbers}
        return {number: own_trial(trial) for number, trial in found.items() if trial is not None}

    def save(self, trial: Trial) -> Trial:
        """Write everything of a trial but its number; answers it with its new seq."""
        self.get(trial.study_id, trial.number)
        saved = own_trial(replace(trial, seq=touched(self._tables, trial.study_id).seq))
        self._tables.trials.put(trial.study_id, trial.number, saved)
        return own_trial(saved)

    def note(self, study_id: int, systems: Mapping[int, Mapping[str, Any]]) -> None:
        """Merge into what an engine remembers of trials, by their numbers; unknown ones are left out."""
        for number, trial in sorted(self.pick(study_id, list(systems)).items()):
            self.save(replace(trial, system={**trial.system, **systems[number]}))

    def list(self, study_id: int, query: TrialQuery) -> Page[Trial]:
        """Read a page of trials."""
        study = self._tables.studies.get(None, study_id)
        if study is None:
            return Page((), False)
        metric = study.definition.objectives[0].metric
        page = selection.trials(self._tables.trials.of(study_id).values(), query, metric)
        return Page(tuple(map(own_trial, page.items)), page.more)

    def changed(self, study_id: int, after_seq: int, count: int) -> Sequence[Trial]:
        """Read up to `count` trials whose seq is greater than `after_seq`, in the order of seq."""
        newer = (trial for trial in self._tables.trials.of(study_id).values() if trial.seq > after_seq)
        return tuple(map(own_trial, sorted(newer, key=lambda trial: trial.seq)[:count]))

    def counts(self, study_ids: Sequence[int], *, elsewhere: bool = True) -> Mapping[int, Mapping[TrialState, int]]:
        """Count the trials of searches by state, those that completed elsewhere as asked for."""
        return {
            study_id: Counter(
                trial.state
                for trial in self._tables.trials.of(study_id).values()
                if trial.searches and (elsewhere or trial.origin != "added" or trial.state != "completed")
            )
            for study_id in study_ids
        }

    def _sorted(self, study_id: int) -> Sequence[Trial]:
        return [trial for _, trial in sorted(self._tables.trials.of(study_id).items())]


def _due(trial: Trial, now: datetime) -> bool:
    return trial.not_before is None or trial.not_before <= now


def touched(tables: Tables, study_id: int) -> Study:
    """A study with its seq raised by one, for what is about to be written in it."""
    study = tables.studies.get(None, study_id)
    if study is None:
        raise StudyNotFound
    raised = replace(study, seq=study.seq + 1)
    tables.studies.put(None, study_id, raised)
    return raised
