"""A small Gaussian process: Matérn 5/2, one length for each parameter, fitted by its likelihood with mild priors.

NumPy alone, so that explaining a trial does not load PyTorch into a server that needs it for nothing else.
"""

import math
from dataclasses import dataclass

import numpy as np

LEAST = 5
MOST = 150
_LENGTH, _NOISE = math.log(0.5), math.log(1e-2)
_STEPS = 60
_JITTER = 1e-8


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model expects at a point."""

    mean: float
    sd: float


def predict(gaps: np.ndarray, at: np.ndarray, values: np.ndarray) -> Prediction:
    """The value to expect at a point, without the noise of a measurement.

    `gaps`: squared distances of the known points, by parameter; `at`: those from the known points to this one.
    """
    from scipy.optimize import minimize

    middle, scale = float(values.mean()), float(values.std()) or 1.0
    known = (values - middle) / scale
    start = np.array([*([_LENGTH] * len(gaps)), 0.0, _NOISE])
    bounds = [
        *([(math.log(0.02), math.log(50.0))] * len(gaps)),
        (math.log(0.05), math.log(20.0)),
        (math.log(1e-6), 1.0),
    ]
    fitted = minimize(
        _loss, start, (gaps, known), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}
    )
    weights, amplitude, noise = _parts(fitted.x)
    cov, _ = _matern(np.tensordot(weights, gaps, 1), amplitude)
    lower = np.linalg.cholesky(cov + (noise + _JITTER) * np.eye(len(known)))
    here, _ = _matern(weights @ at, amplitude)
    half = np.linalg.solve(lower, here)
    mean = half @ np.linalg.solve(lower, known)
    return Prediction(middle + scale * float(mean), scale * math.sqrt(max(amplitude - float(half @ half), 0.0)))


def expected_gain(prediction: Prediction, best: float, *, minimize: bool) -> float:
    """By how much a point is expected to be better than the best one so far; nothing where it is worse."""
    gap = best - prediction.mean if minimize else prediction.mean - best
    if prediction.sd <= 0:
        return max(gap, 0.0)
    z = gap / prediction.sd
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return max(gap * 0.5 * math.erfc(-z / math.sqrt(2)) + prediction.sd * density, 0.0)


def _parts(logs: np.ndarray) -> tuple[np.ndarray, float, float]:
    return np.exp(-2 * logs[:-2]), float(np.exp(logs[-2])), float(np.exp(logs[-1]))


def _matern(squared: np.ndarray, amplitude: float) -> tuple[np.ndarray, np.ndarray]:
    """The covariance, and what it changes by the squared distance."""
    root = np.sqrt(5 * squared)
    falling = amplitude * np.exp(-root)
    return (1 + root + 5 / 3 * squared) * falling, -5 / 6 * (1 + root) * falling


def _loss(logs: np.ndarray, gaps: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
    """How unlikely the values are, with priors that keep lengths and noise sane; and its gradient."""
    weights, amplitude, noise = _parts(logs)
    cov, slope = _matern(np.tensordot(weights, gaps, 1), amplitude)
    whole = cov + (noise + _JITTER) * np.eye(len(known))
    lower = np.linalg.cholesky(whole)
    inverse = np.linalg.inv(whole)
    alpha = inverse @ known
    outer = inverse - np.outer(alpha, alpha)
    away = np.array([*(logs[:-2] - _LENGTH), logs[-2], (logs[-1] - _NOISE) / 2])
    loss = 0.5 * known @ alpha + np.log(np.diag(lower)).sum() + 0.5 * away @ away
    lengths = 0.5 * np.tensordot(gaps, outer * slope, 2) * -2 * weights
    gradient = np.array([*lengths, 0.5 * (outer * cov).sum(), 0.5 * noise * np.trace(outer)])
    gradient += np.array([*away[:-1], away[-1] / 2])
    return float(loss), gradient
