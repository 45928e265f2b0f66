"""One Gaussian process of the curve model: what scikit-learn is loaded for, once there is a model to make."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel

FIT_ROWS = 200


class Process:
    """One Gaussian process, over places alone or with depths."""

    def __init__(
        self,
        places: np.ndarray,
        depths: np.ndarray | None,
        scores: np.ndarray,
        theta: tuple[float, ...] | None,
        chance: np.random.Generator,
        *,
        learns: bool,
    ) -> None:
        self._deep = depths is not None
        inputs = self._inputs(places, depths)
        self.theta = _learned(inputs, scores, theta, chance) if learns or theta is None else theta
        kernel = _kernel(inputs.shape[1]).clone_with_theta(np.array(self.theta))
        self._fitted = GaussianProcessRegressor(kernel, optimizer=None, copy_X_train=False).fit(inputs, scores)

    def at_the_end(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the scores."""
        mean, deviation = self._fitted.predict(self._inputs(places, np.ones(len(places))), return_std=True)
        return mean, deviation

    def _inputs(self, places: np.ndarray, depths: np.ndarray | None) -> np.ndarray:
        return places if depths is None or not self._deep else np.asarray(np.c_[places, depths])


def _kernel(width: int) -> Kernel:
    rough = Matern([1.0] * width, [(0.05, 20.0)] * width, nu=1.5)
    return ConstantKernel(1.0, (1e-2, 1e2)) * rough + WhiteKernel(1e-2, (1e-4, 1.0))


def _learned(
    inputs: np.ndarray, scores: np.ndarray, before: tuple[float, ...] | None, chance: np.random.Generator
) -> tuple[float, ...]:
    """What makes what is known most likely, looked for from where it was before."""
    some = chance.permutation(len(scores))[:FIT_ROWS]
    kernel = _kernel(inputs.shape[1])
    if before is not None:
        kernel = kernel.clone_with_theta(np.array(before))
    with warnings.catch_warnings():
        # A length that comes to its bound is a parameter that does not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessRegressor(kernel).fit(inputs[some], scores[some])
    return tuple(map(float, fitted.kernel_.theta))
