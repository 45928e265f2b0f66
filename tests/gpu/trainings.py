"""Every recipe on a GPU, small, and a trial that keeps hold of what was trained."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainers import registry
from trainers.local import LocalTrial

SMALL: Mapping[str, Mapping[str, Any]] = {
    "digits-mlp": {"epochs": 10},
    "digits-cnn": {"epochs": 6, "width": 16},
    "table-mlp": {"epochs": 30},
    "images-cnn": {"epochs": 5},
    "char-lm": {"epochs": 3},
    "sequences": {"epochs": 12, "samples": 600},
    "sentences": {"epochs": 6, "batch_size": 16},
    "rings-gan": {"epochs": 10},
    "digits-gan": {"epochs": 8},
}
"""What each recipe is given here: enough to learn by, no more."""
CONTESTS = ("rings-gan", "digits-gan")
JUDGED = {"rings-gan": "energy_distance", "digits-gan": "frechet_distance"}


class HeldTrial(LocalTrial):
    """A trial that can still ask for a checkpoint when its training is over."""

    state: Callable[[], Any]

    def on_checkpoint(self, save: Callable[[], Any]) -> None:
        """As any trial does."""
        self.state = save
        super().on_checkpoint(save)


def settings(recipe: str, folder: Path, **more: Any) -> dict[str, Any]:
    """What a recipe is given; sentences are written for it, for it brings none."""
    given = {**SMALL[recipe], **more}
    if recipe == "sentences":
        rows = [f"a {'good' if number % 2 else 'bad'} film {number},{number % 2}" for number in range(240)]
        path = folder / "texts.csv"
        path.write_text("\n".join(["text,label", *rows]))
        given["path"] = str(path)
    return given


def trained(recipe: str, given: Mapping[str, Any], device: torch.device, **more: Any) -> HeldTrial:
    """Train one to its end."""
    trial = HeldTrial({}, settings=dict(given), seed=1, device=device.type, **more)
    registry.find(recipe)(trial)
    return trial


def judged(recipe: str, trial: LocalTrial) -> list[float]:
    """What each epoch was worth: less is better."""
    return [metrics[JUDGED.get(recipe, "val_loss")] for _, metrics in trial.points]


def tensors(what: Any) -> list[Tensor]:
    """All tensors of a state."""
    if isinstance(what, Tensor):
        return [what]
    held = what.values() if isinstance(what, Mapping) else what if isinstance(what, list | tuple) else ()
    return [each for one in held for each in tensors(one)]
