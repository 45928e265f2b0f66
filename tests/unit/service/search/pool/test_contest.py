"""Contests against oracles: sorting for one objective, comparing every pair for several."""

import math
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from service.search.pool.contest import directions, order
from service.search.pool.standings import Standings
from service.wire.objective import Direction
from tests.unit.service.search.pool.pools import showing
from tests.unit.service.search.samples import definition, history, study

TWO = [{"metric": "loss"}, {"metric": "accuracy", "direction": "maximize"}]
WAYS: tuple[Direction, ...] = ("minimize", "maximize")
STRANGE = (math.nan, math.inf, -math.inf, 0.0, 0.5, 0.5, 1.0)


def test_a_metric_that_is_no_objective_is_to_be_small() -> None:
    assert directions(definition(objectives=TWO), None) == ("minimize", "maximize")
    assert directions(definition(objectives=TWO), "accuracy") == ("maximize",)
    assert directions(definition(objectives=TWO), "seconds") == ("minimize",)


@pytest.mark.parametrize("way", WAYS)
def test_one_objective(way: Direction) -> None:
    field = {7: (0.5,), 3: (0.5,), 1: (math.nan,), 2: (0.1,), 9: (math.inf,), 4: (-math.inf,), 0: (math.nan,)}
    # NaN is as bad as the worst infinity, and of equals the first comes first.
    expected = [4, 2, 3, 7, 0, 1, 9] if way == "minimize" else [9, 3, 7, 2, 0, 1, 4]
    assert order(field, [way]) == expected
    assert order({}, [way]) == []
    assert order({5: (math.nan,)}, [way]) == [5]


def worse(value: float, way: Direction) -> float:
    if math.isnan(value):
        return math.inf
    return value if way == "minimize" else -value


def fronts(field: Mapping[int, Sequence[float]], ways: Sequence[Direction]) -> dict[int, int]:
    """The front of each by comparing all pairs: those whom nobody of those left dominates, again and again."""
    losses = {number: [worse(*both) for both in zip(values, ways, strict=True)] for number, values in field.items()}
    found: dict[int, int] = {}
    while len(found) < len(losses):
        left = {number: values for number, values in losses.items() if number not in found}
        free = [
            number
            for number, own in left.items()
            if not any(all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in left.values())
        ]
        found |= dict.fromkeys(free, max(found.values(), default=-1) + 1)
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_with_several_objectives_nobody_stands_before_one_of_an_earlier_front(count: int, rng: Random) -> None:
    for _ in range(60):
        ways = [rng.choice(WAYS) for _ in range(count)]
        field = {
            number: tuple(rng.choice([rng.random(), rng.choice(STRANGE)]) for _ in ways)
            for number in rng.sample(range(100), rng.randrange(1, 25))
        }
        ranked = order(field, ways)
        assert sorted(ranked) == sorted(field)
        expected = fronts(field, ways)
        assert [expected[number] for number in ranked] == sorted(expected.values()), (ways, field)


def test_on_one_front_those_stand_first_that_are_unlike_the_others() -> None:
    # By hand: 2 lies between neighbours that are 0.2 apart in both values, 3 has 0.6 and 4 has 0.8; the ends stand out.
    field = {1: (0.0, 1.0), 2: (0.1, 0.9), 3: (0.2, 0.8), 4: (0.7, 0.3), 5: (1.0, 0.0)}
    assert order(field, ["minimize", "minimize"]) == [1, 5, 4, 3, 2]
    even = {number: (number / 8, 1 - number / 8) for number in range(9)}
    assert order(even, ["minimize", "minimize"]) == [0, 8, 1, 2, 3, 4, 5, 6, 7]
    same = dict.fromkeys((4, 2, 9), (0.5, 0.5))
    assert set(order(same, ["minimize", "maximize"])) == {2, 4, 9}


def test_crowding_knows_huge_and_infinite_values() -> None:
    field = {0: (-math.inf, math.inf), 1: (1e200, -1e200), 2: (0.0, 0.0), 3: (math.nan, -math.inf), 4: (0.1, -0.1)}
    ranked = order(field, ["minimize", "minimize"])
    assert sorted(ranked) == sorted(field)
    assert set(ranked[:2]) == {0, 3}


@pytest.mark.parametrize("way", WAYS)
def test_standings_are_those_of_the_contest_however_they_come_about(way: Direction, rng: Random) -> None:
    standings, trials = Standings([way]), {}
    of = study(1, objectives=[{"metric": "loss", "direction": way}])
    for _ in range(200):
        number = rng.randrange(30)
        state = rng.choice(["running", "running", "paused", "completed", "pruned", "failed", "infeasible"])
        values = [None if rng.random() < 0.1 else rng.choice([0.25, rng.random()]) for _ in range(rng.randrange(4))]
        trials[number] = showing(*values, state=state, number=number, values={"loss": 1.0})
        judged, rung, own = rng.randrange(30), rng.randrange(3), rng.choice([0.25, rng.random(), math.nan])
        seen = history(of, [trials[one] for one in sorted(trials)])
        counted = ("running", "paused", "completed", "pruned")
        field = {
            one.number: tuple(math.nan if value is None else value for value in one.system["basin:rungs"][rung])
            for one in trials.values()
            if one.state in counted and len(one.system["basin:rungs"]) > rung
        } | {judged: (own,)}
        ranked = order(field, [way])
        assert standings.count(seen, judged, rung) == len(field)
        going_on = rng.randrange(len(field) + 1)
        basis = standings.stand(seen, judged, rung, 9, (own,), going_on)
        assert (basis.rank, basis.n, basis.rung, basis.step) == (ranked.index(judged) + 1, len(field), rung, 9)
        assert repr(basis.cut) == repr(field[ranked[going_on - 1]][0] if going_on else None)
