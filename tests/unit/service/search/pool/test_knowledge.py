"""What the pool knows at a moment: how deep trials are, what pends, and how long training takes where."""

import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from service.domain.trial import Trial
from service.search.pool.knowledge import FEWEST, NEAR, PACE, SHAPE
from service.usecases.engine import History
from tests.unit.service.search.pool.pools import NUMBERS, crossing, known, trained
from tests.unit.service.search.samples import history, study, trial


def and_also(of: History, *trials: Trial) -> History:
    return replace(of, trials={**of.trials, **{one.number: one for one in trials}})


def test_it_knows_enough_once_a_few_have_shown_something() -> None:
    assert not known(crossing(FEWEST - 1, Random(1))).enough
    assert known(crossing(FEWEST, Random(1))).enough
    waiting = [trial(100 + place, "queued", params={"x": 0.5, "y": 0.5}) for place in range(20)]
    assert not known(and_also(crossing(FEWEST - 1, Random(1)), *waiting)).enough


def test_the_most_there_is_is_what_completed_trials_had() -> None:
    assert known(crossing(12, Random(1))).most == 64.0
    assert known(crossing(12, Random(1), untils=(1, 4))).most == 16.0, "while none has completed there may be more"
    assert known(history(study(1, space=NUMBERS), [])).most == 4.0


def test_where_each_trial_is_now() -> None:
    of = known(crossing(8, Random(1)))
    assert {number: at.amount for number, at in of.newest.items()} == {
        number: (1.0, 4.0, 16.0, 64.0)[number % 4] for number in range(8)
    }
    assert [one.number for one in of.paused] == [0, 1, 2, 4, 5, 6]


def test_what_pends_near_by_makes_a_place_worth_less() -> None:
    of = crossing(20, Random(2))
    here = {"x": 0.4, "y": 0.6}
    # What is near grows with the diagonal of the cube: of two parameters, by the root of two.
    places = np.array([[0.4, 0.6], [0.4 + NEAR * np.sqrt(2), 0.6], [0.9, 0.1]])
    alone = known(of).gain(places)
    for state in ("queued", "running"):
        pending = known(and_also(of, trial(50, state, params=here)))
        assert len(pending.pending) == 1
        less = pending.gain(places) / alone
        assert less == pytest.approx([0.0, 1 - np.exp(-0.5), 1.0], abs=1e-5)
    ended = known(and_also(of, trial(50, "failed", params=here)))
    assert (ended.gain(places) == alone).all()


def test_a_running_trial_that_has_shown_something_is_no_longer_pending() -> None:
    of = and_also(crossing(20, Random(2)), trained(50, {"x": 0.4, "y": 0.6}, 4, "running"))
    assert len(known(of).pending) == 0
    assert known(of).newest[50].amount == 4.0


def test_how_long_training_takes_is_learned_from_those_that_were_timed() -> None:
    of = crossing(40, Random(2))
    places = np.array([[0.05, 0.5], [0.5, 0.1], [0.5, 0.9], [0.95, 0.5]])
    assert list(known(of).paces(places)) == [1.0] * 4
    # From left to right a unit takes a hundred times as long; up and down makes no difference.
    timed = [
        replace(one, system={**one.system, PACE: 0.3 * 100.0 ** one.params["x"]})  # type: ignore[operator]
        for one in of.trials.values()
    ]
    slow = known(and_also(of, *timed))
    off = np.log(slow.paces(places) / (0.3 * 100 ** places[:, 0]))
    assert (np.abs(off) < np.log(2)).all()
    ratio = slow.gain(places) / known(of).gain(places)
    assert ratio == pytest.approx(1 / np.sqrt(slow.paces(places)))
    few = known(and_also(of, *timed[: FEWEST - 1]))
    assert np.isfinite(few.paces(places)).all()


def test_a_pace_of_nothing_is_no_reason_to_fail() -> None:
    of = and_also(crossing(10, Random(2)), trained(3, {"x": 0.1, "y": 0.1}, 4, system={PACE: 0.0}))
    assert np.isfinite(known(of).gain(np.array([[0.1, 0.1]]))).all()


def test_the_best_places_are_those_of_the_best_trials() -> None:
    of = known(crossing(12, Random(6)))
    best = {number: min(one.loss for one in of.seen if one.number == number) for number in of.newest}
    expected = [of.places[number] for number in sorted(best, key=lambda number: best[number])[:3]]
    assert (of.best_places(3) == np.array(expected)).all()
    assert of.best_places(0).shape == (0, 2)
    assert of.best_places(99).shape == (12, 2)


def test_the_shape_is_kept_with_the_study_and_taken_up_again() -> None:
    of = crossing(20, Random(2))
    first = known(of)
    stored = json.loads(json.dumps(first.stored()))
    again = known(replace(of, system={SHAPE: stored}), seed=77)
    assert again.model.shape == first.model.shape
    places = np.random.default_rng(0).random((9, 2))
    assert np.allclose(again.gain(places), first.gain(places))
    other = known(replace(of, system={SHAPE: stored[:-1]}))
    assert other.model.shape is not None, "of another space: it is learned anew"
