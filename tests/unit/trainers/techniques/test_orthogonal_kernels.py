"""Kernels that are bound to be orthogonal stay so, as flattened rows."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.unit.trainers.techniques.given import drawn
from trainers.chosen import Chosen
from trainers.models.catalog import MODELS
from trainers.techniques.regularization import orthogonal_kernels

GIVEN = Chosen(orthogonal_kernels.TECHNIQUE.dimensions, {"orthogonal_kernels": True})


def apart(weight: torch.Tensor) -> float:
    """How far the flattened kernels are from being orthonormal: as rows, or as columns where these are fewer."""
    rows = weight.detach().flatten(1)
    rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
    return float((rows @ rows.T - torch.eye(len(rows))).abs().max())


def test_kernels_stay_orthonormal_while_training() -> None:
    torch.manual_seed(0)
    model = MODELS["cnn"]
    network = model.build((3, 8, 8), 4, Chosen(model.dimensions, {"width": 32}))
    orthogonal_kernels.make(GIVEN, network)
    kernels = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    # 32 kernels of 27 numbers: columns; 64 kernels of 288: rows.
    assert [tuple(one.weight.flatten(1).shape) for one in kernels] == [(32, 27), (64, 288)]
    before = [one.weight.detach().clone() for one in kernels]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    inputs, labels = drawn(32, 3, 8, 8), torch.arange(32) % 4
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert max(apart(one.weight) for one in kernels) < 1e-5
    assert min(float((one.weight.detach() - old).norm()) for one, old in zip(kernels, before, strict=True)) > 0.1


def test_what_is_orthonormal_already_is_left_as_it_is() -> None:
    weight = nn.init.orthogonal_(torch.empty(16, 4, 3, 3))
    torch.testing.assert_close(orthogonal_kernels.Orthonormal()(weight), weight, atol=1e-5, rtol=0)


def test_torchs_own_makes_another_thing_orthogonal() -> None:
    """The trap for which ours was written: if this fails, PyTorch's own can be used."""
    weight = parametrizations.orthogonal(nn.Conv2d(8, 16, 3)).weight
    assert isinstance(weight, torch.Tensor)
    assert apart(weight) > 0.1


def test_nothing_is_bound_that_was_not_chosen() -> None:
    layer = nn.Conv2d(2, 2, 3)
    orthogonal_kernels.make(Chosen(orthogonal_kernels.TECHNIQUE.dimensions, {}), layer)
    assert not hasattr(layer, "parametrizations")


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 2, 1, 1)])
def test_gradients_are_those_of_the_decomposition(shape: tuple[int, ...]) -> None:
    weight = drawn(*shape).double().requires_grad_()
    small = weight[:4] if shape[0] == 8 else weight[:6]
    assert torch.autograd.gradcheck(orthogonal_kernels.Orthonormal(), (small.detach().requires_grad_(),))
