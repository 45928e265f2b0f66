"""Every recipe learns on a GPU, in every precision; what is learned lies there, and half the bits are enough."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.gpu.trainings import CONTESTS, HeldTrial, judged, settings, tensors, trained
from trainers import registry
from trainers.health.figures import LEARNED

# A product in bfloat16 is off by up to a part in 256, one in half precision by one in 2,048: seen over the fall of the
# loss that is a tenth at most, where all else (order, chance, sums) is the same.
NEAR = 0.1


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what a recipe reads."""
    return tmp_path_factory.mktemp("texts")


@cache
def ended(recipe: str, precision: str, folder: Path) -> HeldTrial:
    """A recipe's training in one precision."""
    return trained(recipe, settings(recipe, folder, precision=precision), torch.device("cuda"))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("recipe", registry.RECIPES)
def test_a_recipe_learns_in_any_precision(recipe: str, precision: str, texts: Path) -> None:
    trial = ended(recipe, precision, texts)
    values = judged(recipe, trial)
    assert all(map(math.isfinite, values))
    guess = trial.points[-1][1]["health.guess"]
    assert values[-1] < LEARNED * guess, (values, guess)
    assert not [name for _, metrics in trial.points for name in metrics if name == "health.flag.diverged"]
    state: dict[str, Any] = trial.state()
    weights = tensors(state["model"])
    assert {one.device.type for one in weights} == {"cuda"}
    assert {one.dtype for one in weights if one.is_floating_point()} == {torch.float32}, (
        "weights stay in full precision"
    )
    if precision == "fp16":
        assert state["scaler"]["scale"] > 1, "losses go through the scaler"
    else:
        assert "scaler" not in state


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", [one for one in registry.RECIPES if one not in CONTESTS])
def test_half_the_bits_end_near_all_of_them(recipe: str, precision: str, texts: Path) -> None:
    """Not so a contest: two networks that chase each other make much of each rounding, and are judged above."""
    exact, rough = (judged(recipe, ended(recipe, one, texts)) for one in ("fp32", precision))
    assert abs(rough[-1] - exact[-1]) < NEAR * (exact[0] - exact[-1]), (exact, rough)


@pytest.mark.parametrize("recipe", ["digits-mlp", "digits-cnn", "rings-gan"])
def test_the_last_training_is_tested_there_too(recipe: str, device: torch.device, tmp_path: Path) -> None:
    given = settings(recipe, tmp_path, precision="bf16")
    trial = trained(recipe, given, device, purpose="refit", steps=given["epochs"])
    tested = {name: value for name, value in trial.points[-1][1].items() if name.startswith("test_")}
    assert tested
    assert all(map(math.isfinite, tested.values()))
    assert trial.checkpoints, "the model is left as files"


def test_folds_and_eight_bits_are_judged_there_too(
    device: torch.device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = trained("table-mlp", settings("table-mlp", tmp_path, cv_folds=3), device)
    assert [step for step, _ in folds.points] == [1, 2, 3]
    trained("digits-cnn", settings("digits-cnn", tmp_path, int8=True, epochs=2), device)
    assert "in full precision" in capsys.readouterr().out
