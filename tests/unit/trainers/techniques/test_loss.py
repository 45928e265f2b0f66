"""Losses are PyTorch's own where it has them, and do what their papers say."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.unit.trainers.techniques.given import chosen, data, drawn
from trainers.data.dataset import IGNORED
from trainers.space import BadParameter, Scalar
from trainers.techniques import catalog
from trainers.techniques.loss import class_weights
from trainers.techniques.loss.targets import Loss

LABELS = torch.tensor([0, 2, 1, 2, 2, 0])
OUTPUTS = drawn(6, 3)
SHARES = drawn(6, 3, seed=1).softmax(-1)
NUMBERS = drawn(6, 3, seed=2)


def made(name: str, targets: Tensor = LABELS, **given: Scalar) -> Loss:
    loss: Loss = catalog.maker("loss", name)(chosen("loss", loss=name, **given), data(drawn(6, 4), targets))
    return loss


ONE_HOT = functional.one_hot(LABELS, 3).float()
OWN: dict[str, tuple[Tensor, Callable[[], Tensor]]] = {
    "mse": (NUMBERS, lambda: functional.mse_loss(OUTPUTS, NUMBERS)),
    "mae": (NUMBERS, lambda: functional.l1_loss(OUTPUTS, NUMBERS)),
    "huber": (NUMBERS, lambda: functional.huber_loss(OUTPUTS, NUMBERS, delta=0.5)),
    "cross_entropy": (LABELS, lambda: functional.cross_entropy(OUTPUTS, LABELS)),
    "focal": (LABELS, lambda: functional.cross_entropy(OUTPUTS, LABELS)),
    "hinge": (LABELS, lambda: functional.multi_margin_loss(OUTPUTS, LABELS)),
    "bce": (LABELS, lambda: functional.binary_cross_entropy_with_logits(OUTPUTS, ONE_HOT)),
    "kl": (SHARES, lambda: functional.kl_div(OUTPUTS.log_softmax(-1), SHARES, reduction="batchmean")),
}


@pytest.mark.parametrize("name", catalog.values("loss"))
def test_it_is_pytorchs_own(name: str) -> None:
    targets, own = OWN[name]
    # A gamma of 0 makes the focal loss cross-entropy.
    loss = made(name, NUMBERS if targets is NUMBERS else LABELS, huber_delta=0.5, focal_gamma=0.0)
    torch.testing.assert_close(loss(OUTPUTS, targets), own())


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge", "bce", "mse"])
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_shares_that_are_all_of_one_class_are_that_class(name: str, power: float) -> None:
    loss = made(name, class_weights=power)
    torch.testing.assert_close(loss(OUTPUTS, ONE_HOT), loss(OUTPUTS, LABELS))


def test_shares_mean_what_pytorch_means_by_them() -> None:
    torch.testing.assert_close(made("cross_entropy")(OUTPUTS, SHARES), functional.cross_entropy(OUTPUTS, SHARES))
    torch.testing.assert_close(made("kl")(SHARES.log(), SHARES), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_focal_loss_looks_at_what_is_wrong() -> None:
    outputs = torch.tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]], requires_grad=True)
    pulls = {}
    for gamma in (0.0, 2.0):
        loss = made("focal", focal_gamma=gamma)(outputs, torch.tensor([0, 0]))
        (gradient,) = torch.autograd.grad(loss, outputs)
        right, wrong = gradient.norm(dim=1).tolist()
        pulls[gamma] = right / wrong
    assert pulls[2.0] < pulls[0.0] / 100


def test_huber_and_mae_are_not_drawn_away_by_one_wild_sample() -> None:
    targets = torch.tensor([[1.0]] * 19 + [[1000.0]])
    found = {}
    for name in ("mse", "mae", "huber"):
        constant = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.Adam([constant], lr=2.0)
        loss = made(name, targets, huber_delta=1.0)
        for _ in range(120):
            optimizer.zero_grad()
            torch.autograd.backward(loss(constant.expand(20, 1), targets))
            optimizer.step()
        found[name] = float(constant.detach())
    assert found["mse"] > 30
    assert found["mae"] == pytest.approx(1.0, abs=1.0)
    assert found["huber"] == pytest.approx(1.0, abs=1.0)


def test_targets_of_one_number_do_not_spread_over_the_batch() -> None:
    loss = made("mse", torch.zeros(6))
    assert float(loss(torch.ones(6, 1), torch.ones(6))) == 0.0


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_steps_without_a_target_are_left_out(name: str, power: float) -> None:
    labels = torch.tensor([[0, 2, IGNORED], [1, IGNORED, 2]])
    outputs = drawn(2, 3, 3)
    loss = made(name, labels, focal_gamma=0.0, class_weights=power)
    asked = labels != IGNORED
    assert float(loss(outputs, labels)) == pytest.approx(float(loss(outputs[asked], labels[asked])), rel=1e-5)


@pytest.mark.parametrize("name", ["hinge", "bce", "kl", "mse"])
def test_losses_that_cannot_leave_steps_out_say_so(name: str) -> None:
    with pytest.raises(BadParameter, match=f"loss '{name}' needs a target at each step, but small has some without"):
        made(name, torch.tensor([[0, IGNORED]]))


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge", "bce", "kl"])
def test_a_loss_of_classes_is_refused_for_numbers(name: str) -> None:
    with pytest.raises(BadParameter, match=f"loss '{name}' is of classes, but small has numbers to predict; try 'mse'"):
        made(name, NUMBERS)


def test_class_weights_count_each_class_alike() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    weights = class_weights.make(chosen("loss", class_weights=1.0), data(drawn(10, 4), labels))
    assert weights is not None
    counts = torch.bincount(labels).float()
    torch.testing.assert_close(weights * counts, torch.full((3,), 10 / 3))
    assert class_weights.make(chosen("loss"), data(drawn(10, 4), labels)) is None
    with pytest.raises(BadParameter, match="class_weights must be 0 for small: it has no classes"):
        class_weights.make(chosen("loss", class_weights=1.0), data(drawn(6, 4), NUMBERS))


@pytest.mark.parametrize("name", catalog.values("loss"))
def test_weights_are_refused_where_a_loss_would_pass_them_over(name: str) -> None:
    """A weight that changes nothing would be searched in vain."""
    unweighted = made(name)(OUTPUTS, LABELS if name != "kl" else SHARES)
    weighted = made(name, class_weights=1.0)(OUTPUTS, LABELS if name != "kl" else SHARES)
    assert bool(catalog.clashes({"loss": name, "class_weights": 0.5})) == (float(unweighted) == float(weighted))
    assert not catalog.clashes({"loss": name, "class_weights": 0.0})


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge", "bce"])
def test_class_weights_find_the_rare_class(name: str) -> None:
    """Two clouds that overlap, one of them rare: weights make the model answer the rare one more often."""
    labels = (torch.arange(200) % 20 == 0).long()
    inputs = drawn(200, 2) + 1.2 * labels[:, None]
    answers = []
    for power in (0.0, 1.0):
        given = chosen("loss", loss=name, class_weights=power)
        loss = catalog.maker("loss", name)(given, data(inputs, labels, outputs=2))
        torch.manual_seed(0)
        model = nn.Linear(2, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(60):
            optimizer.zero_grad()
            torch.autograd.backward(loss(model(inputs), labels))
            optimizer.step()
        answers.append(float(model(inputs).argmax(1).float()[labels == 1].mean()))
    assert answers[1] > answers[0] + 0.3
