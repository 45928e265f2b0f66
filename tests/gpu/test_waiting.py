"""No step of a training waits for the GPU: the next is prepared while it computes."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.gpu.trainings import settings, trained
from trainers import registry, training
from trainers.step import Step
from trainers.training import Training

_TECHNIQUES: Mapping[str, Mapping[str, Any]] = {
    "clipped": {"clip_norm": 1.0, "clip_value": 0.5, "gradient_noise": 0.1, "ema_decay": 0.9, "max_norm": 2.0},
    "penalised": {"lambda": 1e-4, "l1_ratio": 0.5, "orth_lambda": 1e-4, "accumulate": 2, "optimizer": "nesterov"},
    "sharpness": {"sam_rho": 0.05, "optimizer": "sgd", "schedule": "one_cycle"},
    "mixed": {"mixup_alpha": 0.3, "label_smoothing": 0.1, "dropout": 0.3, "optimizer": "lion"},
    "schedule-free": {"optimizer": "schedule_free", "schedule": "constant"},
    "moved": {"aug_crop": 1, "aug_flip": 0.5, "aug_scale": 0.1, "aug_noise": 0.1, "aug_cutout": 0.2},
    "resnet": {"model": "resnet", "stochastic_depth": 0.2, "swa_start": 0.5},
}


@contextmanager
def heard() -> Iterator[None]:
    """Within this, whatever waits for the GPU raises."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@pytest.fixture(autouse=True)
def _no_step_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    take, batch = Step.take, Training.batch
    begun: set[int] = set()

    def taken(self: Step, *told: Any, **named: Any) -> Any:
        # An optimizer's first step makes what it remembers, and a scaler its scale.
        if len(begun) < 4:
            begun.add(len(begun))
            return take(self, *told, **named)
        with heard():
            return take(self, *told, **named)

    def batched(self: Training, *told: Any) -> Any:
        with heard():
            return batch(self, *told)

    monkeypatch.setattr(Step, "take", taken)
    monkeypatch.setattr(Training, "batch", batched)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("recipe", registry.RECIPES)
def test_no_step_of_a_recipe_waits(recipe: str, precision: str, device: torch.device, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # torch says at the first use of the mode that it does not see everything.
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        trial = trained(recipe, settings(recipe, tmp_path, epochs=2, precision=precision), device)
    assert len(trial.points) == 2


@pytest.mark.parametrize("technique", _TECHNIQUES)
def test_no_technique_waits(technique: str, device: torch.device, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        given = {**settings("digits-cnn", tmp_path, epochs=2), **_TECHNIQUES[technique]}
        assert len(trained("digits-cnn", given, device).points) == 2


def test_nor_does_one_whose_data_lie_beside_the_gpu(
    device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_SHARE", 0.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        assert len(trained("digits-mlp", settings("digits-mlp", tmp_path, epochs=2), device).points) == 2
