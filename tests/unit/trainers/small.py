"""Trainings that take milliseconds: a few small pictures that can be learned, and any network on them."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from trainers import supervised
from trainers.chosen import Chosen
from trainers.data.dataset import Data, Part
from trainers.local import LocalTrial
from trainers.loop import Finished
from trainers.models.catalog import MODELS
from trainers.space import Dimension, Scalar
from trainers.techniques import preparing

DEFAULTS: Mapping[str, Scalar] = {"epochs": 4, "batch_size": 16, "learning_rate": 0.01}


def pictures(count: int = 40, *, seed: int = 0) -> Data:
    """Noise, in which the place of a bright quarter says the class."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count + 16, 1, 8, 8, generator=generator) * 0.5
    targets = torch.arange(count + 16) % 4
    for place, label in enumerate(targets.tolist()):
        inputs[place, 0, 4 * (label // 2) :][:4, 4 * (label % 2) :][:, :4] += 1
    return _data("classification", inputs, targets, 4, count)


def rows(count: int = 40, *, seed: int = 0) -> Data:
    """Ten numbers, of which the first two add up to the target."""
    inputs = torch.randn(count + 16, 10, generator=torch.Generator().manual_seed(seed))
    return _data("regression", inputs, inputs[:, :2].sum(1, keepdim=True), 1, count)


def given(data: Data, model: str, params: Mapping[str, Scalar]) -> Chosen:
    """What was chosen, with the smallest of networks by default."""
    losses = supervised.CLASSES if data.task == "classification" else supervised.NUMBERS
    every: tuple[Dimension, ...] = (*supervised.dimensions(*losses), *preparing.IMAGES, *MODELS[model].dimensions)
    small = {"width": 4, "hidden": 8, "growth": 4, "stages": 1, "blocks": 1}
    # Batch normalisation is a technique among others here.
    known = {one.name: replace(one, default="none") if one.name == "norm" else one for one in every}
    return Chosen(known.values(), {name: one for name, one in {**small, **DEFAULTS, **params}.items() if name in known})


def train(
    data: Data, params: Mapping[str, Scalar], *, model: str = "mlp", trial: LocalTrial | None = None
) -> tuple[LocalTrial, Finished]:
    """Train; answers the trial with its points, and what it came to."""
    trial = trial or LocalTrial({}, seed=3)
    return trial, supervised.learn(trial, given(data, model, params), MODELS[model], data)


def _data(task: str, inputs: Tensor, targets: Tensor, outputs: int, count: int) -> Data:
    return Data(
        name="small",
        task="classification" if task == "classification" else "regression",
        train=Part(inputs[:count], targets[:count]),
        validation=Part(inputs[count:], targets[count:]),
        shape=tuple(inputs.shape[1:]),
        outputs=outputs,
        fingerprint="0" * 64,
    )
