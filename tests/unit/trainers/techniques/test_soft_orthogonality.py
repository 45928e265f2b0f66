"""Soft orthogonality: the gradient is the penalty's, and kernels that pay come to right angles."""

import pytest
import torch
from torch import nn

from tests.unit.trainers import small
from tests.unit.trainers.stepping import stepped
from tests.unit.trainers.techniques.given import drawn
from trainers.chosen import Chosen
from trainers.techniques.regularization import orthogonal_kernels
from trainers.techniques.regularization.soft_orthogonality import gradient, kernels, penalty


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 2, 3, 3), (32, 2, 3, 3)])
def test_the_gradient_is_the_penalty_s(shape: tuple[int, ...]) -> None:
    weight = drawn(*shape).double().requires_grad_()
    (expected,) = torch.autograd.grad(penalty(weight), weight)
    torch.testing.assert_close(gradient(weight.detach()), expected)


def test_an_orthonormal_kernel_pays_nothing() -> None:
    for shape in ((4, 9), (9, 4), (8, 2, 3, 3)):
        weight = nn.init.orthogonal_(torch.empty(shape))
        assert float(penalty(weight)) < 1e-9
        assert float(penalty(2 * weight)) > 1, "so does none of another length"


def test_a_step_is_that_of_loss_and_penalty_together() -> None:
    torch.manual_seed(0)
    module = nn.Linear(5, 3)
    before, inputs, targets = module.weight.detach().clone().requires_grad_(), drawn(8, 5), drawn(8, 3, seed=1)
    loss = (inputs @ before.T + module.bias.detach() - targets).square().mean() + 0.3 * penalty(before)
    (expected,) = torch.autograd.grad(loss, before)
    stepped(module, inputs, targets, {"orth_lambda": 0.3, "momentum": 0.0})
    torch.testing.assert_close(module.weight.detach(), before.detach() - 0.05 * expected)


def test_kernels_come_to_right_angles() -> None:
    apart = {}
    for strength in (0.0, 0.3):
        _, finished = small.train(
            small.pictures(), {"orth_lambda": strength, "epochs": 8, "health": False}, model="cnn"
        )
        apart[strength] = sum(float(penalty(one.detach())) for one in kernels(finished.model))
    assert apart[0.3] < 0.2 * apart[0.0]


def test_embeddings_biases_scales_and_bound_kernels_do_not_pay() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm = nn.Embedding(5, 4), nn.BatchNorm2d(2)
            self.dense, self.picture = nn.Linear(4, 2), nn.Conv2d(2, 3, 3)

    module = Mixed()
    assert {id(one) for one in kernels(module)} == {id(module.dense.weight), id(module.picture.weight)}
    bound = nn.Sequential(nn.Conv2d(2, 3, 3))
    dimensions = orthogonal_kernels.TECHNIQUE.dimensions
    orthogonal_kernels.make(Chosen(dimensions, {"orthogonal_kernels": True}), bound)
    assert kernels(bound) == []
