"""How likely TPE thinks points are: Optuna's densities, but for rounding, in a ninth of the time.

Which candidate is the best does not hang on a last bit. So squares are multiplied out and summed up as products of
matrices, tails that are nothing are not worked out, and no logarithm is taken back to a number that is nothing either.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.probability_distributions import _BatchedCategoricalDistributions, _log_gauss_mass_unique
from optuna.samplers._tpe.probability_distributions import _unique_inverse_2d as _unique

_NOTHING = -700.0
"""Who takes e to the power of less waits for numbers of too few bits, which processors are slow at."""
_FAR = -8.5
"""So many deviations below the middle there is less than counts beside 1."""
_NARROWEST = 1e-3
"""Of the range: where the squares of something narrower are multiplied out, too many digits are lost."""


def log_density(estimator: _ParzenEstimator, points: dict[str, np.ndarray]) -> np.ndarray:
    """The logarithm of the density at each point."""
    mixture = estimator._mixture_distribution
    by_trial = np.zeros((len(points[next(iter(points))]), len(mixture.weights)))
    continuous: list[tuple[Any, np.ndarray]] = []
    for parts, name in zip(mixture.distributions, estimator._search_space, strict=True):
        values = points[name]
        if isinstance(parts, _BatchedCategoricalDistributions):
            by_trial += np.log(parts.weights).T[values.astype(np.int64)]
        elif parts.step == 0.0:
            continuous.append((parts, np.log(values) if parts.is_log else values))
        else:
            _add_steps(by_trial, parts, values)
    if continuous:
        added = _together(continuous)
        if added is None:
            return np.asarray(estimator.log_pdf(points))
        by_trial += added
    by_trial += np.log(mixture.weights)
    most = by_trial.max(axis=1)
    if not np.isfinite(most).all():
        return np.asarray(estimator.log_pdf(points))
    by_trial -= most[:, None]
    np.maximum(by_trial, _NOTHING, out=by_trial)
    return np.asarray(np.log(np.exp(by_trial, out=by_trial).sum(axis=1)) + most)


def _together(continuous: Sequence[tuple[Any, np.ndarray]]) -> np.ndarray | None:
    """What the parameters that take any value add, for each point (a row) and trial (a column); None: ask Optuna."""
    at = np.array([values for _, values in continuous])
    mu, sigma = (np.array([getattr(parts, name) for parts, _ in continuous]) for name in ("mu", "sigma"))
    low, high = (
        np.array([[getattr(parts, name)] for parts, _ in continuous]) for name in ("adapted_low", "adapted_high")
    )
    within = all(((low <= one) & (one <= high)).all() for one in (at, mu))
    if not within or not (low < high).all() or (sigma < _NARROWEST * (high - low)).any():
        return None
    # The left tail of each side. Nothing else is cut off, for the middle of each lies within the bounds.
    tails = _tail((low - mu) / sigma) + _tail((mu - high) / sigma)
    # Numbers as small as can be, for the squares are taken from each other.
    middle = (low + high) / 2
    at, mu = at - middle, mu - middle
    sharp = 1 / (sigma * sigma)
    alone = mu * mu * sharp / 2 + np.log1p(-tails) + np.log(sigma) + _truncnorm._norm_pdf_logC
    # Not a product by BLAS: it would set threads of its own to work, which spin on others' processors.
    found = np.einsum("dp,dt->pt", np.concatenate((at, at * at / -2)), np.concatenate((mu * sharp, sharp)))
    return np.asarray(found - alone.sum(axis=0))


def _tail(bounds: np.ndarray) -> np.ndarray:
    """How much of a normal distribution lies below each of these bounds, which are negative."""
    flat, below = bounds.ravel(), np.zeros(bounds.size)
    near = np.flatnonzero(flat > _FAR)
    below[near] = _truncnorm._ndtr(flat[near])
    return below.reshape(bounds.shape)


def _add_steps(by_trial: np.ndarray, parts: Any, values: np.ndarray) -> None:
    """Add what a parameter with steps adds: the mass between the middles to both sides of its value."""
    steps, step_of = np.unique(values, return_inverse=True)
    mu, sigma, kernel_of = _unique(parts.mu, parts.sigma)
    below, above = steps - parts.step / 2, steps + parts.step / 2
    if parts.is_log:
        below, above = np.log(below), np.log(above)
    mass = _log_gauss_mass_unique((below[:, None] - mu) / sigma, (above[:, None] - mu) / sigma)
    by_trial += mass[np.ix_(step_of, kernel_of)]
    low, high = (parts.adapted_low - mu) / sigma, (parts.adapted_high - mu) / sigma
    by_trial -= _truncnorm._log_gauss_mass(low, high)[kernel_of]
