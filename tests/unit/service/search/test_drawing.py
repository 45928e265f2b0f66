"""Candidates: whatever the estimator, they are Optuna's to the last bit."""

import math
import random

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from service.search import drawing
from service.search.drawing import draw
from tests.unit.service.search.test_densities import OPTIONS, SPACE, estimator


@pytest.mark.parametrize("count", [0, 1, 25, 300])
def test_they_are_those_of_optuna(count: int, rng: random.Random) -> None:
    for _ in range(20):
        names = rng.sample(sorted(SPACE), rng.randint(1, len(SPACE)))
        made = estimator({name: SPACE[name] for name in names}, count, rng)
        seed = rng.randrange(2**31)
        ours, theirs = draw(made, np.random.RandomState(seed), 24), made.sample(np.random.RandomState(seed), 24)
        assert {name: values.tolist() for name, values in ours.items()} == {
            name: values.tolist() for name, values in theirs.items()
        }


def test_they_are_so_where_kernels_are_narrow_and_at_the_edge(rng: random.Random) -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(1e-9, 1, log=True)}
    options = OPTIONS._replace(consider_magic_clip=False)
    seen = {"x": np.array([0.0, 1e-6, 1.0, 1 - 1e-9]), "y": np.array([1e-9, 1.1e-9, 1.0, 0.999999])}
    made = _ParzenEstimator(seen, space, options)
    for seed in range(20):
        ours, theirs = draw(made, np.random.RandomState(seed), 50), made.sample(np.random.RandomState(seed), 50)
        assert all(ours[name].tolist() == theirs[name].tolist() for name in space), seed


def test_how_much_lies_below_a_bound_is_told_as_optuna_tells_it(rng: random.Random) -> None:
    special = [-math.inf, -700.0, -20.0, math.nextafter(-20, 0), -1.0, math.nextafter(-1, 0), -0.0, 0.0, 1.0, 6.0]
    bounds = np.array([*special, math.nextafter(6, 7), 40.0, *(rng.uniform(-25, 8) for _ in range(1_000))])
    finite = bounds[np.isfinite(bounds)].reshape(1, -1)
    assert drawing._log_ndtr(finite).tolist() == _truncnorm._log_ndtr(finite).tolist()
    assert np.isnan(drawing._log_ndtr(np.array([math.nan]))).all()
