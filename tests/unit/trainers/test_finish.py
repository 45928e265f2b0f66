"""The last training of a study: on everything, for as long as the winner, tested once, and left as files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits

from trainers import artifact, checkpoint, crossvalidation, finish, registry, supervised
from trainers.api import Stop, refits
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.distances import energy
from trainers.local import LocalTrial
from trainers.models.catalog import MODELS
from trainers.recipes import digits_gan, digits_mlp, rings_gan, table_mlp
from trainers.space import Scalar

DIABETES = (*supervised.dimensions(*supervised.NUMBERS), *catalog.DIMENSIONS, *MODELS["mlp"].dimensions)
SHORT: dict[str, Scalar] = {"epochs": 12, "batch_size": 256, "hidden": 16}


@pytest.fixture(autouse=True)
def exports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter takes seconds: it is there for its own test."""
    if request.node.name != "test_onnx_says_the_same":
        monkeypatch.setattr(artifact, "_NEEDED", ("no_such_package",))


def last(trial: Any, **given: Any) -> LocalTrial:
    return LocalTrial({**SHORT, **trial}, purpose="refit", seed=3, **given)


def model_of(trial: LocalTrial) -> Path:
    return Path(checkpoint.load(trial.checkpoints[-1][1].path))


def test_it_is_as_long_as_it_is_told_and_reports_no_validation() -> None:
    trial = last({}, steps=4)
    figures = digits_mlp.train(trial)
    assert [step for step, _ in trial.points] == [1, 2, 3, 4, 5]
    *learned, tested = [metrics for _, metrics in trial.points]
    assert not [name for metrics in learned for name in metrics if name.startswith(("val_", "test_"))]
    assert all("seen_loss" in metrics for metrics in learned)
    assert tested == {**figures, "parameters": 64 * 16 + 16 + 16 * 10 + 10}
    assert set(figures) == {"test_loss", "test_accuracy", "test_f1"}


def test_early_stopping_has_nothing_to_go_by() -> None:
    trial = last({"learning_rate": 1e-5, "patience": 1}, steps=5)
    digits_mlp.train(trial)
    assert trial.points[-1][0] == 6


def test_it_learns_from_all_but_the_sealed_part_and_is_tested_on_that() -> None:
    given = Chosen(digits_mlp.DIMENSIONS, {})
    usual, all_ = catalog.load("digits", given), catalog.unsealed("digits", given)
    assert len(all_.data.train) == len(usual.train) + len(usual.validation)
    assert len(all_.data.train) + len(all_.test) == len(load_digits().target)
    assert all_.data.fingerprint == usual.fingerprint
    learned = {tuple(row.flatten().tolist()) for row in all_.data.train.inputs}
    same = [tuple(row.flatten().tolist()) in learned for row in all_.test.inputs]
    # scikit-learn's digits hold a few pictures twice.
    assert sum(same) < 5


def test_the_model_that_is_left_says_of_raw_inputs_what_was_tested() -> None:
    trial = last({}, steps=3)
    figures = digits_mlp.train(trial)
    folder = model_of(trial)
    assert {one.name for one in folder.iterdir()} == {"model.safetensors", "scaling.safetensors", "config.json"}
    opened = artifact.opened(folder)
    whole, parts = catalog.parted("digits", Chosen(digits_mlp.DIMENSIONS, {}))
    logits = opened(whole.inputs[parts.test])
    right = (logits.argmax(1) == whole.targets[parts.test]).double().mean()
    assert float(right) == pytest.approx(figures["test_accuracy"])
    config = json.loads((folder / "config.json").read_text())
    assert config == opened.config
    assert config["data"]["fingerprint"] == whole.fingerprint
    assert config["params"] == trial.params
    assert config["test"] == figures


def test_onnx_says_the_same(tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    trial = last({}, steps=2)
    digits_mlp.train(trial)
    folder = model_of(trial)
    opened = artifact.opened(folder)
    pictures = torch.tensor(load_digits().images[:7], dtype=torch.float32).unsqueeze(1) / 1.0
    assert opened.inputs is not None
    scaled = opened.inputs(pictures)
    (said,) = ReferenceEvaluator(str(folder / "model.onnx")).run(None, {_input(folder): scaled.numpy()})
    torch.testing.assert_close(torch.from_numpy(said), opened.model(scaled), rtol=1e-4, atol=1e-5)


def _input(folder: Path) -> str:
    import onnx

    return str(onnx.load(str(folder / "model.onnx")).graph.input[0].name)


def test_a_model_of_numbers_answers_in_their_own_unit() -> None:
    trial = last({"epochs": 40, "learning_rate": 0.01}, steps=40)
    finish.refit(trial, Chosen(DIABETES, trial.params), MODELS["mlp"], "diabetes")
    opened = artifact.opened(model_of(trial))
    data = load_diabetes(scaled=False)
    said = opened(torch.tensor(data.data, dtype=torch.float32)).flatten()
    truth = torch.tensor(data.target, dtype=torch.float32)
    assert 100 < float(said.mean()) < 200, "patients have 152 in the mean"
    assert float(torch.corrcoef(torch.stack([said, truth]))[0, 1]) > 0.6


def test_killed_and_gone_on_with_it_is_the_same() -> None:
    whole = last({}, steps=4)
    figures = digits_mlp.train(whole)
    broken = last({}, steps=4, order="preempt", order_after=2)
    with pytest.raises(Stop):
        digits_mlp.train(broken)
    resumed = broken.resumed(purpose="refit", steps=4)
    assert digits_mlp.train(resumed) == figures
    assert [step for step, _ in resumed.points] == [3, 4, 5]


def test_one_that_was_tested_already_is_not_tested_again() -> None:
    whole = last({}, steps=2)
    digits_mlp.train(whole)
    again = whole.resumed(purpose="refit", steps=2)
    assert digits_mlp.train(again) == {}
    assert again.points == []


def test_folds_are_no_epochs() -> None:
    dimensions = (*digits_mlp.DIMENSIONS, *crossvalidation.DIMENSIONS)
    trial = last({"cv_folds": 3}, steps=3)
    finish.refit(trial, Chosen(dimensions, trial.params), MODELS["mlp"], "digits")
    assert trial.points[-1][0] == 13


def test_a_model_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": 2}')
    with pytest.raises(ValueError, match="format 2 is not known here; this reads 1"):
        artifact.opened(tmp_path)


def test_a_function_says_that_it_refits() -> None:
    @refits
    def train(trial: Any) -> None:
        """Nothing."""

    assert train.refits is True  # type: ignore[attr-defined]
    assert digits_mlp.train.refits is True  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", registry.RECIPES)
def test_all_recipes_refit(name: str) -> None:
    assert registry.find(name).refits is True  # type: ignore[attr-defined]


def test_a_generator_is_finished_by_its_distance_to_the_sealed_part() -> None:
    small: dict[str, Scalar] = {"epochs": 9, "samples": 600, "layers": 1, "hidden": 16, "batch_size": 64}
    trial = LocalTrial(small, purpose="refit", seed=3, steps=4)
    figures = rings_gan.train(trial)
    assert set(figures) == {"test_energy_distance", "test_modes", "test_good_share"}
    *learned, tested = [metrics for _, metrics in trial.points]
    assert [step for step, _ in trial.points] == [1, 2, 3, 4, 5]
    assert all("seen_energy_distance" in metrics and "energy_distance" not in metrics for metrics in learned)
    assert tested["parameters"] == 2 * 16 + 16 + 16 * 2 + 2 + 2 * 16 + 16 + 16 + 1
    # What is left makes the same samples, which are as far from the sealed points as was said.
    opened = artifact.opened(model_of(trial))
    given = Chosen(rings_gan.DIMENSIONS, small)
    everything, usual = catalog.unsealed("rings", given), catalog.load("rings", given)
    assert opened.config["data"]["learned_from"] == len(usual.train) + len(usual.validation)
    points = opened(opened.model.chance(1_000, torch.Generator().manual_seed(0)))  # type: ignore[operator]
    assert float(energy(points, everything.test.inputs)) == pytest.approx(figures["test_energy_distance"], rel=1e-4)


def test_a_generator_of_pictures_is_finished_too() -> None:
    trial = LocalTrial({"epochs": 1, "width": 8, "batch_size": 256}, purpose="refit", seed=3)
    assert set(digits_gan.train(trial)) == {"test_frechet_distance"}
    assert artifact.opened(model_of(trial)).config["data"]["task"] == "classification"


def test_a_table_is_finished_like_pictures() -> None:
    trial = LocalTrial({"hidden": 8}, purpose="refit", settings={"data": "wine", "cv_folds": 3, "epochs": 2}, steps=3)
    assert set(table_mlp.train(trial)) == {"test_loss", "test_accuracy", "test_f1"}
    assert [step for step, _ in trial.points] == [1, 2, 3]
