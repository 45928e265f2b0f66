"""What Optuna's samplers are shown of trials that were cut short."""

import math
from random import Random
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from service.search.desk import Desk
from service.search.engine import OptunaEngine
from service.search.frozen import FEASIBILITY
from service.search.pool.observing import FEWEST_DEEP
from service.usecases.engine import History
from tests.unit.service.search.pool.pools import NUMBERS, STEPS, crossing, curve_of, loss, showing, trained
from tests.unit.service.search.samples import curve, history, study, trial


def shown(of: History) -> dict[int, FrozenTrial]:
    return {one.number: one for one in Desk(of.study).sampling(of).snapshot().trials}


def observing(observe: str, sampler: str = "tpe", **fields: Any) -> Any:
    given = {"space": NUMBERS, "scheduler": "asha", "sampler": {"type": sampler, "observe": observe}}
    return study(9, **{**given, **fields})


POINTS = [{"x": 0.1 * place, "y": 0.5} for place in range(8)]
TRIALS = [
    trained(0, POINTS[0], 64, "completed"),
    trained(1, POINTS[1], 4),
    trained(2, POINTS[2], 4, "pruned"),
    trained(3, POINTS[3], 4, "running"),
    trial(4, "queued", params=POINTS[4]),
    trial(5, "failed", params=POINTS[5]),
    showing(0.3, None, number=6, params=POINTS[6]),
    trial(7, "infeasible", params=POINTS[7]),
]
CURVES = {
    **{number: curve_of(TRIALS[number], 64 if number == 0 else 4) for number in (0, 1, 2)},
    6: curve(0.3, math.nan, steps=[1, 4]),
}


def test_by_default_trials_are_what_they_are() -> None:
    found = shown(history(observing("final"), TRIALS, CURVES))
    assert [found[number].state for number in range(8)] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.PRUNED,
        TrialState.RUNNING,
        TrialState.RUNNING,
        TrialState.FAIL,
        TrialState.PRUNED,
        TrialState.COMPLETE,
    ]


def test_the_last_value_stands_for_the_end() -> None:
    found = shown(history(observing("last"), TRIALS, CURVES))
    assert found[0].value == pytest.approx(loss(POINTS[0], 64))
    for number in (1, 2):
        assert found[number].state is TrialState.COMPLETE
        assert found[number].value == pytest.approx(loss(POINTS[number], 4))
        assert found[number].params == POINTS[number]
    assert [found[number].state for number in (3, 4, 5)] == [TrialState.RUNNING, TrialState.RUNNING, TrialState.FAIL]
    assert found[6].state is TrialState.PRUNED, "NaN is nothing to be shown as a value"


def test_the_larger_is_the_better_where_the_study_says_so() -> None:
    of = observing("last", objectives=[{"metric": "loss", "direction": "maximize"}])
    found = shown(history(of, TRIALS, CURVES))
    assert found[1].value == pytest.approx(loss(POINTS[1], 4))


def test_where_the_best_point_counts_it_is_the_last_value() -> None:
    of = observing("last", objectives=[{"metric": "loss", "value": "best"}])
    found = shown(history(of, [trial(0, "paused", params=POINTS[0])], {0: curve(0.5, 0.2, 0.4)}))
    assert found[0].value == 0.2


def test_a_forecast_is_made_once_enough_came_more_than_half_of_the_way() -> None:
    few = crossing(4 * FEWEST_DEEP - 4, Random(3), of=observing("extrapolated"))
    last = crossing(4 * FEWEST_DEEP - 4, Random(3), of=observing("last"))
    assert [one.values for one in shown(few).values()] == [one.values for one in shown(last).values()]
    many = crossing(4 * FEWEST_DEEP + 4, Random(3), of=observing("extrapolated"))
    found = shown(many)
    assert {one.state for one in found.values()} == {TrialState.COMPLETE}
    cut = [number for number, one in many.trials.items() if one.state == "paused"]
    ends = [loss(many.trials[number].params, STEPS[-1]) for number in cut]
    forecast = [abs(found[number].values[0] - end) for number, end in zip(cut, ends, strict=True)]
    as_they_are = [abs(many.curves[number].values[-1] - end) for number, end in zip(cut, ends, strict=True)]
    assert sum(forecast) < 0.5 * sum(as_they_are), "a forecast is nearer to the end than the last value"


@pytest.mark.parametrize("observe", ["last", "extrapolated"])
@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes"])
def test_samplers_take_what_they_are_shown(observe: str, sampler: str) -> None:
    of = crossing(2 * FEWEST_DEEP + 8, Random(3), untils=(4, 64), of=observing(observe, sampler))
    assert OptunaEngine().suggest(of, len(of.trials)).note is None


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes"])
def test_one_that_cannot_be_trained_is_no_obstacle(sampler: str) -> None:
    """A Gaussian process wants all to say whether they were feasible, those that were cut short as well."""
    of = crossing(24, Random(3), untils=(1, 4, 16), of=observing("last", sampler))
    bad = trial(24, "infeasible", params={"x": 0.9, "y": 0.1}, values=None)
    known = history(of.study, [*of.trials.values(), bad], of.curves)
    assert OptunaEngine().suggest(known, 25).note is None
    marked = {one.system_attrs.get(FEASIBILITY) for one in shown(known).values()}
    assert marked == ({1.0, -1.0} if sampler == "gp" else {1.0, None})


def test_nothing_but_diverged_trials_is_no_obstacle() -> None:
    trials = [showing(None, number=place, params=POINTS[place]) for place in range(8)]
    deep = [trial(8 + place, "pruned", params=POINTS[place % 8], values=None) for place in range(FEWEST_DEEP)]
    curves = {one.number: curve(math.nan, math.nan) for one in (*trials, *deep)}
    known = history(observing("extrapolated"), [*trials, *deep], curves)
    assert OptunaEngine().suggest(known, 99).note is None
