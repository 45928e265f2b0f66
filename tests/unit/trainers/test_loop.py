"""The loop: no step waits for the device, phases take turns, and a trial's points say what there is to say."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tests.unit.trainers import small
from trainers import loop, supervised
from trainers.api import Stop
from trainers.chosen import Chosen
from trainers.data.dataset import Part
from trainers.local import LocalTrial
from trainers.models.catalog import MODELS
from trainers.space import Scalar
from trainers.training import Batch, Phase, Training, resident

CPU = torch.device("cpu")


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the numbers that are asked of a device before the epoch is over."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"clip_norm": 1.0, "clip_value": 0.5, "gradient_noise": 0.1, "ema_decay": 0.9, "max_norm": 2.0},
        {"lambda": 0.01, "l1_ratio": 0.5, "sam_rho": 0.05, "accumulate": 2, "optimizer": "lion"},
        {"optimizer": "nesterov", "schedule": "one_cycle", "dropout": 0.3, "label_smoothing": 0.1, "mixup_alpha": 0.3},
    ],
)
def test_no_step_waits_for_the_device(params: Mapping[str, Scalar]) -> None:
    data = small.pictures()
    given = small.given(data, "cnn", {**params, "norm": "batch"})
    training, _ = supervised.prepared(given, MODELS["cnn"], data, seed=1, device=CPU)
    run = loop._Run(LocalTrial({}), training, None)
    run.epoch = 1
    with Waits() as waits:
        run.learn()
    assert waits.count == 0


def test_phases_take_turns() -> None:
    """Two modules, each of which learns from the other as it is after the phase before; the second every other step."""
    torch.manual_seed(0)
    parts = {"one": nn.Linear(1, 1, bias=False), "two": nn.Linear(1, 1, bias=False)}
    model = nn.ModuleDict(parts)
    log: list[tuple[str, float]] = []

    def pull(name: str, other: str) -> Any:
        def loss(_: nn.Module, batch: Batch) -> Tensor:
            log.append((name, float(parts["one"].weight.detach())))
            return (parts[name].weight - parts[other].weight.detach() - 1).square().mean()

        return loss

    chosen = Chosen(
        loop.DIMENSIONS, {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.5, "epochs": 2, "batch_size": 2}
    )
    phases = tuple(
        supervised.phase(name, model[name], pull(name, other), chosen, every=every)
        for name, other, every in (("one", "two", 1), ("two", "one", 2))
    )
    part = Part(torch.zeros(8, 1), torch.zeros(8))
    training = Training(chosen, CPU, model, phases, part, lambda _: {"val_loss": torch.zeros(())})
    trial = LocalTrial({})
    loop.fit(trial, training)
    assert [name for name, _ in log] == ["one", "two", "one"] * 4
    before, after = log[0][1], log[1][1]
    assert after != before, "the second phase sees what the first one did"
    assert set(trial.points[0][1]) == {"one_loss", "two_loss", "val_loss"}


def test_a_loss_is_the_mean_over_samples_whatever_the_batches() -> None:
    data, curves = small.rows(), []
    for batch in (40, 16):
        trial, _ = small.train(data, {"learning_rate": 1e-12, "batch_size": batch, "epochs": 1, "layers": 0})
        curves.append(trial.points[0][1]["train_loss"])
    assert curves[0] == pytest.approx(curves[1], rel=1e-5)


def test_a_trial_without_epochs_goes_to_the_horizon() -> None:
    data = small.rows()
    trial = LocalTrial({}, horizon=3)
    given = Chosen((one for one in small.given(data, "mlp", {}).dimensions.values()), {"batch_size": 40})
    supervised.learn(trial, given, MODELS["mlp"], data)
    assert [step for step, _ in trial.points] == [1, 2, 3]


def test_a_hopeless_training_is_given_up_after_its_point() -> None:
    trial = LocalTrial({})
    with pytest.raises(Stop, match=r"not learning|frozen"):
        small.train(small.pictures(), {"learning_rate": 1e-9, "batch_size": 2, "epochs": 30}, trial=trial)
    assert 3 <= len(trial.points) < 30


def test_data_lie_where_they_are_computed_with() -> None:
    part = Part(torch.zeros(4, 2), torch.zeros(4))
    assert resident(part, CPU).inputs is part.inputs
    chance = torch.Generator()
    training = Training(Chosen(loop.DIMENSIONS, {}), CPU, nn.Linear(2, 1), (), part, lambda _: {})
    assert len(training.batch(torch.tensor([2, 0]), chance)) == 2


def test_a_phase_knows_what_it_learns() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].requires_grad_(False)
    optimizer = torch.optim.SGD(module[1].parameters(), lr=0.1)
    found = Phase("learn", module, lambda *_: torch.zeros(()), optimizer, 0.1)
    assert found.parameters == list(module[1].parameters())
    assert found.weights == [module[1].weight]
