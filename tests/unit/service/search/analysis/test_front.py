"""The front and its hypervolume, against what one finds by comparing each trial with each."""

import itertools
import math
import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from service.domain.trial import Trial
from service.search.analysis.front import front, volumes
from tests.conformance.engine.drivers import NOW
from tests.unit.service.search.samples import study, trial

METRICS = ("loss", "speed", "size")
DIRECTIONS = ("minimize", "maximize", "minimize")


def of(count: int) -> Any:
    objectives = [{"metric": METRICS[i], "direction": DIRECTIONS[i]} for i in range(count)]
    return study(5, objectives=objectives)


def trials(*rows: Any, **fields: Any) -> dict[int, Trial]:
    return {
        number: trial(
            number,
            values=dict(zip(METRICS, row, strict=False)),
            created_at=NOW,
            finished_at=NOW + timedelta(seconds=number),
            **fields,
        )
        for number, row in enumerate(rows)
    }


def losses(row: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value if DIRECTIONS[place] == "minimize" else -value for place, value in enumerate(row))


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def cells(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    """The hypervolume by cutting the space into cells at every coordinate."""
    inside = [point for point in points if all(a < b for a, b in zip(point, reference, strict=True))]
    cuts = [sorted({point[axis] for point in inside} | {reference[axis]}) for axis in range(len(reference))]
    total = 0.0
    for corner in itertools.product(*(range(len(cut) - 1) for cut in cuts)):
        low = tuple(cuts[axis][place] for axis, place in enumerate(corner))
        if any(all(a <= b for a, b in zip(point, low, strict=True)) for point in inside):
            total += math.prod(cuts[axis][place + 1] - cuts[axis][place] for axis, place in enumerate(corner))
    return total


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_against_brute_force(objectives: int, seed: int) -> None:
    chance = random.Random(seed)
    rows = [tuple(float(chance.randint(0, 6)) for _ in range(objectives)) for _ in range(25)]
    given = trials(*rows)
    found = front(of(objectives), given)
    expected = {
        number for number, row in enumerate(rows) if not any(beats(losses(other), losses(row)) for other in rows)
    }
    if objectives == 1:
        expected = {min(expected)}
    assert {one.number for one in found.trials} == expected
    assert {one.number for one in found.compromises} == expected
    assert found.of == 25
    reference = dict(zip(METRICS, (6.5, 0.5, 5.5), strict=True))
    told = volumes(of(objectives), given, found, reference)
    point = losses(tuple(reference[METRICS[i]] for i in range(objectives)))
    points = [losses(row) for row in rows]
    assert told.hypervolume == pytest.approx(cells(points, point))
    assert told.history is not None
    for step in told.history:
        assert step.hypervolume == pytest.approx(cells(points[: step.number + 1], point))
    grown = [step.hypervolume for step in told.history]
    assert grown == sorted(set(grown))


def test_what_has_no_value_is_left_out() -> None:
    given = trials((1.0, 1.0), (math.nan, 9.0), (0.5, math.nan))
    given[3] = trial(3, "infeasible")
    given[4] = trial(4, "pruned")
    given[5] = trial(5, "paused")
    found = front(of(2), given)
    assert [one.number for one in found.trials] == [0]
    assert found.of == 1


def test_infinite_values_dominate_no_volume() -> None:
    given = trials((1.0, 1.0), (math.inf, 5.0), (2.0, 2.0))
    found = front(of(2), given)
    assert [one.number for one in found.trials] == [0, 2, 1]
    assert found.compromises[-1].number == 1
    told = volumes(of(2), given, found, {"loss": 3.0, "speed": 0.0})
    assert told.hypervolume == pytest.approx(cells([(1.0, -1.0), (2.0, -2.0)], (3.0, 0.0)))


def test_all_infinite_values_are_ranked_and_have_no_volume() -> None:
    given = trials((math.inf, -math.inf), (math.inf, -math.inf))
    found = front(of(2), given)
    assert len(found.trials) == 2
    assert volumes(of(2), given, found, None).hypervolume == 0.0


def test_the_own_reference_lies_behind_the_front() -> None:
    given = trials((1.0, 10.0), (3.0, 20.0), (9.0, 1.0))
    told = volumes(of(2), given, front(of(2), given), None)
    assert told.reference == pytest.approx({"loss": 3.2, "speed": 9.0})
    single = trials((4.0,))
    assert volumes(of(1), single, front(of(1), single), None).reference == pytest.approx({"loss": 4.4})


def test_compromises_come_from_the_middle_of_the_front() -> None:
    given = trials((0.0, 0.0), (1.0, 9.0), (10.0, 10.0))
    found = front(of(2), given)
    assert [one.number for one in found.trials] == [0, 1, 2]
    assert found.compromises[0].number == 1


def test_nothing_is_on_the_front_of_nothing() -> None:
    found = front(of(2), {0: trial(0, "failed")})
    assert (list(found.trials), found.of) == ([], 0)


def test_a_large_front_of_many_objectives_has_no_volume() -> None:
    many = [{"metric": f"m{place}"} for place in range(8)]
    points = np.abs(np.random.default_rng(0).normal(size=(40, 8)))
    points /= np.linalg.norm(points, axis=1)[:, None]
    given = {
        number: trial(number, values={f"m{place}": float(value) for place, value in enumerate(row)})
        for number, row in enumerate(points)
    }
    whole = study(5, objectives=many)
    found = front(whole, given)
    assert len(found.trials) == 40
    told = volumes(whole, given, found, None)
    assert (told.hypervolume, told.history) == (None, None)
