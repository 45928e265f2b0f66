"""Densities: whatever the parameters, they are those of Optuna but for rounding."""

import math
import random

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from service.search.densities import Density

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
OPTIONS = TPESampler(multivariate=True)._parzen_estimator_parameters


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
    return _ParzenEstimator(seen, space, OPTIONS)


@pytest.mark.parametrize("count", [1, 25, 1_000])
def test_they_are_those_of_optuna(count: int, rng: random.Random) -> None:
    for _ in range(20):
        names = rng.sample(sorted(SPACE), rng.randint(1, len(SPACE)))
        made = estimator({name: SPACE[name] for name in names}, count, rng)
        points = made.sample(np.random.RandomState(rng.randrange(2**31)), 24)
        np.testing.assert_allclose(
            Density(made).log(points), made.log_pdf(points), rtol=0, atol=1e-9, err_msg=f"{names}"
        )


def test_where_nothing_takes_any_value_they_are_so_to_the_last_bit(rng: random.Random) -> None:
    """Of few candidates several are as good as each other, and then the first is chosen."""
    for count in (1, 5, 25, 300):
        for name in ("batch", "depth", "width", "share"):
            made = estimator({name: SPACE[name]}, count, rng)
            points = made.sample(np.random.RandomState(rng.randrange(2**31)), 24)
            assert Density(made).log(points).tolist() == made.log_pdf(points).tolist(), name


@pytest.mark.parametrize("width", [1e-8, 1e8])
def test_densities_too_small_or_too_great_for_a_number(width: float, rng: random.Random) -> None:
    space: dict[str, BaseDistribution] = {f"x{place}": FloatDistribution(0, width) for place in range(60)}
    made = estimator(space, 25, rng)
    points = made.sample(np.random.RandomState(1), 24)
    found = Density(made).log(points)
    assert (abs(found) > 800).all()
    np.testing.assert_allclose(found, made.log_pdf(points), rtol=1e-12)


def test_all_kernels_in_a_corner(rng: random.Random) -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(1e-6, 1, log=True)}
    corner = {"x": np.array([rng.uniform(0, 1e-3) for _ in range(500)]), "y": np.ones(500)}
    made = _ParzenEstimator(corner, space, OPTIONS)
    points = {"x": np.array([0.0, 1e-4, 0.5, 1.0]), "y": np.array([1.0, 0.9, 1e-3, 1e-6])}
    np.testing.assert_allclose(Density(made).log(points), made.log_pdf(points), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("seen", "points"),
    [([0.3, 0.7], [0.5, -0.1, 1.1]), ([0.3, 1.7], [0.5, 0.1, 0.9])],
    ids=["a point outside", "a kernel outside"],
)
def test_bounds_that_do_not_hold_are_left_to_optuna(seen: list[float], points: list[float]) -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
    made = _ParzenEstimator({"x": np.array(seen)}, space, OPTIONS)
    looked_at = {"x": np.array(points)}
    assert Density(made).log(looked_at).tolist() == made.log_pdf(looked_at).tolist()


def test_kernels_too_narrow_to_be_multiplied_out_are_left_to_optuna(rng: random.Random) -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
    options = OPTIONS._replace(consider_magic_clip=False)
    made = _ParzenEstimator({"x": np.array([0.1, 0.1 + 1e-9, 0.9 - 1e-9, 0.9])}, space, options)
    looked_at = {"x": np.array([0.1 + 2e-9, 0.9 - 3e-9, rng.uniform(0, 1)])}
    assert Density(made).log(looked_at).tolist() == made.log_pdf(looked_at).tolist()


def test_a_choice_that_nothing_speaks_for_has_none() -> None:
    space: dict[str, BaseDistribution] = {"batch": CategoricalDistribution([16, 32])}
    options = OPTIONS._replace(prior_weight=0.0)
    made = _ParzenEstimator({"batch": np.array([0.0, 0.0])}, space, options)
    with np.errstate(divide="ignore"):
        assert Density(made).log({"batch": np.array([0.0, 1.0])}).tolist() == [0.0, -math.inf]
