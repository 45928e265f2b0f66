"""How alike two curves are that ought to be the same."""

import math
from typing import Any

import pytest

from service.domain.reproduction import compare, noise

CURVE = [(1, 0.9), (2, 0.5), (3, 0.4)]
SEEDS = [[(1, 0.8), (2, 0.5), (3, 0.40)], [(1, 1.0), (2, 0.5), (3, 0.44)], [(1, 0.9), (2, 0.5), (3, 0.42)]]


def test_noise_is_the_deviation_at_each_step() -> None:
    assert noise(SEEDS) == {1: pytest.approx(0.1), 2: 0.0, 3: pytest.approx(0.02)}
    assert noise(SEEDS[:2]) == {}, "two runs tell too little"
    assert noise([[(1, math.nan)], [(1, 0.1)], [(1, 0.2)], [(1, 0.3)]]) == {1: pytest.approx(0.1)}


@pytest.mark.parametrize(
    ("after", "spread", "likeness", "first", "tolerance_from"),
    [
        (CURVE, {}, "equal", None, None),
        ([(1, 0.9), (2, 0.5004), (3, 0.4)], {}, "close", 2, "rounding"),
        ([(1, 0.9), (2, 0.51), (3, 0.4)], {}, "different", 2, "rounding"),
        ([(1, 0.9), (2, 0.5), (3, 0.43)], {3: 0.02}, "close", 3, "seeds"),
        ([(1, 0.9), (2, 0.5), (3, 0.45)], {3: 0.02}, "different", 3, "seeds"),
        ([(1, 0.9), (2, 0.51), (3, 0.43)], {3: 0.02}, "different", 2, "rounding"),
        (CURVE[:2], {}, "different", None, "rounding"),
        ([(1, 0.9), (2, math.nan), (3, 0.4)], {}, "different", 2, "rounding"),
        ([*CURVE, (4, 0.3)], {}, "equal", None, None),
    ],
    ids=["equal", "rounding", "more", "seeds", "more than seeds", "a step without noise", "short", "NaN", "longer"],
)
def test_curves(after: Any, spread: Any, likeness: str, first: int | None, tolerance_from: str | None) -> None:
    found = compare(CURVE, after, spread)
    assert (found.likeness, found.first_different, found.tolerance_from) == (likeness, first, tolerance_from)
    assert found.said.endswith(".")


def test_what_has_nothing_in_common_cannot_be_compared() -> None:
    assert compare(CURVE, [(7, 0.1)], {}).likeness == "incomparable"
    assert compare([], [], {}).likeness == "incomparable"


def test_curves_that_broke_alike_are_alike() -> None:
    broken = [(1, 0.9), (2, math.nan)]
    assert compare(broken, broken, {}).likeness == "equal"
    assert compare([(1, math.inf)], [(1, math.inf)], {}).likeness == "equal"
