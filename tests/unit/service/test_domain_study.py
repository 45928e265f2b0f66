"""Studies, trials and attempts: how they change."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain import errors
from service.domain.errors import BasinError, Invalid, RevisionMismatch, WrongState
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Trial
from service.wire.problem import FieldError
from service.wire.study import StudyDefinition, StudyPatch
from tests.unit.service.refusals import study as defined

NOW = datetime(2026, 5, 17, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def study(**fields: Any) -> Study:
    definition = StudyDefinition.model_validate(defined(note="old", tags=["a"], budget={"max_trials": 9}))
    return Study(id=1, definition=definition, created_at=NOW, updated_at=NOW, **fields)


def trial(**fields: Any) -> Trial:
    return Trial(study_id=1, number=0, origin="sampled", params={}, created_at=NOW, **fields)


def attempt(**fields: Any) -> Attempt:
    return Attempt(key=AttemptKey(1, 0, 1), token=1, worker="w", granted_at=NOW, expires_at=LATER, **fields)


def test_a_study_moves_and_its_revision_grows() -> None:
    moved = study().moved("paused")
    assert (moved.state, moved.revision, moved.name) == ("paused", 2, "digits")
    assert moved.moved("active").revision == 3
    with pytest.raises(WrongState):
        study(state="stopped").moved("paused")


def test_a_patch_changes_what_it_names() -> None:
    patched = study().patched(StudyPatch.model_validate({"note": "", "tags": []}))
    assert (patched.definition.note, patched.definition.tags, patched.revision) == ("", (), 2)
    assert patched.definition.budget.max_trials == 9
    assert patched.definition.model_copy(update={"note": "old", "tags": ("a",)}) == study().definition


def test_a_patch_brings_the_whole_budget() -> None:
    patched = study().patched(StudyPatch.model_validate({"budget": {"gpu_hours": 2}, "priority": 5}))
    assert patched.definition.budget.model_dump(exclude_none=True) == {"gpu_hours": 2}
    assert patched.definition.priority == 5


def test_a_patch_with_nothing_in_it() -> None:
    for given in ({}, {"note": None, "budget": None}):
        assert study().patched(StudyPatch.model_validate(given)).definition == study().definition


def test_who_has_seen_another_revision_is_told() -> None:
    study(revision=3).expect(3)
    study(revision=3).expect(None)
    with pytest.raises(RevisionMismatch) as caught:
        study(revision=3).expect(2)
    assert str(caught.value) == "study 'digits' is at revision 3, your change was made to revision 2"


def test_a_trial_notes_when_it_began_and_ended() -> None:
    running = trial().moved("running", NOW)
    assert (running.started_at, running.finished_at, running.finished) == (NOW, None, False)
    queued = running.moved("queued", LATER)
    assert (queued.started_at, queued.finished_at) == (NOW, None)
    again = queued.moved("running", LATER)
    assert again.started_at == NOW, "a trial began when it ran first"
    ended = again.moved("failed", LATER)
    assert (ended.started_at, ended.finished_at, ended.finished) == (NOW, LATER, True)
    retried = ended.moved("queued", LATER)
    assert (retried.finished_at, retried.finished) == (None, False)
    with pytest.raises(WrongState):
        trial(state="completed").moved("running", NOW)


def test_a_trial_that_never_ran_never_began() -> None:
    cancelled = trial().moved("cancelled", NOW)
    assert (cancelled.started_at, cancelled.finished_at) == (None, NOW)


def test_an_attempt_notes_when_it_ended() -> None:
    running = attempt().moved("running", LATER)
    assert (running.ended_at, running.live) == (None, True)
    lost = running.moved("lost", LATER)
    assert (lost.ended_at, lost.live) == (LATER, False)
    with pytest.raises(WrongState):
        lost.moved("completed", LATER)


@pytest.mark.parametrize("thing", [study(), trial(), attempt(), AttemptKey(1, 2, 3)])
def test_nothing_is_changed_in_place(thing: Any) -> None:
    with pytest.raises((FrozenInstanceError, TypeError)):
        thing.state = "active"
    with pytest.raises(TypeError):
        trial().attrs["a"] = 1  # type: ignore[index]
    assert replace(thing) == thing


def _all(kind: type[BasinError]) -> list[type[BasinError]]:
    # The domain's own: which others there are depends on what has been loaded.
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(deeper for child in children for deeper in _all(child))]


@pytest.mark.parametrize("kind", _all(BasinError), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_message_of_its_own(kind: type[BasinError]) -> None:
    assert str(kind()) == kind().message == kind.__doc__
    assert str(kind("because")) == kind("because").message == "because"
    assert kind(acked_seq=3).context == {"acked_seq": 3}
    assert kind.__name__ in str(errors.__doc__)


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in _all(BasinError)]
    assert len(set(codes)) == len(codes)


def test_wrong_fields_are_told_with_the_first_of_them() -> None:
    one = Invalid.field("a.b", "is missing")
    assert str(one) == "a.b: is missing"
    several = Invalid.of([FieldError(field=name, message="is missing") for name in "abc"])
    assert str(several) == "a: is missing (and 2 more)"
    assert [error.field for error in several.errors] == ["a", "b", "c"]
