"""Schedule-free AdamW: what is judged is the mean of its steps, which needs no schedule and goes with none."""

import pytest
import torch
from torch import nn

from tests.unit.trainers import small
from tests.unit.trainers.techniques.given import chance, chosen, drawn
from trainers.api import Failed
from trainers.chosen import Chosen
from trainers.local import LocalTrial
from trainers.recipes import digits_cnn, rings_gan
from trainers.space import BadParameter, Scalar
from trainers.techniques import catalog
from trainers.techniques.optimizer.schedule_free import TECHNIQUE, Averaged, ScheduleFree, alone

FREE: dict[str, Scalar] = {"optimizer": "schedule_free", "health": False}


def test_what_is_judged_is_the_mean_of_the_steps() -> None:
    """With a constant rate all steps count alike: x is the plain mean of z."""
    module = nn.Linear(3, 2)
    optimizer = ScheduleFree([{"params": list(module.parameters())}], 0.1, (0.9, 0.99), 1e-8)
    average = Averaged(module, [optimizer])
    assert average.model is not None
    torch.testing.assert_close(dict(average.model.named_parameters()), dict(module.named_parameters()))
    seen = []
    for number in range(7):
        module.weight.grad, module.bias.grad = drawn(2, 3, seed=number), None
        optimizer.step()
        seen.append(optimizer.state[module.weight]["z"].clone())
    assert average.model is not None
    torch.testing.assert_close(average.model.weight, torch.stack(seen).mean(0))
    assert torch.equal(average.model.bias, module.bias), "what had no gradient stays where it is"  # type: ignore[arg-type]


def test_steps_while_the_rate_rises_count_by_its_square() -> None:
    module = nn.Linear(1, 1, bias=False)
    optimizer = ScheduleFree([{"params": [module.weight]}], 0.1, (0.9, 0.99), 1e-8)
    rates, seen = [0.01, 0.05, 0.1, 0.1], []
    for number, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        module.weight.grad = drawn(1, 1, seed=number)
        optimizer.step()
        seen.append(rate**2 * optimizer.state[module.weight]["z"])
    torch.testing.assert_close(optimizer.mean(module.weight), sum(seen) / sum(one**2 for one in rates))


def test_noisy_steps_come_nearer_than_those_of_adamw_at_the_same_rate() -> None:
    """A bowl whose slopes are noisy: at a constant rate AdamW's weights jump about, and the mean does not."""
    left: dict[str, float] = {}
    for name in ("adamw", "schedule_free"):
        module, noise = nn.Linear(50, 1, bias=False), chance()
        optimizer = catalog.maker("optimizer", name)([{"params": [module.weight]}], 0.3, chosen("optimizer"))
        for _ in range(300):
            module.weight.grad = module.weight.detach() + torch.randn(1, 50, generator=noise)
            optimizer.step()
        mean = optimizer.mean(module.weight) if isinstance(optimizer, ScheduleFree) else module.weight.detach()
        left[name] = float(mean.norm())
    assert left["schedule_free"] < 0.6 * left["adamw"]


def test_statistics_of_normalisations_are_those_of_the_mean() -> None:
    data = small.pictures()
    _, finished = small.train(data, {**FREE, "norm": "batch"}, model="cnn")
    (norm,) = (one for one in finished.model.modules() if isinstance(one, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        finished.model(data.train.inputs)
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, seen[0].mean((0, 2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    "beside",
    [
        {"schedule": "cosine"},
        {"ema_decay": 0.9},
        {"swa_start": 0.5},
        {"lambda": 0.1},
        {"max_norm": 1.0},
        {"beta1": 0.0},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_it_does_not_go_with_is_refused(beside: dict[str, Scalar]) -> None:
    with pytest.raises(BadParameter, match="schedule_free"):
        small.train(small.pictures(), {**FREE, **beside})
    with pytest.raises(Failed) as failed:
        small.train(small.pictures(), {**FREE, **beside}, trial=LocalTrial(beside))
    assert failed.value.failure_class == "infeasible"


def test_it_clashes_with_every_schedule_there_is() -> None:
    (named,) = (one.when["schedule"] for one in TECHNIQUE.clashes if "schedule" in one.when)
    assert {*named, "constant"} == set(catalog.values("schedule"))


def test_what_only_a_recipe_s_defaults_have_beside_it_gives_way() -> None:
    trial = LocalTrial({"epochs": 1, "samples": 200, "hidden": 16, "layers": 1, "optimizer": "schedule_free"})
    rings_gan.train(trial)
    assert trial.points[0][1]["energy_distance"] > 0
    given = Chosen(digits_cnn.DIMENSIONS, {"optimizer": "schedule_free"})
    assert (given.text("schedule"), alone(given).text("schedule")) == ("cosine", "constant")
