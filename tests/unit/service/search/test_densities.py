"""Densities: whatever the parameters, they are those of Optuna to the last bit."""

import math
import random
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from service.search.densities import log_density

SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-5, 0.1, log=True),
    "decay": FloatDistribution(1e-6, 1e-2, log=True),
    "dropout": FloatDistribution(0, 0.7),
    "momentum": FloatDistribution(0.5, 0.99),
    "batch": CategoricalDistribution([16, 32, 64]),
    "depth": IntDistribution(1, 9),
    "width": IntDistribution(8, 512, log=True),
    "share": FloatDistribution(0, 1, step=0.1),
}


def inside(one: BaseDistribution, rng: random.Random) -> float:
    if isinstance(one, CategoricalDistribution):
        return float(rng.randrange(len(one.choices)))
    assert isinstance(one, FloatDistribution | IntDistribution)
    if one.log:
        drawn = math.exp(rng.uniform(math.log(one.low), math.log(one.high)))
        return round(drawn) if isinstance(one, IntDistribution) else drawn
    return one.low + rng.randrange(9) * one.step if one.step else rng.uniform(one.low, one.high)


def estimator(space: dict[str, BaseDistribution], count: int, rng: random.Random) -> _ParzenEstimator:
    seen = {name: np.array([inside(one, rng) for _ in range(count)]) for name, one in space.items()}
    return _ParzenEstimator(seen, space, TPESampler(multivariate=True)._parzen_estimator_parameters)


@pytest.mark.parametrize("count", [1, 25, 1_000])
def test_they_are_those_of_optuna(count: int, rng: random.Random) -> None:
    for _ in range(20):
        names = rng.sample(sorted(SPACE), rng.randint(1, len(SPACE)))
        made = estimator({name: SPACE[name] for name in names}, count, rng)
        points = made.sample(np.random.RandomState(rng.randrange(2**31)), 24)
        assert log_density(made, points).tolist() == made.log_pdf(points).tolist(), names


@pytest.mark.parametrize(
    ("space", "points"),
    [
        ({f"x{place}": FloatDistribution(0, 1) for place in range(12)}, {}),
        ({"x": FloatDistribution(0, 1)}, {"x": [0.5, -0.1, 1.1]}),
    ],
    ids=["so many that the order of adding counts", "outside"],
)
def test_so_they_are_where_optuna_itself_is_asked(
    space: dict[str, BaseDistribution], points: dict[str, Any], rng: random.Random
) -> None:
    made = estimator(space, 50, rng)
    looked_at = {name: np.array(one) for name, one in points.items()} or made.sample(np.random.RandomState(1), 24)
    assert log_density(made, looked_at).tolist() == made.log_pdf(looked_at).tolist()
