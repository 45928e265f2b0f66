"""What is known of curves: amounts of training whatever the unit, losses whatever is better, nothing read twice."""

import math
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from service.search.distributions import Layout
from service.search.pool import curves
from service.search.pool.cube import Cube
from service.search.pool.curves import Seen, Sightings, amounts, losses
from service.wire.objective import Objective
from tests.unit.service.search.pool.pools import NUMBERS, crossing, curve_of, known, showing, trained
from tests.unit.service.search.samples import curve, history, study, trial

LOSS = Objective(metric="loss")
POINT = {"x": 0.5, "y": 0.5}


def sightings(objective: Objective = LOSS, space: Any = NUMBERS) -> Sightings:
    return Sightings(Cube(Layout(study(space=space).definition.space)), objective)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([0, 1, 2, 3], [1, 2, 3, 4]),
        ([1, 2, 5], [1, 2, 5]),
        ([100, 200, 1600], [1, 2, 16]),
        ([3, 4], [1, 4 / 3]),
    ],
)
def test_amounts_count_in_first_reports(steps: list[int], expected: list[float]) -> None:
    assert amounts(steps, steps[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [0.5, math.inf, 0.2, 0.4]),
        ({"direction": "maximize"}, [-0.5, math.inf, -0.2, -0.4]),
        ({"value": "best"}, [0.5, 0.5, 0.2, 0.2]),
        ({"value": "best", "direction": "maximize"}, [-0.5, -0.5, -0.5, -0.5]),
        ({"value": "mean_last", "last_k": 2}, [0.5, math.inf, 0.2, 0.4]),
    ],
)
def test_losses_are_small_where_the_study_reads_them_as_good(fields: Any, expected: list[float]) -> None:
    assert losses(Objective(metric="loss", **fields), [0.5, math.nan, 0.2, 0.4]) == expected


def test_a_curve_that_begins_with_nan_has_nothing_good_yet() -> None:
    assert losses(Objective(metric="loss", value="best"), [math.nan, 0.3]) == [math.inf, 0.3]
    assert losses(LOSS, []) == []


def test_of_a_curve_the_powers_of_two_are_looked_at_and_where_it_is_now() -> None:
    one = trial(3, "paused", params=POINT)
    points = curve(*(1.0 / step for step in range(1, 12)))
    found = sightings().of(history(study(1, space=NUMBERS), [one], {3: points}))
    assert found == [Seen(3, float(step), 1.0 / step, step == 11) for step in (1, 2, 4, 8, 11)]


def test_curves_that_count_from_nothing_or_in_hundreds_look_alike() -> None:
    one = trial(0, "paused", params=POINT)
    expected = [Seen(0, 1.0, 0.4, False), Seen(0, 2.0, 0.3, False), Seen(0, 4.0, 0.1, True)]
    for steps in ([0, 1, 2, 3], [1, 2, 3, 4], [100, 200, 300, 400]):
        points = curve(0.4, 0.3, 0.2, 0.1, steps=steps)
        assert sightings().of(history(study(1, space=NUMBERS), [one], {0: points})) == expected


def test_reports_that_skip_amounts_are_taken_as_they_come() -> None:
    points = curve(0.4, 0.3, 0.2, steps=[1, 7, 9])
    found = sightings().of(history(study(1, space=NUMBERS), [trial(0, "paused", params=POINT)], {0: points}))
    assert [(one.amount, one.newest) for one in found] == [(1.0, False), (7.0, False), (9.0, True)]


def test_of_a_trial_that_runs_for_the_first_time_the_rungs_are_known() -> None:
    running = showing(0.5, None, 0.2, state="running", number=4, params=POINT)
    found = sightings().of(history(study(1, space=NUMBERS), [running]))
    assert found == [Seen(4, 1.0, 0.5, False), Seen(4, 4.0, math.inf, False), Seen(4, 16.0, 0.2, True)]
    assert sightings().of(history(study(1, space=NUMBERS), [trial(0, "running", params=POINT)])) == []


@pytest.mark.parametrize("state", ["queued", "failed", "cancelled"])
def test_what_was_not_trained_gives_nothing(state: str) -> None:
    one = showing(0.5, state=state, params=POINT)
    assert sightings().of(history(study(1, space=NUMBERS), [one], {0: curve(0.5)})) == []


def test_what_could_not_be_trained_is_as_bad_as_can_be() -> None:
    for one in (trial(3, "infeasible", params=POINT), showing(0.1, state="infeasible", number=3, params=POINT)):
        of = history(study(1, space=NUMBERS), [one], {3: curve(0.1, 0.05)})
        assert sightings().of(of) == [Seen(3, 1.0, math.inf, True)]


def test_what_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch, rng: Random) -> None:
    read: list[int] = []
    really = curves._seen_of

    def counting(number: int, *rest: Any) -> Any:
        read.append(number)
        return really(number, *rest)

    monkeypatch.setattr(curves, "_seen_of", counting)
    seen, of = sightings(), crossing(20, rng)
    first = seen.of(of)
    assert read == list(range(20))
    assert seen.of(of) == first
    assert len(read) == 20
    changed = trained(4, of.trials[4].params, 16)
    later = replace(of, trials={**of.trials, 4: changed}, curves={**of.curves, 4: curve_of(changed, 16)})
    assert seen.of(later) == known(later).seen, "kept and fresh are the same"
    assert read[20:] == [4, *range(20)]


def test_a_curve_that_has_grown_is_read_again() -> None:
    one, points, seen = trial(0, "running", params=POINT), curve(0.5), sightings()
    of = history(study(1, space=NUMBERS), [one], {0: points})
    assert [at.amount for at in seen.of(of)] == [1.0]
    points.add(2, 0.4)
    assert [at.amount for at in seen.of(of)] == [1.0, 2.0]


def test_a_suggestion_that_was_made_anew_lies_elsewhere() -> None:
    seen, one = sightings(), trial(0, "queued", params=POINT)
    assert list(seen.place(one)) == [0.5, 0.5]
    assert seen.place(replace(one, state="running")) is seen.place(one)
    assert list(seen.place(replace(one, params={"x": 0.1, "y": 1.0}))) == [0.1, 1.0]
