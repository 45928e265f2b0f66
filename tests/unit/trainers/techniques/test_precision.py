"""Precision: what products are made of, how small gradients are saved, and what eight bits cost."""

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers import small
from tests.unit.trainers.stepping import stepped
from tests.unit.trainers.techniques.given import drawn
from trainers import loop
from trainers.chosen import Chosen
from trainers.health.step import without_skipped
from trainers.local import LocalTrial
from trainers.space import BadParameter, Scalar
from trainers.step import Step
from trainers.supervised import phase
from trainers.techniques.precision import fp16, int8
from trainers.techniques.technique import Numbers
from trainers.training import Batch


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_of_the_chosen_numbers(precision: str, kind: torch.dtype) -> None:
    seen: list[torch.dtype] = []
    module = nn.Linear(6, 2)
    module.register_forward_hook(lambda *told: seen.append(told[2].dtype))
    stepped(module, drawn(8, 6), drawn(8, 2, seed=1), {"precision": precision})
    assert seen == [kind]
    assert module.weight.dtype == torch.float32, "weights stay as fine as they were"


def test_bf16_learns() -> None:
    _, finished = small.train(small.pictures(), {"precision": "bf16", "learning_rate": 0.02, "epochs": 6})
    assert finished.figures["val_accuracy"] > 0.9


def test_fp16_is_refused_on_a_cpu() -> None:
    with pytest.raises(BadParameter, match="precision fp16 needs a GPU: this trial runs on a CPU, where bf16 and fp32"):
        small.train(small.pictures(), {"precision": "fp16"})


def test_the_scaler_saves_small_gradients() -> None:
    """In half precision a gradient of 1e-9 is 0; scaled up it is not, and its step is the true one."""
    module = nn.Linear(4, 1, bias=False)
    before = module.weight.detach().clone()
    chosen = Chosen(loop.DIMENSIONS, {"learning_rate": 1e6, "optimizer": "sgd", "momentum": 0.0})
    step = Step(chosen, lambda _: 1.0, torch.device("cpu"))

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        # The product's gradient goes through half precision on its way back.
        half: Tensor = model(batch.inputs).half()
        return half.float().mean() * 1e-9

    learned = phase("learn", module, loss, chosen)
    batch = [Batch(torch.ones(1, 4), torch.zeros(1), torch.Generator())]
    step.take(learned, module, batch, 0)
    assert torch.equal(module.weight, before)
    step.scaler = fp16.scaler(torch.device("cpu"))
    step.take(learned, module, batch, 0)
    assert torch.allclose(before - module.weight.detach(), torch.full((1, 4), 1e-3), rtol=1e-2)


def test_the_scaler_leaves_out_steps_that_are_not_finite() -> None:
    module = nn.Linear(4, 1)
    before = copy.deepcopy(module.state_dict())
    chosen = Chosen(loop.DIMENSIONS, {"optimizer": "sgd"})
    step = Step(chosen, lambda _: 1.0, torch.device("cpu"))
    step.scaler = fp16.scaler(torch.device("cpu"))
    scale = step.scaler.get_scale()
    step.take(
        phase("learn", module, lambda model, batch: model(batch.inputs).mean() * float("inf"), chosen),
        module,
        [Batch(torch.ones(1, 4), torch.zeros(1), torch.Generator())],
        0,
    )
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    assert step.scaler.get_scale() == scale / 2


def test_a_step_that_the_scaler_leaves_out_is_no_disease(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries how far gradients can be scaled up: that the last step of an epoch was one too far tells of nothing."""
    made = torch.amp.GradScaler("cpu", init_scale=2.0**40, backoff_factor=2.0**-30)
    monkeypatch.setattr(fp16, "make", lambda device: Numbers(torch.float16, made))
    params: dict[str, Scalar] = {"precision": "fp16", "batch_size": 40, "learning_rate": 0.02, "epochs": 20}
    trial, finished = small.train(small.pictures(), params)
    assert "health.grad_norm" not in trial.points[0][1], "no step was made"
    assert all("health.flag.diverged" not in metrics for _, metrics in trial.points)
    assert trial.points[1][1]["health.grad_norm"] > 0
    assert finished.figures["train_loss"] < trial.points[0][1]["train_loss"]


def test_of_two_steps_the_one_that_was_made_is_seen() -> None:
    seen = {"seen.critic.grad_norm": float("inf"), "seen.critic.update_ratio": 0.0, "seen.generator.grad_norm": 0.5}
    others = {"seen.loss": float("inf"), "seen.generator.update_ratio": 0.1}
    assert without_skipped({**seen, **others}) == {**others, "seen.generator.grad_norm": 0.5}


def test_int8_is_integer_arithmetic() -> None:
    torch.manual_seed(0)
    layer, samples = nn.Linear(32, 8), drawn(20, 32)
    scale = samples.abs().max() / 127
    rows = layer.weight.detach().abs().amax(1) / 127
    whole = (samples / scale).round().to(torch.int32) @ (layer.weight.detach() / rows[:, None]).round().to(
        torch.int32
    ).T
    expected = whole * scale * rows + layer.bias.detach()
    with torch.no_grad():
        found = int8.quantized(layer, samples)(samples)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert 0 < float((found - layer(samples)).abs().max()) < 0.05


def test_int8_of_the_finished_model_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    trial = LocalTrial({}, seed=1)
    _, finished = small.train(small.pictures(), {"int8": True, "learning_rate": 0.05}, model="cnn", trial=trial)
    said = capsys.readouterr().out
    assert f"of {finished.figures['val_accuracy']:.6g} in full precision" in said
    assert said.count("int8: val_") == 3
