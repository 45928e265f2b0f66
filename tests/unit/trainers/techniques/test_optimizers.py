"""Optimizers: their steps are those of their papers, in double precision, and do what they are for."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers.techniques.given import chosen
from trainers.space import Scalar
from trainers.techniques import catalog
from trainers.techniques.regularization import weight_decay

RATE, STEPS = 0.1, 6
State = dict[str, Tensor]
Step = Callable[[Tensor, Tensor, State, int], Tensor]
"""Weights, gradient, what is remembered, and the number of the step from 1; answers the new weights."""


def gradient(weights: Tensor) -> Tensor:
    """Of a bowl that is much steeper in one direction than in the other."""
    return weights * torch.tensor([[1.0, 30.0]], dtype=weights.dtype)


def sgd(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    g = g + 0.01 * w
    state["v"] = 0.9 * state["v"] + g if t > 1 else g
    return w - RATE * state["v"]


def nesterov(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    g = g + 0.01 * w
    state["v"] = 0.9 * state["v"] + g if t > 1 else g
    return w - RATE * (g + 0.9 * state["v"])


def adagrad(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    g = g + 0.01 * w
    state["s"] = state.get("s", torch.zeros_like(g)) + g * g
    return w - RATE * g / (state["s"].sqrt() + 1e-10)


def rmsprop(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    g = g + 0.01 * w
    state["s"] = 0.95 * state.get("s", torch.zeros_like(g)) + 0.05 * g * g
    return w - RATE * g / (state["s"].sqrt() + 1e-8)


def moments(g: Tensor, state: State, t: int) -> Tensor:
    state["m"] = 0.8 * state.get("m", torch.zeros_like(g)) + 0.2 * g
    state["s"] = 0.99 * state.get("s", torch.zeros_like(g)) + 0.01 * g * g
    return (state["m"] / (1 - 0.8**t)) / ((state["s"] / (1 - 0.99**t)).sqrt() + 1e-6)


def adam(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    return w - RATE * moments(g + 0.01 * w, state, t)


def adamw(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    return w - RATE * 0.01 * w - RATE * moments(g, state, t)


def lion(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    mean = state.get("m", torch.zeros_like(g))
    state["m"] = 0.98 * mean + 0.02 * g
    return w - RATE * ((0.9 * mean + 0.1 * g).sign() + 0.01 * w)


def schedule_free(w: Tensor, g: Tensor, state: State, t: int) -> Tensor:
    """The three sequences of the paper, with x kept for itself; w is y."""
    z, x = state.get("z", w), state.get("x", w)
    state["s"] = state.get("s", torch.zeros_like(g)) * 0.99 + 0.01 * g * g
    z = z - RATE * (g / ((state["s"] / (1 - 0.99**t)).sqrt() + 1e-6) + 0.01 * w)
    state["z"], state["x"] = z, (1 - 1 / t) * x + z / t
    return 0.2 * z + 0.8 * state["x"]


BETAS: Mapping[str, Scalar] = {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6}
PAPERS: Mapping[str, tuple[Step, Mapping[str, Scalar]]] = {
    "sgd": (sgd, {"momentum": 0.9}),
    "nesterov": (nesterov, {"momentum": 0.9}),
    "adagrad": (adagrad, {}),
    "rmsprop": (rmsprop, {"rmsprop_decay": 0.95}),
    "adam": (adam, BETAS),
    "adamw": (adamw, BETAS),
    "schedule_free": (schedule_free, BETAS),
    "lion": (lion, {"lion_beta1": 0.9, "lion_beta2": 0.98}),
}


def made(name: str, params: Mapping[str, Scalar], module: nn.Module, decay: float) -> torch.optim.Optimizer:
    groups = weight_decay.groups(module, decay)
    found: torch.optim.Optimizer = catalog.maker("optimizer", name)(groups, RATE, chosen("optimizer", **params))
    return found


def weights(module: nn.Linear, optimizer: torch.optim.Optimizer, steps: int) -> Tensor:
    for _ in range(steps):
        module.weight.grad = gradient(module.weight.detach())
        optimizer.step()
    return module.weight.detach()


def linear() -> nn.Linear:
    module = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, -0.5]]))
    return module


@pytest.mark.parametrize("name", catalog.values("optimizer"))
def test_steps_are_those_of_the_paper(name: str) -> None:
    step, params = PAPERS[name]
    module, state = linear(), State()
    expected = module.weight.detach().clone()
    found = weights(module, made(name, params, module, decay=0.01), STEPS)
    for t in range(1, STEPS + 1):
        expected = step(expected, gradient(expected), state, t)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_momentum_is_faster_along_a_valley() -> None:
    """With a rate that the steep direction bears, plain descent creeps along the flat one."""

    def left(momentum: float) -> float:
        module = linear()
        optimizer = made("sgd", {"momentum": momentum}, module, decay=0.0)
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        return abs(float(weights(module, optimizer, 60)[0, 0]))

    assert left(0.9) < 0.1 * left(0.0)


def test_rates_by_size_make_steep_and_flat_alike() -> None:
    """AdaGrad and those after it go as far in both directions; plain descent does not."""
    for name in ("adagrad", "rmsprop", "adam", "lion"):
        module = linear()
        before = module.weight.detach().clone()
        moved = (weights(module, made(name, {}, module, decay=0.0), 1) - before).abs()
        torch.testing.assert_close(moved[0, 0], moved[0, 1], rtol=1e-6, atol=0.0)


def test_without_momentum_nesterov_is_plain_descent() -> None:
    one, other = linear(), linear()
    found = weights(one, made("nesterov", {"momentum": 0.0}, one, decay=0.0), 1)
    torch.testing.assert_close(found, weights(other, made("sgd", {"momentum": 0.0}, other, decay=0.0), 1))
