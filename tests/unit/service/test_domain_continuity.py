"""Whether a curve goes on after a resume as it was before."""

import math
import random
from typing import Any

import pytest

from service.domain.continuity import compare
from service.wire.objective import Objective


def falling(step: int) -> float:
    return 2 / (1 + step / 10) + 0.1


def curve(rng: random.Random, noise: float, resumed_at: int, jump: float = 0.0, sign: float = 1.0) -> Any:
    return [
        (step, sign * (falling(step) + rng.gauss(0, noise) + (jump if step > resumed_at else 0)))
        for step in range(1, resumed_at + 6)
    ]


LOSS = Objective(metric="loss")
ACCURACY = Objective(metric="accuracy", direction="maximize")


@pytest.mark.parametrize("objective", [LOSS, ACCURACY])
@pytest.mark.parametrize("noise", [0.0, 0.001, 0.02])
@pytest.mark.parametrize("at", [4, 20, 200])
def test_a_curve_that_goes_on_is_none(rng: random.Random, objective: Objective, noise: float, at: int) -> None:
    sign = 1.0 if objective is LOSS else -1.0
    flagged = 0
    for _ in range(200):
        found = compare(objective, curve(rng, noise, at, sign=sign), at)
        assert found is not None
        flagged += found.jumped
    assert flagged <= 6, "of four points before it, the noise is known badly"


@pytest.mark.parametrize("objective", [LOSS, ACCURACY])
def test_a_jump_for_the_worse_is_told_with_both_values(rng: random.Random, objective: Objective) -> None:
    sign = 1.0 if objective is LOSS else -1.0
    for _ in range(100):
        found = compare(objective, curve(rng, 0.005, 40, jump=0.5, sign=sign), 40)
        assert found is not None
        assert found.jumped
        assert found.metric == objective.metric
        assert sign * (found.after - found.before) == pytest.approx(0.5, abs=0.1)
        assert found.times_noise > 6


def test_one_outlier_on_either_side_is_no_jump(rng: random.Random) -> None:
    for _ in range(100):
        points = curve(rng, 0.005, 40)
        points[39] = (40, 0.0)
        points[40] = (41, 9.0)
        found = compare(LOSS, points, 40)
        assert found is not None
        assert not found.jumped


def test_getting_better_is_no_jump(rng: random.Random) -> None:
    found = compare(LOSS, curve(rng, 0.005, 40, jump=-0.3), 40)
    assert found is not None
    assert not found.jumped
    assert found.times_noise < 0


def test_a_curve_that_stood_still_and_goes_on_so() -> None:
    found = compare(LOSS, [(step, 0.5) for step in range(1, 20)], 10)
    assert found is not None
    assert not found.jumped
    assert (found.before, found.after, found.times_noise) == (0.5, 0.5, 0.0)


def test_too_few_points_say_nothing() -> None:
    points = [(step, 1.0 / step) for step in range(1, 9)]
    assert compare(LOSS, points, 2) is None
    assert compare(LOSS, points, 6) is None
    assert compare(LOSS, points[:0], 3) is None
    assert compare(LOSS, points, 5) is not None


def test_what_is_no_number_is_passed_over() -> None:
    odd = [(1, math.nan), *((step, 1.0 / step) for step in range(2, 10)), (10, math.inf), (11, math.nan)]
    found = compare(LOSS, odd, 6)
    assert found is not None
    assert (found.before, found.after) == (1 / 5, 1 / 8)
    assert compare(LOSS, odd, 7) is None


def test_the_largest_numbers_break_nothing() -> None:
    points = [(step, (-1) ** step * 1.7e308) for step in range(1, 20)]
    compare(LOSS, points, 10)
