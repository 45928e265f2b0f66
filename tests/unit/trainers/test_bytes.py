"""Pictures are held as the bytes that were read: a quarter of the memory, the same training to the last bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.trainers import small
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.data.dataset import Data, Part
from trainers.local import LocalTrial
from trainers.space import Scalar


@pytest.fixture
def pictures(tmp_path: Path) -> Data:
    """Noise in three colours, in which the place of a bright quarter says the class."""
    torch.set_num_threads(1)
    chance = np.random.default_rng(0)
    inputs, labels = chance.integers(0, 128, (80, 3, 8, 8), dtype=np.uint8), np.arange(80) % 4
    for place, label in enumerate(labels):
        inputs[place, :, 4 * (label // 2) :, 4 * (label % 2) :][:, :4, :4] += 100
    np.savez(tmp_path / "pictures.npz", x=inputs, y=labels)
    return catalog.load("npz", Chosen(catalog.dimensions("npz"), {"path": str(tmp_path / "pictures.npz")}))


def as_floats(part: Part) -> Part:
    return Part(part.taken(part.inputs), part.targets)


def test_they_take_a_quarter(pictures: Data) -> None:
    for part in (pictures.train, pictures.validation):
        assert part.inputs.dtype == torch.uint8
        assert as_floats(part).inputs.dtype == torch.float32
        assert 4 * part.inputs.nbytes == as_floats(part).inputs.nbytes
    scaled = as_floats(pictures.train).inputs
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"norm": "batch", "swa_start": 0.3, "init": "lsuv"},
        {"mixup_alpha": 0.4, "aug_translate": 0.2, "aug_noise": 0.1, "label_noise": 0.3},
        {"int8": True},
    ],
    ids=["plain", "statistics", "prepared", "int8"],
)
def test_the_training_is_that_of_floats_to_the_last_bit(pictures: Data, params: dict[str, Scalar]) -> None:
    floats = replace(pictures, train=as_floats(pictures.train), validation=as_floats(pictures.validation))
    trials = [LocalTrial({}, seed=3), LocalTrial({}, seed=3)]
    for data, trial in zip((pictures, floats), trials, strict=True):
        small.train(data, params, model="cnn", trial=trial)
    assert trials[0].points == trials[1].points
