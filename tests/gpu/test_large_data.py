"""Data that need more than their share of a GPU stay beside it, and are learned from as if they lay on it."""

import pytest
import torch

from trainers import supervised, training
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.local import LocalTrial
from trainers.loop import fit
from trainers.models.catalog import MODELS
from trainers.recipes import digits_mlp
from trainers.training import Training


def prepared(device: torch.device) -> tuple[Training, list[tuple[int, dict[str, float]]]]:
    """A training of the digits, and the curve that it comes to."""
    chosen = Chosen(digits_mlp.DIMENSIONS, {"epochs": 4})
    trial = LocalTrial({}, seed=1, device=device.type)
    made, watch = supervised.prepared(chosen, MODELS["mlp"], catalog.load("digits", chosen), seed=1, device=device)
    fit(trial, made, watch)
    return made, trial.points


def test_data_beside_the_gpu_train_the_same(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    on_it, curve = prepared(device)
    assert on_it.samples.inputs.is_cuda
    monkeypatch.setattr(training, "_SHARE", 0.0)
    beside, same = prepared(device)
    assert beside.samples.inputs.is_pinned()
    assert not beside.samples.inputs.is_cuda
    assert beside.samples.targets.is_cuda
    assert same == curve
