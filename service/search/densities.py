"""How likely TPE thinks points are: Optuna's densities to the last bit, one parameter after the other.

Optuna works on all parameters of all points and trials at once, in arrays that leave the processor's cache, and looks
at each of them whether it lies within its bounds. Here the bounds are looked at once, and what is worked on is small.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.probability_distributions import (
    _BatchedCategoricalDistributions,
    _log_gauss_mass_unique,
    _unique_inverse_2d,
)

_ADDED_IN_ORDER = 8
"""Fewer numbers than so many NumPy adds one after the other."""


def log_density(estimator: _ParzenEstimator, points: dict[str, np.ndarray]) -> np.ndarray:
    """The logarithm of the density at each point."""
    mixture = estimator._mixture_distribution
    along = [points[name] for name in estimator._search_space]
    by_trial = np.zeros((len(along[0]), len(mixture.weights)))
    continuous: list[tuple[Any, np.ndarray]] = []
    for parts, values in zip(mixture.distributions, along, strict=True):
        if isinstance(parts, _BatchedCategoricalDistributions):
            by_trial += np.log(parts.weights).T[values.astype(np.int64)]
        elif parts.step == 0.0:
            continuous.append((parts, np.log(values) if parts.is_log else values))
        else:
            _add_steps(by_trial, parts, values)
    if not _plain(continuous):
        return np.asarray(estimator.log_pdf(points))
    if continuous:
        by_trial += _together(continuous)
    by_trial += np.log(mixture.weights)
    most = by_trial.max(axis=1)
    most[np.isneginf(most)] = 0
    by_trial -= most[:, None]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(by_trial, out=by_trial).sum(axis=1)) + most)


def _plain(continuous: Sequence[tuple[Any, np.ndarray]]) -> bool:
    """Whether all points lie within bounds, and there are not so many parameters that their order of adding counts."""
    return len(continuous) < _ADDED_IN_ORDER and all(
        parts.adapted_low < parts.adapted_high
        and (values >= parts.adapted_low).all()
        and (values <= parts.adapted_high).all()
        for parts, values in continuous
    )


def _together(continuous: Sequence[tuple[Any, np.ndarray]]) -> np.ndarray:
    """What the parameters that take any value add, for each point (a row) and trial (a column)."""
    mu, sigma = (np.array([getattr(parts, name) for parts, _ in continuous]) for name in ("mu", "sigma"))
    low, high = (
        np.array([getattr(parts, name) for parts, _ in continuous]) for name in ("adapted_low", "adapted_high")
    )
    # All at once, for the last bit of a result depends on where in an array NumPy comes upon it.
    within = _truncnorm._log_gauss_mass((low - mu.T) / sigma.T, (high - mu.T) / sigma.T).T
    found = np.zeros((len(continuous[0][1]), mu.shape[1]))
    for place, (_, values) in enumerate(continuous):
        one = np.subtract.outer(values, mu[place])
        one /= sigma[place]
        np.square(one, out=one)
        one /= -2.0
        one -= _truncnorm._norm_pdf_logC
        one -= within[place]
        one -= np.log(sigma[place])
        found += one
    return found


def _add_steps(by_trial: np.ndarray, parts: Any, values: np.ndarray) -> None:
    """Add what a parameter with steps adds: the mass between the middles to both sides of its value."""
    steps, step_of = np.unique(values, return_inverse=True)
    mu, sigma, kernel_of = _unique_inverse_2d(parts.mu, parts.sigma)
    below, above = steps - parts.step / 2, steps + parts.step / 2
    if parts.is_log:
        below, above = np.log(below), np.log(above)
    mass = _log_gauss_mass_unique((below[:, None] - mu) / sigma, (above[:, None] - mu) / sigma)
    by_trial += mass[np.ix_(step_of, kernel_of)]
    low, high = (parts.adapted_low - mu) / sigma, (parts.adapted_high - mu) / sigma
    by_trial -= _truncnorm._log_gauss_mass(low, high)[kernel_of]
