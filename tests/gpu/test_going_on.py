"""A training on a GPU that was cut in two is the same as a whole one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.gpu.trainings import HeldTrial, settings, trained
from trainers import registry
from trainers.api import Stop


def halves(recipe: str, given: dict[str, Any], device: torch.device) -> list[tuple[int, dict[str, float]]]:
    """The curve of a training that was paused after its first epoch and went on from its checkpoint."""
    half = HeldTrial({}, settings=given, seed=1, device=device.type, order="pause")
    with pytest.raises(Stop):
        registry.find(recipe)(half)
    rest = half.resumed(settings=given, device=device.type)
    torch.manual_seed(99)
    registry.find(recipe)(rest)
    return half.points + rest.points


_OTHERS = (
    *(("images-cnn", model) for model in ("vgg", "inception", "resnet", "densenet")),
    *(("char-lm", model) for model in ("lstm", "gru")),
    *(("sequences", model) for model in ("lstm", "encoder")),
)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("recipe", registry.RECIPES)
def test_two_halves_are_the_whole(recipe: str, precision: str, device: torch.device, tmp_path: Path) -> None:
    given = settings(recipe, tmp_path, epochs=3, precision=precision)
    assert halves(recipe, given, device) == trained(recipe, given, device).points


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("recipe", "model"), _OTHERS)
def test_so_they_are_with_any_model(
    recipe: str, model: str, precision: str, device: torch.device, tmp_path: Path
) -> None:
    given = settings(recipe, tmp_path, epochs=2, precision=precision, model=model, dropout=0.1)
    assert halves(recipe, given, device) == trained(recipe, given, device).points
