"""The curve model: it foretells the order at the end, whatever the scale, and what it learned fits in a few numbers."""

import json
import math
import warnings
from random import Random

import numpy as np
import pytest
from scipy.stats import spearmanr

from service.search.pool.knowledge import Knowledge
from service.search.pool.model import ROWS, CurveModel, Rows, _worth, depth, known_shape
from service.search.pool.process import Process
from tests.unit.service.search.pool.pools import STEPS, crossing, known, loss


def model(of: Knowledge, seed: int = 0) -> CurveModel:
    return CurveModel(rows(of), None, np.random.default_rng(seed))


def rows(of: Knowledge) -> Rows:
    """What the knowledge of a history is to its model."""
    return Rows(
        places=np.array([of.cube.features(of.places[one.number][None, :])[0] for one in of.seen]),
        depths=np.array([depth(one.amount, of.most) for one in of.seen]),
        losses=np.array([one.loss for one in of.seen]),
        newest=np.array([one.newest for one in of.seen]),
    )


def test_depths_go_from_the_first_report_to_the_end() -> None:
    assert [depth(amount, 64.0) for amount in (0.5, 1.0, 8.0, 64.0, 100.0)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert depth(1.0, 1.0) == 1.0, "where there is one report it is the end"


def test_it_foretells_the_order_at_the_end_of_curves_that_cross() -> None:
    chance = Random(5)
    of = crossing(60, chance)
    learned = model(known(of))
    points = [{"x": chance.random(), "y": chance.random()} for _ in range(100)]
    cube = known(of).cube
    mean, deviation = learned.at_the_end(cube.features(np.array([cube.place(point) for point in points])))
    truth = [-loss(point, STEPS[-1]) for point in points]
    early = [-loss(point, 1) for point in points]
    assert spearmanr(mean, truth).statistic > 0.8
    assert spearmanr(early, truth).statistic < 0.6, "who looks at the first report alone does not know"
    assert (deviation > 0).all()


def test_it_is_surer_where_it_has_seen_more() -> None:
    of = known(crossing(60, Random(5)))
    ends = [number for number, at in of.newest.items() if at.amount == STEPS[-1]]
    here = of.cube.features(np.array([of.places[number] for number in ends]))
    _, there = of.model.at_the_end(here)
    _, far = of.model.at_the_end(here + 5.0)
    assert there.max() < far.min()


def test_a_parameter_that_does_not_matter_is_nothing_to_warn_of(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[object] = []
    monkeypatch.setattr(warnings, "warn", lambda *given, **_: warned.append(given))
    places = np.random.default_rng(1).random((30, 2))
    Process(places, None, places[:, 0], None, np.random.default_rng(2), learns=True)
    assert warned == [], "filters are no way to be quiet: they are not safe with threads"


def test_the_same_seed_and_shape_give_the_same_model() -> None:
    of = known(crossing(40, Random(3)))
    places = of.cube.features(np.random.default_rng(1).random((20, 2)))
    first, again = model(of, 7), model(of, 7)
    assert first.shape == again.shape
    assert (first.gain(places) == again.gain(places)).all()
    assert first.shape is not None
    kept = known_shape(json.loads(json.dumps([float(first.shape.rows), *first.shape.theta])), of.cube.width + 1)
    assert kept == first.shape
    later = CurveModel(rows(of), kept, np.random.default_rng(99))
    assert later.shape == kept, "with as many rows it is not learned anew"
    assert np.allclose(later.gain(places), first.gain(places))


def test_with_many_more_rows_the_shape_is_learned_anew() -> None:
    few, many = known(crossing(20, Random(3))), known(crossing(40, Random(3)))
    shape = model(few).shape
    assert shape is not None
    later = CurveModel(rows(many), shape, np.random.default_rng(0)).shape
    assert later is not None
    assert later != shape
    assert later.rows == len(rows(many))


@pytest.mark.parametrize("stored", [None, [], [1.0, 2.0], "nonsense", 5, {"rows": 1}])
def test_a_shape_that_does_not_fit_is_none(stored: object) -> None:
    assert known_shape(stored, 3) is None


def test_of_many_rows_the_best_and_the_newest_are_kept() -> None:
    chance = np.random.default_rng(2)
    count = 4 * ROWS
    losses = chance.permutation(count).astype(float)
    newest = np.arange(count) >= count - ROWS // 8
    everything = Rows(chance.random((count, 2)), chance.random(count), losses, newest)
    kept = _worth(everything, np.random.default_rng(0))
    assert len(kept) == len(set(kept)) == ROWS
    assert set(np.argsort(losses)[: ROWS // 2]) <= set(kept)
    assert set(np.flatnonzero(newest)) <= set(kept)
    assert (kept == _worth(everything, np.random.default_rng(0))).all()
    few = everything.taken(np.arange(10))
    assert (_worth(few, chance) == np.arange(10)).all()


def test_of_many_rows_the_order_is_still_foretold() -> None:
    chance = Random(8)
    of = known(crossing(120, chance, untils=(64, 16)))
    assert len(of.seen) > 2 * ROWS
    points = [{"x": chance.random(), "y": chance.random()} for _ in range(60)]
    mean, _ = of.model.at_the_end(of.cube.features(np.array([of.cube.place(point) for point in points])))
    assert spearmanr(mean, [-loss(point, STEPS[-1]) for point in points]).statistic > 0.8


def test_only_the_order_of_losses_counts() -> None:
    of = known(crossing(30, Random(4)))
    plain = rows(of)
    bent = Rows(plain.places, plain.depths, np.exp(9 * plain.losses), plain.newest)
    places = of.cube.features(np.random.default_rng(1).random((20, 2)))
    one, other = (CurveModel(given, None, np.random.default_rng(0)).gain(places) for given in (plain, bent))
    assert np.allclose(one, other)


def test_diverged_trials_are_merely_the_last() -> None:
    of = known(crossing(30, Random(4)))
    plain = rows(of)
    diverged = np.where(plain.losses > np.quantile(plain.losses, 0.7), math.inf, plain.losses)
    learned = CurveModel(Rows(plain.places, plain.depths, diverged, plain.newest), None, np.random.default_rng(0))
    good = plain.losses < np.quantile(plain.losses, 0.2)
    mean_good, _ = learned.at_the_end(plain.places[good])
    mean_bad, _ = learned.at_the_end(plain.places[np.isinf(diverged)])
    assert np.isfinite(learned.gain(plain.places)).all()
    assert mean_good.mean() > mean_bad.mean()
    assert np.isfinite(learned.losses(mean_bad)).all()


def test_scores_stand_for_losses_between_those_that_are_known() -> None:
    of = known(crossing(40, Random(3)))
    found = of.model.losses(np.array([9.0, 1.0, 0.0, -1.0, -9.0]))
    losses = [one.loss for one in of.seen]
    assert list(found) == sorted(found)
    assert (found[0], found[-1]) == (min(losses), max(losses))
    assert found[2] == pytest.approx(np.median(losses))


def test_gain_is_what_is_expected_beyond_the_best() -> None:
    of = known(crossing(40, Random(3)))
    places = of.cube.features(np.random.default_rng(1).random((5, 2)))
    mean, deviation = of.model.at_the_end(places)
    draws = np.random.default_rng(0).normal(mean, deviation, (200_000, 5))
    sampled = np.maximum(draws - of.model.best, 0).mean(axis=0)
    assert of.model.gain(places) == pytest.approx(sampled, abs=0.01)
