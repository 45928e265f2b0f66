"""Telling the best trials apart: intervals against SciPy's, ties seed by seed, the cheapest of those that tie."""

import itertools
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.domain.confirming import LEVEL, Run, cheapest, interval, quantile, standings, within
from service.wire.trial import TrialState


def runs(values: Sequence[float | None], **fields: Any) -> list[Run]:
    """One run for each value, on the seeds 100, 101, ...; None is a run that failed."""
    return [
        Run(number=place, seed=100 + place, state="failed" if value is None else "completed", value=value, **fields)
        for place, value in enumerate(values)
    ]


def test_quantiles_are_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom, level in itertools.product(range(1, 50), (0.5, 0.9, 0.95, 0.999)):
        assert quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


def test_the_first_two_are_known_in_closed_form() -> None:
    for t in (0.1, 1.0, 12.7, 1e6):
        assert within(t, 1) == pytest.approx(2 / math.pi * math.atan(t), rel=1e-12)
        assert within(t, 2) == pytest.approx(t / math.sqrt(2 + t * t), rel=1e-12)


def test_an_interval_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = [0.31, 0.35, 0.28, 0.4, 0.33]
    found = interval(values)
    assert found is not None
    low, high = stats.t.interval(LEVEL, 4, loc=statistics.fmean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.sd == pytest.approx(statistics.stdev(values))
    assert interval([0.3]) is None


def test_intervals_hold_the_truth_as_often_as_they_say(rng: random.Random) -> None:
    held = 0
    for _ in range(2_000):
        found = interval([rng.gauss(3.0, 2.0) for _ in range(5)])
        assert found is not None
        held += found.low <= 3.0 <= found.high
    assert 0.93 < held / 2_000 < 0.97


def test_what_a_seed_does_to_both_cancels_out() -> None:
    """Intervals overlap widely, and yet one is worse by 0.02 on every seed."""
    luck = [0.0, 0.3, -0.2, 0.5, 0.1]
    good, worse = (
        [0.5 + one for one in luck],
        [0.52 + one + tiny for one, tiny in zip(luck, (0, 1e-3, 0, 0, 0), strict=True)],
    )
    first, second = standings({7: runs(worse), 3: runs(good)}, "minimize")
    assert (first.number, first.best, first.tied, first.behind) == (3, True, True, None)
    assert first.interval is not None
    assert second.interval is not None
    assert second.interval.low < first.interval.high
    assert second.behind is not None
    assert (second.tied, round(second.behind.mean, 3)) == (False, 0.02)


def test_those_that_cannot_be_told_apart_tie() -> None:
    found = standings({1: runs([0.50, 0.40, 0.60]), 2: runs([0.52, 0.41, 0.58]), 3: runs([0.9, 0.8, 1.0])}, "minimize")
    assert [(one.number, one.tied) for one in found] == [(1, True), (2, True), (3, False)]


def test_equal_ones_tie_and_exactly_worse_ones_do_not() -> None:
    found = standings({1: runs([0.5, 0.5]), 2: runs([0.5, 0.5]), 3: runs([0.6, 0.6])}, "minimize")
    assert [(one.number, one.tied) for one in found] == [(1, True), (2, True), (3, False)]


@pytest.mark.parametrize(("direction", "best"), [("minimize", 1), ("maximize", 2)])
def test_the_direction_is_the_metrics(direction: Any, best: int) -> None:
    found = standings({1: runs([0.1, 0.11]), 2: runs([0.9, 0.91])}, direction)
    assert found[0].number == best
    assert found[1].behind is not None
    assert found[1].behind.mean == pytest.approx(0.8)


def test_one_that_failed_on_a_seed_is_behind_those_that_did_not() -> None:
    found = standings({1: runs([0.1, 0.1, None]), 2: runs([0.5, 0.4, 0.6])}, "minimize")
    assert [(one.number, one.whole, one.tied) for one in found] == [(2, True, True), (1, False, False)]


def test_where_all_failed_on_some_seed_the_others_count() -> None:
    found = standings({1: runs([0.1, 0.1, None]), 2: runs([0.5, 0.5, math.nan]), 3: runs([None] * 3)}, "minimize")
    assert [(one.number, one.tied) for one in found] == [(1, True), (2, False), (3, False)]
    winner = cheapest(found)
    assert winner is not None
    assert winner.number == 1


def test_nobody_wins_where_nobody_completed_twice() -> None:
    assert cheapest(standings({1: runs([0.1, None]), 2: runs([None, None])}, "minimize")) is None
    assert cheapest(standings({}, "minimize")) is None


Cost = tuple[tuple[float, ...] | None, float | None]
SLOW, QUICK, AS_QUICK = (9.1, 8.8, 9.0), (2.0, 2.3, 2.1), (2.2, 2.1, 2.2)


@pytest.mark.parametrize(
    ("costs", "winner"),
    [
        ({1: (SLOW, 10), 2: (QUICK, 900)}, 2),
        ({1: (QUICK, 900), 2: (AS_QUICK, 10)}, 2),
        ({1: (AS_QUICK, None), 2: (QUICK, None)}, 1),
        ({1: (None, 10), 2: (SLOW, 900)}, 2),
        ({1: (None, 900), 2: (None, 10)}, 2),
    ],
    ids=["the faster one", "as fast: the smaller one", "as fast: the better one", "a known time", "no times at all"],
)
def test_the_cheapest_of_those_that_tie_wins(costs: Mapping[int, Cost], winner: int) -> None:
    values = {1: [0.50, 0.40, 0.60], 2: [0.52, 0.41, 0.58]}
    cheap = runs([9.0, 8.0, 9.5], seconds=0.1, parameters=1)
    given = {
        number: [
            replace(run, seconds=None if seconds is None else seconds[place])
            for place, run in enumerate(runs(values[number], parameters=parameters))
        ]
        for number, (seconds, parameters) in costs.items()
    }
    found = cheapest(standings({**given, 3: cheap}, "minimize"))
    assert found is not None
    assert found.number == winner


@pytest.mark.parametrize("state", ["queued", "running", "failed", "infeasible", "cancelled"])
def test_only_completed_runs_count(state: TrialState) -> None:
    assert not Run(number=1, seed=2, state=state, value=0.5).good
