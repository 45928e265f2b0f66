"""Recipes over tables, pictures, texts and sequences: they learn, tell of their data, and refuse what cannot be."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainers import registry
from trainers.api import Failed, Stop
from trainers.local import LocalTrial
from trainers.space import BadParameter


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


def run(recipe: str, params: dict[str, Any] | None = None, **settings: Any) -> LocalTrial:
    trial = LocalTrial(params or {}, settings=settings)
    registry.find(recipe)(trial)
    return trial


def last(trial: LocalTrial) -> dict[str, float]:
    return trial.points[-1][1]


def test_every_recipe_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()
    assert [name for name in registry.RECIPES if f"| `{name}` |" not in guide] == []


@pytest.mark.parametrize(
    ("data", "metric", "least"),
    [("wine", "val_accuracy", 0.9), ("iris", "val_accuracy", 0.9), ("friedman", "val_r2", 0.8)],
)
def test_tables_are_learned_as_classes_or_numbers(data: str, metric: str, least: float) -> None:
    trial = run("table-mlp", {"learning_rate": 0.01}, data=data, epochs=12)
    assert last(trial)[metric] > least
    assert trial.trained_on is not None
    assert [step for step, _ in trial.points] == list(range(1, 13))


def test_a_table_of_ones_own_is_learned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a:.4f},{b:.4f},{'high' if a + b > 0 else 'low'}" for a, b in rng.standard_normal((200, 2))]
    (tmp_path / "own.csv").write_text("a,b,level\n" + "\n".join(rows))
    own = {"data": "csv", "path": str(tmp_path / "own.csv"), "target": "level"}
    assert last(run("table-mlp", {"learning_rate": 0.02}, epochs=10, **own))["val_accuracy"] > 0.9


def test_pictures_of_ones_own_are_learned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind, dark in (("day", 200), ("night", 20)):
        (tmp_path / "sky" / kind).mkdir(parents=True)
        for number in range(24):
            pixels = (dark + rng.integers(0, 30, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sky" / kind / f"{number}.png")
    own = {"data": "image-folder", "path": str(tmp_path / "sky"), "cache": str(tmp_path / "cache"), "image_size": 8}
    trial = run("images-cnn", {"learning_rate": 0.01, "width": 8}, epochs=8, batch_size=8, **own)
    assert last(trial)["val_accuracy"] == 1.0


@pytest.mark.parametrize("model", ["decoder", "lstm"])
def test_text_is_learned_beyond_how_often_its_characters_are(model: str, tmp_path: Path) -> None:
    (tmp_path / "rhyme.txt").write_text("the cat sat on the mat and that was that. " * 120)
    own = {"data": "text", "path": str(tmp_path), "context": 16, "characters": 0}
    trial = run("char-lm", {"model": model}, epochs=4, batch_size=16, **own)
    # Character by character, this rhyme has an entropy of 2.5 nats.
    assert last(trial)["val_loss"] < 1.2
    assert last(trial)["val_perplexity"] == pytest.approx(math.exp(last(trial)["val_loss"]), rel=1e-4)


def test_sequences_are_learned_by_what_has_a_memory() -> None:
    trial = run("sequences", {"bidirectional": True, "hidden": 32}, data="adding", samples=600, epochs=15)
    assert last(trial)["val_r2"] > 0.9
    again = run("sequences", {"model": "encoder"}, data="copy", sequence_length=3, samples=300, epochs=15)
    assert last(again)["val_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "csv"}, "path is needed for csv: the file or folder, as the worker sees it"),
        ({"data": "iris", "batch_size": 500}, "batch_size must be at most 90, the samples to train on, not 500"),
        ({"data": "diabetes", "loss": "cross_entropy"}, r"loss .*cross_entropy"),
        ({"data": "iris", "cv_folds": 1000}, "cv_folds must be at most 120, the samples that are not sealed, not 1000"),
        ({"data": "wines"}, "data must be one of wine, .*; did you mean 'wine'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_reported(settings: dict[str, Any], said: str) -> None:
    trial = LocalTrial({}, settings={"epochs": 1, **settings})
    with pytest.raises(BadParameter, match=said):
        registry.find("table-mlp")(trial)
    assert trial.points == []


def test_rows_are_no_sequences_and_no_pictures(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.ones((40, 6), dtype=np.float32), y=np.arange(40) % 2)
    own: dict[str, Any] = {"data": "npz", "path": str(tmp_path / "rows.npz")}
    with pytest.raises(BadParameter, match="model 'gru' takes sequences, but a sample of npz is 6 numbers; try 'mlp'"):
        run("sequences", **own)
    with pytest.raises(BadParameter, match="model 'cnn' takes images"):
        run("images-cnn", **own)


def test_a_recipe_begins_only_with_the_data_of_its_study() -> None:
    trial = LocalTrial({}, settings={"data": "iris", "epochs": 1}, data_fingerprint="ab" * 32)
    with pytest.raises(Failed, match="give this worker the same data, or make a new study for these"):
        registry.find("table-mlp")(trial)
    assert trial.points == []


# --- cross-validation

FOLDED: dict[str, Any] = {"data": "wine", "cv_folds": 4, "epochs": 2, "hidden": 8}


def test_each_fold_is_a_step_that_tells_the_mean_of_the_folds_so_far() -> None:
    trial = run("table-mlp", **FOLDED)
    assert [step for step, _ in trial.points] == [1, 2, 3, 4]
    means = [point["val_loss"] for _, point in trial.points]
    folds = [means[0], *(means[k] * (k + 1) - means[k - 1] * k for k in range(1, 4))]
    assert folds == pytest.approx([point["fold_val_loss"] for _, point in trial.points])
    assert len(set(folds)) == 4
    spread = np.std(folds, ddof=1) / 2
    assert last(trial)["val_loss_se"] == pytest.approx(spread, rel=1e-6)
    assert "val_loss_se" not in trial.points[0][1]


def test_a_trial_that_is_stopped_after_a_fold_trains_no_other() -> None:
    trial = LocalTrial({}, settings=FOLDED, order="stop", order_after=2)
    with pytest.raises(Stop):
        registry.find("table-mlp")(trial)
    assert [step for step, _ in trial.points] == [1, 2]


def test_a_fold_ends_within_where_the_trial_is_to_end() -> None:
    trial = LocalTrial({}, settings={**FOLDED, "epochs": 10_000})
    trial.orders.give("preempt", "the node goes down")
    with pytest.raises(Stop) as stop:
        registry.find("table-mlp")(trial)
    assert (stop.value.order, trial.obeyed, trial.points) == ("preempt", "preempt", [])


def test_a_cross_validation_goes_on_behind_its_last_fold() -> None:
    whole = run("table-mlp", **FOLDED)
    first = LocalTrial({}, settings=FOLDED, order="pause", order_after=2)
    with pytest.raises(Stop):
        registry.find("table-mlp")(first)
    again = first.resumed(settings=FOLDED)
    registry.find("table-mlp")(again)
    assert first.points + again.points == whole.points
    assert again.trained_on == whole.trained_on
    with pytest.raises(Failed, match="give this worker the same data"):
        registry.find("table-mlp")(first.resumed(settings=FOLDED, data_fingerprint="ab" * 32))
