"""Averages of weights: their formulas, and that they are what is judged."""

import pytest
import torch
from torch import nn

from tests.unit.trainers import small
from trainers.api import Failed
from trainers.local import LocalTrial
from trainers.space import BadParameter, Scalar
from trainers.techniques.averaging.ema import Ema
from trainers.techniques.averaging.swa import Swa


def walk(steps: int) -> list[nn.Linear]:
    torch.manual_seed(2)
    return [nn.Linear(3, 2, dtype=torch.float64) for _ in range(steps)]


def test_ema_is_the_formula() -> None:
    first, *others = walk(30)
    average = Ema(first, 0.7)
    expected = first.weight.detach().clone()
    for number, one in enumerate(others, 1):
        average.step(one)
        decay = min(0.7, number / (number + 9))
        expected = decay * expected + (1 - decay) * one.weight.detach()
    assert average.model is not None
    assert torch.allclose(average.model.weight, expected)  # type: ignore[arg-type]


def test_swa_is_the_mean_of_epochs() -> None:
    models = walk(6)
    average = Swa(models[0], begins=2)
    for epoch, one in enumerate(models, 1):
        average.epoch(one, epoch)
        assert (average.model is None) == (epoch <= 2)
    assert average.model is not None
    mean = torch.stack([one.weight.detach() for one in models[2:]]).mean(0)
    assert torch.allclose(average.model.weight, mean)  # type: ignore[arg-type]


def test_statistics_of_an_average_are_taken_anew() -> None:
    data = small.pictures()
    _, finished = small.train(data, {"swa_start": 0.25, "norm": "batch"}, model="cnn")
    (norm,) = (one for one in finished.model.modules() if isinstance(one, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        finished.model(data.train.inputs)
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, seen[0].mean((0, 2, 3)), atol=1e-5)


@pytest.mark.parametrize("params", [{"ema_decay": 0.9}, {"swa_start": 0.5}])
def test_noisy_steps_end_better_on_average(params: dict[str, Scalar]) -> None:
    """With a rate that is too great weights jump about the minimum: their mean lies closer to it."""
    wild: dict[str, Scalar] = {
        "learning_rate": 0.08,
        "batch_size": 4,
        "optimizer": "sgd",
        "momentum": 0.0,
        "epochs": 12,
        "layers": 0,
    }
    data = small.rows()
    noisy = data.train.targets + torch.randn(len(data.train), 1, generator=torch.Generator().manual_seed(1))
    data.train.targets.copy_(noisy)
    _, plain = small.train(data, {**wild, "health": False})
    _, averaged = small.train(data, {**wild, **params, "health": False})
    assert averaged.figures["val_loss"] < 0.9 * plain.figures["val_loss"]


def test_two_averages_clash() -> None:
    both: dict[str, Scalar] = {"ema_decay": 0.9, "swa_start": 0.5}
    with pytest.raises(BadParameter, match="ema_decay cannot be so: ema_decay and swa_start are two averages"):
        small.train(small.pictures(), both)
    with pytest.raises(Failed, match="two averages of the same weights") as failed:
        small.train(small.pictures(), both, trial=LocalTrial({"swa_start": 0.5}))
    assert failed.value.failure_class == "infeasible", "a search chose it: it learns that there is nothing here"
