"""Whatever technique is used: a training that was cut in two is the same as a whole one, to the last bit."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.trainers import small
from trainers import registry
from trainers.api import Scalar, Stop
from trainers.local import LocalTrial
from trainers.techniques import catalog
from trainers.techniques.technique import Technique

# What switches a technique on, where that is more than to choose it, or than to set all that it adds.
_ON: Mapping[str, Mapping[str, Scalar]] = {
    "activation/elu": {"activation": "elu", "elu_alpha": 0.5},
    "averaging/swa": {"swa_start": 0.3},
    "gradient/accumulation": {"accumulate": 3},
    "gradient/clip_norm": {"clip_norm": 0.01},
    "gradient/clip_value": {"clip_value": 0.001},
    "loss/class_weights": {"class_weights": 0.9, "batch_size": 15},
    "normalisation/none": {"norm": "none"},
    "optimizer/adam": {"optimizer": "adam", "weight_decay": 0.1},
    "optimizer/momentum": {"optimizer": "sgd", "momentum": 0.99},
    "optimizer/nesterov": {"optimizer": "nesterov", "momentum": 0.9},
    "regularization/elastic_net": {"lambda": 0.1, "l1_ratio": 0.5},
    "regularization/generalization_loss": {"stop_gl": 0.01, "learning_rate": 1.0},
    "regularization/l1": {"lambda": 0.1, "penalty_mode": "gradient"},
    "regularization/l2": {"lambda": 0.1, "l1_ratio": 0.0},
    "regularization/max_norm": {"max_norm": 0.1},
    "regularization/patience": {"patience": 1, "learning_rate": 1.0},
    "regularization/progress_quotient": {"stop_pq": 0.01},
    "schedule/plateau": {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 1.0},
    "schedule/warm_up": {"warm_up": 0.9},
}
# What says nothing here: it needs a GPU, it is how things are anyway, or it comes after training.
_ELSEWHERE = {"precision/fp16", "precision/int8"}
_AS_IT_IS = {
    *("activation/relu", "initialisation/default", "loss/cross_entropy", "normalisation/none", "optimizer/adamw"),
    *("precision/fp32", "schedule/constant", "regularization/progress_quotient"),
}
_ALWAYS: Mapping[str, Scalar] = {"dropout": 0.2, "health": False}
_NUMBERS = {"loss/mae", "loss/huber"}
_MODELS = {
    "regularization/stochastic_depth": "resnet",
    "regularization/spatial_dropout": "cnn",
    "regularization/orthogonal_kernels": "cnn",
    "normalisation/batch": "cnn",
}


def _name(one: Technique) -> str:
    return f"{one.kind}/{one.name}"


def _switched_on(one: Technique) -> dict[str, Scalar]:
    if (known := _ON.get(_name(one))) is not None:
        return dict(known)
    if one.kind in catalog.CHOICES and not one.with_others:
        return {catalog.CHOICES[one.kind][0]: one.name}
    return {
        each.name: each.entry["choices"][-1] if "choices" in each.entry else each.entry["high"]
        for each in one.dimensions
    }


@cache
def _plain(model: str, rate: float) -> list[tuple[int, dict[str, float]]]:
    """The curve without any technique."""
    trial = LocalTrial({}, seed=3)
    small.train(small.pictures(), {**_ALWAYS, "learning_rate": rate}, model=model, trial=trial)
    return trial.points


_HERE = [one for one in catalog.TECHNIQUES if _name(one) not in _ELSEWHERE and one.kind != "augmentation"]


@pytest.mark.parametrize("technique", _HERE, ids=_name)
def test_two_halves_are_the_whole(technique: Technique) -> None:
    name = _name(technique)
    params = {**_ALWAYS, **_switched_on(technique)}
    data, model = small.rows() if name in _NUMBERS else small.pictures(), _MODELS.get(name, "mlp")
    whole, half = LocalTrial({}, seed=3), LocalTrial({}, seed=3, order="pause", order_after=2)
    small.train(data, params, model=model, trial=whole)
    with pytest.raises(Stop):
        small.train(data, params, model=model, trial=half)
    rest = half.resumed()
    torch.manual_seed(99)
    small.train(data, params, model=model, trial=rest)
    assert half.points + rest.points == whole.points
    if name not in _AS_IT_IS | _NUMBERS:
        assert whole.points != _plain(model, float(params.get("learning_rate") or 0.01)), "it does nothing"


_TINY: Mapping[str, Mapping[str, Any]] = {
    "digits-mlp": {"batch_size": 256},
    "digits-cnn": {"batch_size": 256, "width": 8},
    "table-mlp": {"data": "friedman", "cv_folds": 1},
    "images-cnn": {"batch_size": 256, "width": 8},
    "char-lm": {"data": "text", "context": 8},
    "sequences": {"samples": 120},
    "sentences": {"batch_size": 16},
    "rings-gan": {"samples": 400},
    "digits-gan": {"batch_size": 256, "width": 8},
}


@pytest.mark.parametrize("recipe", registry.RECIPES)
def test_every_recipe_goes_on_to_the_same_end(recipe: str, tmp_path: Path) -> None:
    settings = {"epochs": 3, **_TINY[recipe]}
    if recipe == "char-lm":
        (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 40)
        settings["path"] = str(tmp_path / "text.txt")
    if recipe == "sentences":
        rows = [f"a {'good' if number % 2 else 'bad'} film,{number % 2}" for number in range(60)]
        (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
        settings["path"] = str(tmp_path / "texts.csv")
    train = registry.find(recipe)
    whole, half = LocalTrial({}, settings=settings, seed=2), LocalTrial({}, settings=settings, seed=2, order="pause")
    ended = train(whole)
    with pytest.raises(Stop):
        train(half)
    rest = half.resumed(settings=settings)
    torch.manual_seed(99)
    assert train(rest) == ended
    assert len(half.points) == 1
    assert half.points + rest.points == whole.points
