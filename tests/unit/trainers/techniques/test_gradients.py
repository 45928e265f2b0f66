"""What is done to gradients: clipped, made noisy, gathered from pieces, taken up the slope."""

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers.stepping import stepped
from tests.unit.trainers.techniques.given import chance, chosen, drawn
from trainers.techniques.gradient import clip_norm, clip_value, noise
from trainers.techniques.technique import Taken

INPUTS, TARGETS = drawn(48, 6).double(), drawn(48, 2, seed=1).double() * 5
PLAIN = {"momentum": 0.0, "learning_rate": 1.0}


def module() -> nn.Linear:
    torch.manual_seed(5)
    return nn.Linear(6, 2, dtype=torch.float64)


def gradients(model: nn.Module) -> list[Tensor]:
    loss = (model(INPUTS) - TARGETS).square().mean()
    return [one.detach() for one in torch.autograd.grad(loss, list(model.parameters()))]


def moved(**params: float | str) -> list[Tensor]:
    """By how much one plain step with rate 1 moves weights: the gradient, as it was made."""
    model = module()
    before = [one.detach().clone() for one in model.parameters()]
    stepped(model, INPUTS, TARGETS, {**PLAIN, **params})
    return [old - new.detach() for old, new in zip(before, model.parameters(), strict=True)]


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in tensors])


def test_clipping_by_norm_keeps_the_direction() -> None:
    whole, clipped = flat(gradients(module())), flat(moved(clip_norm=0.1))
    assert float(whole.norm()) > 1
    assert float(clipped.norm()) == pytest.approx(0.1, rel=1e-4)
    assert torch.allclose(clipped / clipped.norm(), whole / whole.norm())
    assert torch.allclose(flat(moved(clip_norm=1e3)), whole), "a short one stays as it is"


def test_clipping_by_value_bounds_each_number() -> None:
    whole = flat(gradients(module()))
    assert torch.allclose(flat(moved(clip_value=0.2)), whole.clamp(-0.2, 0.2))


@pytest.mark.parametrize("step", [0, 99])
def test_noise_has_the_variance_of_the_paper(step: int) -> None:
    parameter = nn.Parameter(torch.zeros(40_000))
    parameter.grad = torch.zeros(40_000)
    change = noise.make(chosen("gradient", gradient_noise=0.3))
    assert change is not None
    optimizer = torch.optim.SGD([parameter])
    change(Taken([parameter], [], [], optimizer, 0.1, step, chance()))
    assert float(parameter.grad.var()) == pytest.approx(0.3 / (1 + step) ** 0.55, rel=0.03)
    again = nn.Parameter(torch.zeros(40_000))
    again.grad = torch.zeros(40_000)
    change(Taken([again], [], [], optimizer, 0.1, step, chance()))
    assert torch.equal(parameter.grad, again.grad), "its chance is the generator's"


def test_pieces_have_the_gradient_of_the_whole() -> None:
    whole, gathered = module(), module()
    stepped(whole, INPUTS, TARGETS, PLAIN)
    stepped(gathered, INPUTS, TARGETS, PLAIN, pieces=5)
    assert [len(one) for one in INPUTS.chunk(5)] == [10, 10, 10, 10, 8], "the last piece is smaller"
    assert torch.allclose(whole.weight, gathered.weight, rtol=1e-12)


def test_sam_steps_as_the_paper_has_it() -> None:
    model = module()
    before = gradients(model)
    norm = flat(before).norm()
    with torch.no_grad():
        for one, gradient in zip(model.parameters(), before, strict=True):
            one.add_(0.3 * gradient / norm)
    expected = gradients(model)
    for wanted, found in zip(expected, moved(sam_rho=0.3), strict=True):
        assert torch.allclose(found, wanted, rtol=1e-6)


def test_sam_does_not_take_statistics_twice() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    twin = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    twin.load_state_dict(model.state_dict())
    stepped(model, INPUTS, TARGETS, {"sam_rho": 0.5})
    stepped(twin, INPUTS, TARGETS, {})
    for one, other in ((model[1].running_mean, twin[1].running_mean), (model[1].running_var, twin[1].running_var)):
        assert isinstance(one, Tensor)
        assert isinstance(other, Tensor)
        assert torch.equal(one, other)
    assert model[1].momentum == 0.1


def test_what_is_off_costs_nothing() -> None:
    off = chosen("gradient")
    assert [part.make(off) for part in (clip_norm, clip_value, noise)] == [None, None, None]
