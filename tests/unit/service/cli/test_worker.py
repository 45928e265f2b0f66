"""`basin worker`: handed over as it stands, with what was said before its name, and explained where it is missing."""

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from service.cli import worker
from service.wire.study import StudyDefinition
from tests.unit.service.cli.conftest import Run


class Called:
    """The command of another package."""

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.given: dict[str, Any] = {}

    def __call__(self, arguments: Sequence[str], **given: Any) -> int:
        self.arguments, self.given = list(arguments), given
        return 7


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    found = Called()
    monkeypatch.setattr(worker, "_command", lambda name: found)
    return found


def test_it_reads_what_stands_behind_its_name_by_itself(run: Run, called: Called) -> None:
    ran = run(
        "--server", "http://x:1", "--token", "t", "-o", "json", "worker", "--gpus", "all", "--", "python", "--help"
    )
    assert ran.code == 7
    assert called.arguments == ["--gpus", "all", "--", "python", "--help"]
    assert (called.given["server"], called.given["token"], called.given["output"]) == ("http://x:1", "t", "json")


def test_study_files_are_read_as_by_every_command(run: Run, called: Called, tmp_path: Path) -> None:
    run("worker")
    study: Callable[[str], StudyDefinition] = called.given["study"]
    file = tmp_path / "study.yaml"
    file.write_text("name: x\nobjectives: [{metric: loss}]\nspace: {rate: {type: float, low: 1e-5, high: 0.1}}\n")
    assert study(str(file)).space["rate"].low == 1e-5  # type: ignore[union-attr]


def entry(value: str) -> EntryPoint:
    return EntryPoint("worker", value, worker.GROUP)


@pytest.mark.parametrize(
    ("points", "says"),
    [([], "basin worker is not installed here"), ([entry("nothing_there.cli:command")], "needs nothing_there")],
)
def test_what_is_missing_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, points: list[EntryPoint], says: str
) -> None:
    monkeypatch.setattr(worker, "entry_points", lambda **_: points)
    ran = run("worker", "--help")
    assert ran.code == 1
    assert says in ran.err
    assert "pip install 'basin[worker,trainers]'" in ran.err


def test_the_installed_one_explains_itself(run: Run) -> None:
    ran = run("worker", "--help")
    assert ran.code == 0
    assert "Usage: basin worker" in ran.out
    assert "--exit-when-idle" in ran.out
