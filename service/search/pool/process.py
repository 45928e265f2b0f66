"""One Gaussian process of the curve model: what scikit-learn is loaded for, once there is a model to make."""

import numpy as np
from scipy.optimize import minimize
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
    seen = GaussianProcessRegressor(kernel, optimizer=None).fit(inputs[some], scores[some])

    def unlikely(theta: np.ndarray) -> tuple[float, np.ndarray]:
        likely, slope = seen.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False)
        return -likely, -slope

    # scikit-learn's own search warns of a length that comes to its bound, which is a parameter that does not matter.
    found = minimize(unlikely, kernel.theta, method="L-BFGS-B", jac=True, bounds=kernel.bounds)
    return tuple(map(float, found.x))
