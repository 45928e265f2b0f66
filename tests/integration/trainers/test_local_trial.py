"""Trials at the desk: a function can be tried out, stopped and gone on with before any worker sees it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainers.api import Stop, Trial
from trainers.local import LocalTrial
from trainers.registry import find, names

ROOT = Path(__file__).parents[3]


def _train(trial: Trial) -> float:
    first, x = (trial.resume.step, trial.resume.load()["x"]) if trial.resume else (0, 1.0)
    for step in range(first + 1, 11):
        x -= float(trial.params["lr"] or 0) * 2 * x
        trial.report(step, x * x)
        trial.checkpoint({"x": x})
    return x * x


def test_a_trial_remembers_what_it_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    trial = LocalTrial({"lr": 0.25}, show=shown.append)
    assert _train(trial) == 0.25**10
    assert trial.points == [(step, {"value": 0.25**step}) for step in range(1, 11)]
    assert shown[:2] == ["step 1: value 0.25", "step 2: value 0.0625"]
    assert [step for step, _ in trial.checkpoints] == list(range(1, 11))


def test_a_trial_can_be_paused_and_gone_on_with() -> None:
    whole = LocalTrial({"lr": 0.1})
    _train(whole)
    paused = LocalTrial({"lr": 0.1}, order="pause", order_after=4)
    with pytest.raises(Stop) as stopped:
        _train(paused)
    assert (stopped.value.order, str(stopped.value)) == ("pause", "as the local trial was made")
    rest = paused.resumed()
    _train(rest)
    assert paused.points + rest.points == whole.points


def test_points_that_the_checkpoint_already_covers_are_not_told_again() -> None:
    def starts_anew(trial: Trial) -> None:
        for step in range(1, 5):
            trial.report(step, 1.0)
            trial.checkpoint({"step": step})

    first = LocalTrial({}, order="preempt", order_after=2)
    with pytest.raises(Stop):
        starts_anew(first)
    second = first.resumed()
    starts_anew(second)
    assert [step for step, _ in second.points] == [3, 4]


def test_the_recipe_runs_at_the_desk() -> None:
    trial = LocalTrial({"epochs": 3, "optimizer": "sgd", "learning_rate": 0.1}, seed=4, metric="val_loss")
    figures: Any = find("digits-mlp")(trial)
    assert trial.points[-1] == (3, figures)
    assert figures["val_accuracy"] > 0.8
    again = LocalTrial({"epochs": 3, "optimizer": "sgd", "learning_rate": 0.1}, seed=5, metric="val_loss")
    assert find("digits-mlp")(again) != figures


def test_listing_trainers_and_making_a_trial_loads_no_torch() -> None:
    code = (
        "import sys; from trainers import registry, command; from trainers.local import LocalTrial; "
        "print(registry.names()); t = LocalTrial({}); t.report(1, 2.0); t.checkpoint({'a': 1}); "
        "print(sorted({'torch', 'numpy', 'sklearn', 'pydantic', 'service'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == [str(names()), "[]"]
