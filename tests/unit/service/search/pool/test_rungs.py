"""Rungs: where they lie, how much training a point tells of, and what is remembered of a trial that came to one."""

import json
import math
from typing import Any

import pytest

from service.search.pool.rungs import SHOWN, Ladder, amount, at_rung, entries, shown, shows
from service.usecases.engine import Latest
from tests.unit.service.search.pool.pools import showing
from tests.unit.service.search.samples import curve, definition, latest, trial

TWO = [{"metric": "loss"}, {"metric": "accuracy", "direction": "maximize"}]
POINT = Latest(step=7, metrics={"loss": 0.5, "samples": 4096.0, "broken": math.nan, "endless": math.inf}, elapsed=3.5)


@pytest.mark.parametrize(
    ("least", "factor", "reached"),
    [
        (1, 4, {0: 0, 0.5: 0, 1: 1, 3: 1, 4: 2, 15.9: 2, 16: 3, 64: 4}),
        (3, 2, {2: 0, 3: 1, 5: 1, 6: 2, 11: 2, 12: 3, 24: 4, 23: 3}),
        (10, 100, {9: 0, 10: 1, 999: 1, 1000: 2}),
    ],
)
def test_rungs_grow_by_a_factor(least: int, factor: int, reached: dict[float, int]) -> None:
    ladder = Ladder(least, factor)
    assert {at: ladder.reached(at) for at in reached} == reached
    assert [ladder.at(rung) for rung in range(3)] == [least, least * factor, least * factor**2]
    assert all(ladder.reached(ladder.at(rung)) == rung + 1 for rung in range(20))


def test_nothing_is_left_to_decide_at_the_top() -> None:
    assert not Ladder(1, 4).over(1e9)
    assert [Ladder(1, 4, 9).over(at) for at in (8.9, 9, 10)] == [False, True, True]


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        ("step", 7),
        ("elapsed", 3.5),
        ("cost", None),
        ("samples", 4096.0),
        ("missing", None),
        ("broken", None),
        ("endless", None),
    ],
)
def test_how_much_training_a_point_tells_of(resource: str, found: float | None) -> None:
    assert amount(resource, POINT) == found


def test_what_was_shown_comes_back_from_a_database_as_it_was() -> None:
    values = [(0.5, 1.0), (math.nan, -math.inf), (1e300, math.nan), (math.inf, -0.0)]
    stored = json.loads(json.dumps(entries(values)))
    back = shown(trial(0, system={SHOWN: stored}))
    assert repr(back) == repr(values)
    assert "NaN" not in json.dumps(entries(values))
    assert shown(trial(0)) == []


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("running", True),
        ("queued", True),
        ("paused", True),
        ("completed", True),
        ("pruned", True),
        ("failed", False),
        ("infeasible", False),
        ("cancelled", False),
    ],
)
def test_what_could_not_be_trained_is_left_out(state: str, counts: bool) -> None:
    trials = {
        0: showing(0.5, None, state=state),
        1: showing(0.4, number=1),
        2: trial(2, "running"),
        3: showing(0.3, 0.2, 0.1, number=3),
    }
    assert at_rung(trials, 0) == ({0: (0.5,)} if counts else {}) | {1: (0.4,), 3: (0.3,)}
    assert at_rung(trials, 0, besides=3).keys() == ({0} if counts else set()) | {1}
    assert repr(at_rung(trials, 1)) == repr(({0: (math.nan,)} if counts else {}) | {3: (0.2,)})
    assert at_rung(trials, 3) == {}


def test_a_trial_shows_its_objective_or_the_metric_that_is_named() -> None:
    points = curve(0.2, 0.9)
    told = Latest(step=2, metrics={"loss": 0.9, "speed": 5.0})
    assert shows(definition(), None, points, told) == (0.9,)
    assert shows(definition(), "speed", points, told) == (5.0,)
    assert shows(definition(), "gone", points, told) is None
    assert shows(definition(), None, points, Latest(step=2, metrics={"speed": 5.0})) is None


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0.2), ("maximize", 0.9)])
def test_where_the_best_point_counts_it_is_what_is_shown(direction: str, best: float) -> None:
    of = definition(objectives=[{"metric": "loss", "direction": direction, "value": "best"}])
    points = curve(0.2, math.nan, 0.9, 0.5)
    assert shows(of, None, points, latest(points)) == (best,)
    assert shows(of, "loss", points, latest(points)) == (best,)
    other = Latest(step=4, metrics={"loss": 0.5, "speed": 3.0})
    assert shows(of, "speed", points, other) == (3.0,), "of another metric nobody said that its best point counts"


def test_nothing_but_nan_is_shown_as_nan() -> None:
    of = definition(objectives=[{"metric": "loss", "value": "best"}])
    points = curve(math.nan, math.nan)
    assert repr(shows(of, None, points, latest(points))) == "(nan,)"


@pytest.mark.parametrize(
    ("metrics", "found"),
    [({"loss": 0.5, "accuracy": 0.9}, (0.5, 0.9)), ({"loss": 0.5}, None), ({"accuracy": 0.9, "loss": 0.1}, (0.1, 0.9))],
)
def test_of_several_objectives_all_are_shown_or_nothing(metrics: Any, found: Any) -> None:
    told = Latest(step=1, metrics=metrics)
    assert shows(definition(objectives=TWO), None, curve(0.5), told) == found
    named = shows(definition(objectives=TWO), "accuracy", curve(0.5), told)
    assert named == (None if found is None else (found[1],))
