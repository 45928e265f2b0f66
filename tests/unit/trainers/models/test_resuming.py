"""Each model and each augmentation: a training that was cut in two is the same as a whole one, to the last bit."""

from collections.abc import Callable, Mapping

import pytest
import torch

from tests.unit.trainers import small
from trainers import registry
from trainers.api import Scalar, Stop
from trainers.local import LocalTrial
from trainers.techniques import catalog
from trainers.techniques.preparing import IMAGES

_STRONG: Mapping[str, Scalar] = {"dropout": 0.2, "spatial_dropout": 0.2, "health": False, "epochs": 4}
_SHORT: Mapping[str, Scalar] = {"epochs": 4, "batch_size": 16, "dropout": 0.3, "hidden": 8}
_MADE: Mapping[str, Scalar] = {"samples": 60, "sequence_length": 4}


def halves(train: Callable[[LocalTrial], object], params: Mapping[str, Scalar]) -> tuple[LocalTrial, list[object]]:
    """The whole training, and what its two halves have told together."""
    whole, half = LocalTrial(params, seed=3), LocalTrial(params, seed=3, order="pause", order_after=2)
    train(whole)
    with pytest.raises(Stop):
        train(half)
    rest = half.resumed()
    # What goes on is another process: its chance must not hang on what was drawn before.
    torch.manual_seed(99)
    train(rest)
    return whole, [*half.points, *rest.points]


@pytest.mark.parametrize("name", ["cnn", "vgg", "inception", "resnet", "densenet"])
def test_networks_of_convolutions(name: str) -> None:
    params: dict[str, Scalar] = {**_STRONG, "norm": "batch", "width": 8, "depth": 1, "dense_layers": 2}
    params |= {"stochastic_depth": 0.5} if name == "resnet" else {}
    whole, told = halves(lambda trial: small.train(small.pictures(), params, model=name, trial=trial), {})
    assert told == whole.points


@pytest.mark.parametrize("name", [one.name for one in IMAGES])
def test_augmentations_of_images(name: str) -> None:
    (found,) = (one for one in IMAGES if one.name == name)
    params = {**_STRONG, name: found.entry["high"]}
    whole, told = halves(lambda trial: small.train(small.pictures(), params, trial=trial), {})
    assert told == whole.points
    plain, _ = small.train(small.pictures(), _STRONG)
    assert plain.points != whole.points, "it does nothing"


def test_every_augmentation_of_images_is_here() -> None:
    kinds = {one.name: one.dimensions[0].name for one in catalog.TECHNIQUES if one.kind == "augmentation"}
    words = {"synonym", "insert", "delete", "swap"}
    assert {one.name for one in IMAGES} == {by for name, by in kinds.items() if name not in words}


@pytest.mark.parametrize(
    ("recipe", "params"),
    [
        ("sequences", {**_MADE, "model": "lstm", "layers": 2, "bidirectional": True}),
        ("sequences", {**_MADE, "model": "gru", "layers": 2, "data": "parity"}),
        ("sequences", {**_MADE, "model": "encoder", "data": "copy", "d_model": 32, "attention_dropout": 0.3}),
        ("char-lm", {"model": "decoder", "characters": 2000, "context": 16, "d_model": 32, "attention_dropout": 0.3}),
    ],
)
def test_models_of_sequences(recipe: str, params: Mapping[str, Scalar]) -> None:
    whole, told = halves(registry.find(recipe), {**_SHORT, **params})
    assert told == whole.points
