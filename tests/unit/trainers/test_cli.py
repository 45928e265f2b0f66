"""`basin trainer` and `python -m trainers`: what they print can be used, and what is wrong is told in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cli.definition import load
from trainers import cli, registry
from trainers.chosen import Chosen

Out = pytest.CaptureFixture[str]


def told(capsys: Out, *arguments: str, output: str | None = None) -> str:
    assert cli.command(arguments, output=output) == 0
    return capsys.readouterr().out


def refused(capsys: Out, *arguments: str) -> str:
    assert cli.train(arguments) == 2
    return capsys.readouterr().err


def test_trainers_are_listed(capsys: Out) -> None:
    assert "digits-cnn  scikit-learn's digits by a convolutional network" in told(capsys, "list")
    listed = json.loads(told(capsys, "list", "-o", "json"))
    assert [one["name"] for one in listed] == registry.names()
    assert yaml.safe_load(told(capsys, "list", output="yaml")) == listed


@pytest.mark.parametrize("trainer", registry.RECIPES)
def test_a_space_is_ready_for_a_study_file(capsys: Out, tmp_path: Path, trainer: str) -> None:
    printed = told(capsys, "space", trainer)
    file = tmp_path / "study.yaml"
    file.write_text(f"name: x\nobjectives: [{{metric: val_loss}}]\n{printed}")
    space = load(str(file), None).definition().space  # type: ignore[arg-type]
    searched = {one.name: one for one in cli.dimensions(trainer) if one.searched}
    assert 4 <= len(space) <= len(searched)
    assert set(space) <= set(searched)
    assert {"learning_rate", "batch_size"} <= set(space)
    for line in printed.splitlines():
        if line.startswith("#   "):
            name, _, value = line[4:].partition("  #")[0].partition(": ")
            # What stands there as the default is taken as it stands.
            every: dict[str, Any] = {name: yaml.safe_load(value or '""')}
            assert Chosen(cli.dimensions(trainer), every).given == {name}


def test_the_ends_of_every_space_are_accepted() -> None:
    for trainer in registry.RECIPES:
        for one in cli.dimensions(trainer):
            ends = [one.entry[end] for end in ("low", "high") if end in one.entry]
            for value in [*ends, *one.entry.get("choices", ()), *one.entry.get("values", ()), one.default]:
                assert one.read(value) == value, f"{trainer}: {one.name}"


def test_a_trainer_is_described(capsys: Out) -> None:
    text = told(capsys, "describe", "digits-mlp")
    assert text.startswith("digits-mlp: scikit-learn's digits by a multi-layer perceptron")
    assert "learning_rate" in text
    (rate,) = (
        one for one in json.loads(told(capsys, "describe", "digits-mlp", "-o", "json")) if one["parameter"] == "dropout"
    )
    assert (rate["default"], rate["searched"], rate["range"]) == (0.1, "yes", "0..0.5")


def test_techniques_are_listed_with_paper_and_test(capsys: Out) -> None:
    (one,) = (row for row in json.loads(told(capsys, "techniques", "-o", "json")) if row["technique"] == "gradient/sam")
    assert one["what it adds"] == "sam_rho 0.01..0.5 log"
    assert one["paper"].startswith("Foret")
    assert "test_sam_steps_as_the_paper_has_it" in one["test"]


def test_training_prints_a_line_an_epoch(capsys: Out) -> None:
    assert (
        cli.train(
            ["digits-mlp", "--epochs", "2", "--lr", "1e-2", "--set", "hidden=16", "--seed", "3", "--device", "cpu"]
        )
        == 0
    )
    first, second, end = capsys.readouterr().out.splitlines()
    assert first.startswith("    1  train_loss ")
    assert "val_accuracy" in second
    assert end == f"in the end  {second[7:]}"
    assert "health" not in first


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["digits-mlp", "--set", "drpout=0.2"], "drpout is no parameter of this trainer; did you mean 'dropout'?"),
        (["digits-mlp", "--set", "optimizer=adamm"], "did you mean 'adam'?"),
        (["digits-mlp", "--set", "dropout"], "--set dropout must be name=value, such as --set dropout=0.2"),
        (
            ["digits-mlp", "--set", "batch_size=5000"],
            "batch_size must be at most 1079, the samples to train on, not 5000",
        ),
        (["digits-mlp", "--lr", "-1"], "learning_rate must be greater than 0, not -1.0"),
        (["digits_mlp"], "there is no trainer 'digits_mlp'; there are"),
        (["digits-mlp", "--sett", "x=1"], "No such option: --sett"),
        ([], "hint: python -m trainers --help"),
    ],
)
def test_what_is_wrong_is_told(capsys: Out, arguments: list[str], says: str) -> None:
    assert says in refused(capsys, *arguments)


def test_one_s_own_function_trains_and_says_that_it_has_no_space(capsys: Out, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def train(trial):\n    trial.report(1, trial.params['x'] * 2)\n    return trial.params['x']\n")
    assert cli.train([f"{file}:train", "--set", "x=1.5"]) == 0
    assert capsys.readouterr().out == "    1  val_loss 3\nin the end  val_loss 1.5\n"
    assert cli.command(["space", f"{file}:train"]) == 2
    assert "your own function does not say what it searches" in capsys.readouterr().err
