"""Trials in Optuna's form: states, values, what is left out, and what they take."""

import gc
import math
import tracemalloc
from typing import Any

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from service.domain.health import VIOLATION
from service.search.distributions import Layout
from service.search.frozen import FEASIBILITY, Freezer, Look
from service.search.snapshots import Snapshots
from service.wire.trial import Failure
from tests.unit.service.search.samples import PARAMS, SPACE, curve, definition, history, study, trial

LAYOUT = Layout(definition().space)
LOOK = Look(metrics=("loss",), directions=(StudyDirection.MINIMIZE,), columns=False, readable=True, feasibility=False)


def freezer(**look: Any) -> Freezer:
    fields = {name: getattr(LOOK, name) for name in Look.__slots__} | look
    return Freezer(LAYOUT, Look(**fields))


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("queued", TrialState.RUNNING),
        ("running", TrialState.RUNNING),
        ("paused", TrialState.RUNNING),
        ("completed", TrialState.COMPLETE),
        ("pruned", TrialState.PRUNED),
        ("failed", TrialState.FAIL),
        ("cancelled", TrialState.FAIL),
        ("infeasible", TrialState.COMPLETE),
    ],
)
def test_each_state_is_seen_as_one_of_optunas(state: str, seen: TrialState) -> None:
    assert freezer().freeze(trial(0, state), None, marked=False).state is seen


def test_a_paused_trial_whose_curve_is_known_is_learned_from_as_a_pruned_one() -> None:
    frozen = freezer().freeze(trial(0, "paused"), curve(0.5, 0.25), marked=False)
    assert frozen.state is TrialState.PRUNED
    assert frozen.intermediate_values == {2: 0.25}


def test_an_infeasible_trial_is_complete_with_a_violation_and_the_worst_values() -> None:
    both = freezer(metrics=("loss", "speed"), directions=(StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE))
    frozen = both.freeze(trial(0, "infeasible", values={"loss": math.nan}, system={"k": 1}), None, marked=True)
    assert frozen.values == [math.inf, -math.inf]
    assert frozen.constraints == {"feasibility": 1.0}
    assert frozen.system_attrs["k"] == 1


@pytest.mark.parametrize("values", [None, {}, {"loss": math.nan}, {"other": 1.0}])
def test_a_completed_trial_without_its_values_teaches_nothing(values: Any) -> None:
    assert freezer().freeze(trial(0, values=values), None, marked=False).state is TrialState.FAIL


def test_only_the_last_point_of_pruned_trials_is_kept() -> None:
    points = curve(0.5, 0.4, 0.3)
    assert freezer().freeze(trial(0, "pruned"), points, marked=False).intermediate_values == {3: 0.3}
    assert freezer().freeze(trial(0, "completed"), points, marked=False).intermediate_values == {}
    assert freezer().freeze(trial(0, "failed"), points, marked=False).intermediate_values == {}


def test_a_curve_of_another_metric_only_tells_how_far_a_trial_came() -> None:
    points = freezer(readable=False).freeze(trial(0, "pruned"), curve(0.5, 0.4), marked=False).intermediate_values
    assert list(points) == [2]
    assert math.isnan(points[2])


def test_what_was_drawn_together_is_forgotten_when_a_trial_has_ended() -> None:
    system = {"tpe:relative_params:0": "{}", "completed_rung_0": 1.0}
    assert freezer().freeze(trial(0, "running", system=system), None, marked=False).system_attrs == system
    assert freezer().freeze(trial(0, system=system), None, marked=False).system_attrs == {"completed_rung_0": 1.0}


def test_values_are_in_optunas_form_and_in_the_order_of_the_walk() -> None:
    shuffled = {name: PARAMS[name] for name in ("width", "rate", "batch")}
    frozen = freezer().freeze(trial(0, params=shuffled), None, marked=False)
    assert list(frozen.params.items()) == [("rate", 0.01), ("batch", 1), ("width", 1)]
    assert list(frozen.distributions) == list(SPACE)


def test_feasible_trials_say_so_where_a_sampler_wants_it_and_one_was_not() -> None:
    gp = freezer(feasibility=True)
    assert gp.freeze(trial(0), None, marked=False).system_attrs == {}
    assert gp.freeze(trial(0), None, marked=True).system_attrs == {FEASIBILITY: -1.0}
    assert gp.freeze(trial(0, system={"k": 1}), None, marked=True).constraints == {"feasibility": -1.0}
    assert gp.freeze(trial(0, "pruned"), None, marked=True).system_attrs == {}
    assert freezer().freeze(trial(0), None, marked=True).system_attrs == {}


def test_a_trainer_is_believed_that_tells_how_far_the_border_of_stability_is() -> None:
    gp, nan = freezer(feasibility=True), Failure.model_validate({"class": "nan"})

    def seen(state: str, told: float, **fields: Any) -> float:
        given = trial(0, state, system={VIOLATION: told}, **fields)
        return float(gp.freeze(given, None, marked=True).constraints["feasibility"])

    assert seen("infeasible", 0.4, failure=nan) == 0.4
    assert seen("infeasible", -0.4, failure=nan) == 1.0
    assert seen("infeasible", 0.4, failure=Failure.model_validate({"class": "oom"})) == 1.0
    assert seen("completed", -0.4) == -0.4
    assert seen("completed", 0.4) == 0.0, "one that completed can be trained, whatever its gradients were"


@pytest.mark.parametrize(("columns", "most"), [(False, 1_000), (True, 2_000)])
def test_a_trial_with_fifty_points_takes_little(columns: bool, most: int) -> None:
    trials = [trial(number, params={**PARAMS, "rate": 0.1 / (number + 1)}) for number in range(500)]
    curves = {number: curve(*(number + 1 / step for step in range(1, 51))) for number in range(500)}
    known = history(study(1), trials, curves)
    snapshots = Snapshots(freezer(columns=columns))
    gc.collect()
    tracemalloc.start()
    snapshots.of(known)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / len(trials) < most
