"""Penalties on weights: each comes to the solution that its paper has, by the steps that the loop takes."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet, Ridge
from torch import Tensor, nn

from tests.unit.trainers.stepping import stepped
from tests.unit.trainers.techniques.given import drawn
from trainers.space import Scalar
from trainers.techniques.regularization import weight_decay

INPUTS = drawn(40, 10).double()
TARGETS = INPUTS[:, :2].sum(1, keepdim=True) + 0.1 * drawn(40, 1, seed=1).double()
# Theirs is half of the mean square with alpha, ours the mean square with lambda.
LAMBDA = 0.2
NET = ElasticNet(alpha=LAMBDA / 2, l1_ratio=0.5, tol=1e-12, fit_intercept=False).fit(
    INPUTS.numpy(), TARGETS[:, 0].numpy()
)
# So that the last steps are as fine as those of plain descent.
FINE: dict[str, dict[str, Scalar]] = {
    "sgd": {"momentum": 0.9, "learning_rate": 0.02},
    "nesterov": {"momentum": 0.9, "learning_rate": 0.02},
    "adagrad": {"learning_rate": 0.3},
    "adam": {"learning_rate": 0.01},
    "adamw": {"learning_rate": 0.01},
    "rmsprop": {"learning_rate": 0.003},
}


def weights(params: Mapping[str, Scalar], steps: int = 300) -> Tensor:
    module = nn.Linear(10, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.fill_(0.5)
    stepped(module, INPUTS, TARGETS, params, steps=steps)
    return module.weight.detach()[0]


@pytest.mark.parametrize("optimizer", FINE)
def test_elastic_net_is_scikit_learn_s(optimizer: str) -> None:
    found = weights({"optimizer": optimizer, "lambda": LAMBDA, "l1_ratio": 0.5, **FINE[optimizer]}, 400)
    np.testing.assert_allclose(found.numpy(), NET.coef_, atol=0.02)
    assert (found.numpy() == 0).tolist() == (NET.coef_ == 0).tolist(), "zeros are exact, whatever the optimizer"


@pytest.mark.parametrize("mode", ["proximal", "gradient"])
def test_l2_is_ridge_regression(mode: str) -> None:
    reference = Ridge(alpha=len(INPUTS) * LAMBDA / 2, fit_intercept=False).fit(INPUTS.numpy(), TARGETS[:, 0].numpy())
    found = weights({"lambda": LAMBDA, "l1_ratio": 0.0, "penalty_mode": mode})
    np.testing.assert_allclose(found.numpy(), reference.coef_, atol=1e-4)


def test_l1_finds_the_inputs_that_matter() -> None:
    found = weights({"lambda": 0.8})
    assert (found != 0).tolist() == [True, True, *[False] * 8], "zeros are exact"
    by_gradient = weights({"lambda": 0.8, "penalty_mode": "gradient", "learning_rate": 0.005, "momentum": 0.0})
    assert bool((by_gradient != 0).all()), "steps by the sign go to and fro around zero"
    assert torch.allclose(found, by_gradient, atol=0.05)


def test_weight_decay_spares_biases() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    decaying, others = weight_decay.groups(network, 0.1)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert {one.ndim for one in decaying["params"]} == {2, 4}
    assert {one.ndim for one in others["params"]} == {1}
    assert len(decaying["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_decay_of_descent_is_l2_and_that_of_adamw_is_not() -> None:
    ridge = weights({"lambda": LAMBDA, "l1_ratio": 0.0})
    assert torch.allclose(weights({"weight_decay": LAMBDA}), ridge, atol=1e-4)
    fine: dict[str, Scalar] = {"learning_rate": 0.01, "weight_decay": LAMBDA}
    assert torch.allclose(weights({"optimizer": "adam", **fine}, 500), ridge, atol=5e-3)
    assert not torch.allclose(weights({"optimizer": "adamw", **fine}, 500), ridge, atol=0.02)


def test_max_norm_holds_each_unit() -> None:
    module = nn.Linear(10, 3)
    targets = INPUTS.float() @ drawn(10, 3, seed=2) * torch.tensor([0.05, 1.0, 2.0])
    stepped(module, INPUTS.float(), targets, {"max_norm": 1.5}, steps=200)
    lengths = module.weight.detach().norm(dim=1)
    assert float(lengths[0]) < 1.0, "a unit within the ball is left alone"
    assert lengths[1:].tolist() == pytest.approx([1.5, 1.5], abs=1e-5)
