"""Each disease on a training that has it, and none on trainings that are well."""

import math

import pytest
import torch
from torch import nn

from tests.unit.trainers.health.small import Small, blobs
from trainers import checkpoint
from trainers.api import Failed, Stop


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    "well",
    [
        Small(),
        Small(depth=5, rate=0.003),
        Small(activation=nn.Tanh, rate=0.001, depth=1),
        Small(sgd=True, rate=0.1),
        Small(activation=nn.GELU, depth=3),
    ],
    ids=["relu", "deep", "tanh", "sgd", "gelu"],
)
def test_a_training_that_is_well_is_let_go_on(well: Small) -> None:
    last = well.run(8)[-1]
    assert len(well.findings) == 8
    assert all(one.end is None for one in well.findings)
    assert last.flags == set()
    assert last.metrics["health.train_loss"] < 0.3 * last.metrics["health.guess"]
    assert last.metrics["health.violation"] <= 0
    assert 0.01 < last.metrics["health.fading"] < 100
    assert 1e-6 < last.metrics["health.update_ratio"] < 0.1


def test_guessing_costs_what_it_costs() -> None:
    small = Small()
    counts = torch.bincount(small.train[1]) / len(small.train[1])
    entropy = float(-(counts * counts.log()).sum())
    assert small.run(1)[0].metrics["health.guess"] == pytest.approx(entropy, abs=0.02)


def test_one_that_becomes_nan_ends_at_once() -> None:
    found = Small(depth=6, gain=1e8, sgd=True, rate=1e3).run(8)
    assert len(found) == 1
    assert "diverged" in found[0].flags
    assert isinstance(found[0].end, Failed)
    assert found[0].end.failure_class == "nan"
    assert str(found[0].end).startswith("diverged: ")
    assert found[0].metrics["health.violation"] == 1.0


def test_one_that_comes_apart_and_is_back_at_guessing_has_diverged() -> None:
    """Its losses are finite: only the epoch's mean tells, and the units, all of which are dead."""
    found = Small(rate=3.0).run(8)
    assert len(found) <= 4
    end = found[-1].end
    assert isinstance(end, Failed)
    assert math.isfinite(found[-1].metrics["health.train_loss"])
    assert "more than guessing costs (1.37)" in str(end)
    assert 0.1 <= found[-1].metrics["health.violation"] <= 1.0


def test_one_that_does_not_learn_is_given_up_after_four_epochs() -> None:
    noise = torch.randn(640, 8), torch.randint(4, (640,), generator=torch.Generator().manual_seed(5))
    small = Small(rate=1e-4, depth=1, train=noise)
    end = small.run(8)[-1].end
    assert len(small.findings) == 4
    assert isinstance(end, Stop)
    assert end.order == "stop"
    assert str(end).startswith("not learning: the training loss 1.")
    assert str(end).endswith("after 4 epochs")


def test_gradients_that_vanish() -> None:
    small = Small(activation=nn.Sigmoid, depth=8, rate=0.001)
    end = small.run(8)[-1].end
    assert all("vanishing" in one.flags for one in small.findings)
    assert small.findings[-1].metrics["health.fading"] < 1e-3
    assert isinstance(end, Stop)
    assert len(small.findings) == 3
    assert str(end).startswith("vanishing gradients: the first layer's gradient is ")


def test_one_that_is_frozen() -> None:
    small = Small(rate=1e-9)
    end = small.run(8)[-1].end
    assert small.findings[0].metrics["health.update_ratio"] < 1e-6
    assert isinstance(end, Stop)
    assert str(end).startswith("frozen: a step changes no layer by more than ")


def test_units_that_are_dead() -> None:
    small = Small(bias=-30.0, rate=1e-4)
    end = small.run(8)[-1].end
    assert small.findings[0].metrics["health.dead"] == 1.0
    assert isinstance(end, Stop)
    assert str(end).startswith("dead units: 100% of a layer's units answer nothing to any sample")


def test_units_that_are_saturated_are_told_and_nothing_more() -> None:
    found = Small(activation=nn.Tanh, gain=8.0, rate=0.001).run(8)
    assert len(found) == 8
    assert "saturated" in found[0].flags
    assert found[0].metrics["health.saturated"] > 0.5
    assert "health.dead" not in found[0].metrics


def test_a_gradient_that_explodes_is_told_and_nothing_more() -> None:
    found = Small(gain=12.0, depth=3, rate=1e-5).run(3)
    assert len(found) == 3
    assert "exploding" in found[0].flags
    assert found[0].metrics["health.grad_norm"] > 1e3


def test_a_few_samples_are_memorised() -> None:
    found = Small(train=blobs(24, noise=0.3), batch=8, rate=0.01, depth=3).run(60)
    assert "memorised" in found[-1].flags
    assert "overfitting" in found[-1].flags
    assert found[-1].metrics["health.gap"] > 10
    assert found[-1].metrics["health.overfitting"] > 20
    assert found[-1].end is None


@pytest.mark.parametrize("true", [0.0, 0.2, 0.4])
def test_wrong_labels_are_counted(true: float) -> None:
    found = Small(train=blobs(noise=true), validation=blobs(1500, seed=1, noise=true), rate=0.005).run(10)
    assert found[-1].metrics["health.mislabelled"] == pytest.approx(true, abs=0.06)


def test_an_epoch_of_a_single_step_gives_nothing_up() -> None:
    """Of a full batch an epoch is a step: a good training has hardly moved after four of them."""
    small = Small(rate=1e-4, sgd=True, batch=640)
    assert all(one.end is None for one in small.run(40))
    assert all("not_learning" in one.flags for one in small.findings)
    assert small.run(60)[-1].end is not None


def test_neither_warming_up_nor_cooling_down_counts() -> None:
    warming = Small(rate=0.01, schedule=lambda epoch: min(1.0, 1e-6 * 10**epoch))
    assert len(warming.run(8)) == 8
    assert "not_learning" in warming.findings[2].flags
    cooling = Small(schedule=lambda epoch: 1.0 if epoch < 4 else 1e-9)
    assert len(cooling.run(9)) == 9
    assert "frozen" in cooling.findings[-1].flags


def test_it_can_be_told_to_watch_only() -> None:
    found = Small(rate=1e-9, stops=False).run(6)
    assert len(found) == 6
    assert "frozen" in found[-1].flags


def test_watching_changes_nothing_of_what_is_trained() -> None:
    one, other = Small(), Small(watched=False)
    one.run(3)
    other.run(3)
    for here, there in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(here, there)


def test_it_goes_on_from_a_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> None:
    noise = torch.randn(640, 8), torch.randint(4, (640,), generator=torch.Generator().manual_seed(5))
    whole, first = Small(rate=1e-4, depth=1, train=noise), Small(rate=1e-4, depth=1, train=noise)
    whole.run(8)
    first.run(2)
    written = checkpoint.save({"health": first.watch.state()}, tmp_path_factory.mktemp("kept"), 2)
    assert written is not None
    second = Small(rate=1e-4, depth=1, train=noise)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.watch.restore(checkpoint.load(written.path)["health"])
    second.steps, second.findings = first.steps, list(first.findings)
    second.run(8)
    assert [one.metrics for one in second.findings] == [one.metrics for one in whole.findings]
    assert str(second.findings[-1].end) == str(whole.findings[-1].end)
