"""Trainers are looked at before any trial is taken, in a process of its own."""

from pathlib import Path

import pytest

from tests.integration.worker.running import Running, written
from worker.launch import Launch
from worker.process import TrainerProblem


def _check(running: Running, **what: object) -> None:
    start = Launch(environment=running.environment, directory=str(running.folder), **what)  # type: ignore[arg-type]
    running.do(running.processes.check(start))


def test_what_can_be_used_passes(bare: Running, folder: Path) -> None:
    _check(bare, trainer=written(folder, "def train(trial):\n    raise ValueError\n"))
    _check(bare, trainer="digits-mlp")
    _check(bare, command=("anything", "--lr={lr}"), pattern=r"(?P<loss>\d+)")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def train(trial):\n    return (\n", "training.py, line 2: SyntaxError: '(' was never closed"),
        ("\nimport one_that_is_not_there\n", "training.py, line 2: ModuleNotFoundError: No module named 'one_that"),
        ("raise SystemExit('no data')\n", "training.py, line 1: SystemExit: no data"),
        ("def train():\n    pass\n", "must take one argument, the trial"),
    ],
)
def test_what_cannot_is_told_with_file_line_and_error(bare: Running, folder: Path, source: str, message: str) -> None:
    with pytest.raises(TrainerProblem) as problem:
        _check(bare, trainer=written(folder, source))
    assert message in str(problem.value)


def test_an_unknown_name_is_told_with_those_that_are_known(bare: Running) -> None:
    with pytest.raises(TrainerProblem, match=r"there is no trainer 'digits'; there are .*digits-mlp.*, and your own"):
        _check(bare, trainer="digits")


def test_a_module_of_the_folder_that_the_worker_was_started_in_is_found(bare: Running) -> None:
    (bare.folder / "mine").mkdir()
    (bare.folder / "mine" / "__init__.py").write_text("")
    (bare.folder / "mine" / "training.py").write_text("def train(trial):\n    return 0.5\n")
    _check(bare, trainer="mine.training:train")
    assert bare.run("mine.training:train").ended.values == {"loss": 0.5}


def test_a_file_called_like_a_library_does_not_stand_in_for_it(bare: Running, folder: Path) -> None:
    (bare.folder / "selectors.py").write_text("raise RuntimeError('loaded by accident')\n")
    told = bare.run(written(folder, "def train(trial):\n    return 0.5\n"))
    (bare.folder / "selectors.py").unlink()
    assert told.ended.outcome == "completed"
