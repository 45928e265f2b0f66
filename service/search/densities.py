"""How likely TPE thinks points are: Optuna's densities, but for rounding, in a ninth of the time.

Which of candidates that take any value is the best does not hang on a last bit. So squares are multiplied out and
summed up as products of matrices, tails that are nothing are not worked out, and no logarithm is taken back to a number
that is nothing either.
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
_PLAIN = (1e-200, 1e200)
"""Between these a sum of such powers has all its digits."""
_FAR = -8.5
"""So many deviations below the middle there is less than counts beside 1."""
_NARROWEST = 1e-3
"""Of the range: where the squares of something narrower are multiplied out, too many digits are lost."""


class Density:
    """The density of one estimator. What parameters that take any value need of it is worked out once."""

    def __init__(self, estimator: _ParzenEstimator) -> None:
        self._estimator = estimator
        mixture = estimator._mixture_distribution
        self._log_weights = np.log(mixture.weights)
        self._others: list[tuple[str, Any]] = []
        continuous: list[tuple[str, Any]] = []
        for name, parts in zip(estimator._search_space, mixture.distributions, strict=True):
            any_value = not isinstance(parts, _BatchedCategoricalDistributions) and parts.step == 0.0
            (continuous if any_value else self._others).append((name, parts))
        self._continuous = _Continuous(continuous) if continuous else None

    def log(self, points: dict[str, np.ndarray]) -> np.ndarray:
        """The logarithm of the density at each point."""
        by_trial = self._by_trial(points)
        if by_trial is None:
            return np.asarray(self._estimator.log_pdf(points))
        powers = np.maximum(by_trial, _NOTHING)
        with np.errstate(over="ignore"):
            total = np.exp(powers, out=powers).sum(axis=1)
        least, most = _PLAIN
        if (least < total).all() and (total < most).all():
            return np.asarray(np.log(total))
        return np.asarray(self._estimator.log_pdf(points))

    def _by_trial(self, points: dict[str, np.ndarray]) -> np.ndarray | None:
        """For each point (a row) and trial (a column) the logarithm of what it adds; None: ask Optuna."""
        # Where nothing takes any value many candidates are as good as each other: there a last bit does count.
        by_trial = None if self._continuous is None else self._continuous.at(points)
        if by_trial is None:
            return None
        by_trial += self._log_weights
        for name, parts in self._others:
            values = points[name]
            if isinstance(parts, _BatchedCategoricalDistributions):
                by_trial += np.log(parts.weights).T[values.astype(np.int64)]
            else:
                _add_steps(by_trial, parts, values)
        return by_trial


class _Continuous:
    """The parameters that take any value, together."""

    def __init__(self, all_parts: Sequence[tuple[str, Any]]) -> None:
        self._logs = {name: bool(parts.is_log) for name, parts in all_parts}
        mu, sigma = np.array([parts.mu for _, parts in all_parts]), np.array([parts.sigma for _, parts in all_parts])
        self._low = low = np.array([[parts.adapted_low] for _, parts in all_parts])
        self._high = high = np.array([[parts.adapted_high] for _, parts in all_parts])
        within = ((low <= mu) & (mu <= high)).all() and (low < high).all()
        self._fit = bool(within and not (sigma < _NARROWEST * (high - low)).any())
        if not self._fit:
            return
        # The left tail of each side. Nothing else is cut off, for the middle of each lies within the bounds.
        tails = _tail((low - mu) / sigma) + _tail((mu - high) / sigma)
        # Numbers as small as can be, for the squares are taken from each other.
        self._middle = (low + high) / 2
        mu = mu - self._middle
        sharp = 1 / (sigma * sigma)
        alone = mu * mu * sharp / 2 + np.log1p(-tails) + np.log(sigma) + _truncnorm._norm_pdf_logC
        self._alone = alone.sum(axis=0)
        self._beside = np.concatenate((mu * sharp, sharp))

    def at(self, points: dict[str, np.ndarray]) -> np.ndarray | None:
        """What they add, for each point (a row) and trial (a column); None where there is no telling."""
        at = np.array([np.log(points[name]) if is_log else points[name] for name, is_log in self._logs.items()])
        if not self._fit or not ((self._low <= at) & (at <= self._high)).all():
            return None
        at -= self._middle
        # Not a product by BLAS: it would set threads of its own to work, which spin on others' processors.
        found = np.einsum("dp,dt->pt", np.concatenate((at, at * at / -2)), self._beside)
        found -= self._alone
        return np.asarray(found)


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
