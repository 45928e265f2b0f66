"""The view: a storage that shows one moment and cannot be written to, but for what is remembered."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from service.domain.trial import Trial
from service.search.distributions import Layout
from service.search.frozen import Freezer, Look, frozen
from service.search.snapshots import Snapshots
from service.search.view import STUDY_ID, Scene, View, ViewStudy
from tests.unit.service.search.samples import curve, definition, history, study, trial

LOOK = Look(metrics=("loss",), directions=(StudyDirection.MINIMIZE,), columns=False, readable=True, feasibility=False)


def view(trials: list[Trial], own: int, **system: Any) -> View:
    snapshots = Snapshots(Freezer(Layout(definition().space), LOOK))
    known = history(study(1), trials, {2: curve(0.5, 0.25)}, **system)
    scene = Scene("sample", LOOK.directions, known, snapshots, threading.Lock())
    return View(scene, frozen(own, TrialState.RUNNING))


def numbers(of: View, **states: Any) -> list[int]:
    return [one.number for one in of.get_all_trials(STUDY_ID, deepcopy=False, **states)]


@pytest.mark.parametrize(("own", "there"), [(5, [0, 2, 5]), (1, [0, 1, 2]), (2, [0, 2])])
def test_the_own_trial_is_in_its_place(own: int, there: list[int]) -> None:
    shown = view([trial(0), trial(2)], own)
    assert numbers(shown) == there
    assert numbers(shown, states=(TrialState.RUNNING,)) == [own]
    assert own not in numbers(shown, states=(TrialState.PRUNED,))
    assert shown.get_trial(own).state is TrialState.RUNNING
    assert shown.get_trial(0).state is TrialState.COMPLETE
    with pytest.raises(KeyError):
        shown.get_trial(99)


def test_a_list_that_was_handed_out_does_not_change() -> None:
    shown = view([trial(0)], 1)
    before = shown.get_all_trials(STUDY_ID, deepcopy=False)
    shown.set_trial_system_attr(1, "rung", 0.5)
    shown.own.params["rate"] = 0.1
    assert before[1].system_attrs == {}
    assert before[1].params == {}
    after = shown.get_all_trials(STUDY_ID, deepcopy=False)
    assert after[1].system_attrs == {"rung": 0.5}
    assert after[1].params == {"rate": 0.1}
    after.pop()
    assert len(shown.get_all_trials(STUDY_ID, deepcopy=False)) == 2


def test_what_is_to_be_remembered_is_caught() -> None:
    shown = view([trial(0)], 1, known=1)
    shown.set_trial_system_attr(1, "a", 1)
    shown.set_study_system_attr(STUDY_ID, "b", 2)
    assert shown.system == {"a": 1}
    assert shown.study_system == {"b": 2}
    assert shown.get_study_system_attrs(STUDY_ID) == {"known": 1, "b": 2}


@pytest.mark.parametrize(
    "write",
    [
        lambda shown: shown.set_trial_system_attr(0, "a", 1),
        lambda shown: shown.create_new_study([StudyDirection.MINIMIZE]),
        lambda shown: shown.delete_study(STUDY_ID),
        lambda shown: shown.set_study_user_attr(STUDY_ID, "a", 1),
        lambda shown: shown.get_all_studies(),
        lambda shown: shown.create_new_trial(STUDY_ID),
        lambda shown: shown.set_trial_param(1, "x", 0.5, None),
        lambda shown: shown.set_trial_state_values(1, TrialState.COMPLETE, [1.0]),
        lambda shown: shown.set_trial_intermediate_value(1, 1, 0.5),
        lambda shown: shown.set_trial_user_attr(1, "a", 1),
    ],
)
def test_nothing_else_can_be_written(write: Callable[[View], None]) -> None:
    with pytest.raises(RuntimeError, match="for reading"):
        write(view([trial(0)], 1))


def test_the_best_trial_has_its_curve_and_stopping_is_noted() -> None:
    shown = view([trial(2), trial(3), trial(0, "infeasible")], 4)
    of = ViewStudy(shown, RandomSampler(seed=1), NopPruner())
    assert of.best_trial.number == 2
    assert of.best_trial.intermediate_values == {1: 0.5, 2: 0.25}
    assert of.study_name == "sample"
    of.stop()
    assert of.stopped
