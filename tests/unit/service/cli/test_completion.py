"""Completion: scripts for the shells, names from the server."""

import httpx2
import pytest
import typer

from service.cli import completion
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer


@pytest.mark.parametrize(
    ("shell", "line"), [("bash", "-F _basin_completion basin"), ("zsh", "#compdef basin"), ("fish", "--command basin")]
)
def test_scripts(run: Run, shell: str, line: str) -> None:
    ran = run("completion", shell)
    assert ran.code == 0
    assert line in ran.out
    assert "_BASIN_COMPLETE=complete_" in ran.out


def test_a_shell_that_is_not_known(run: Run) -> None:
    assert run("completion", "tcsh").code == 2


def complete(run: Run, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    environ = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1), "_BASIN_COMPLETE": "complete_bash"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return run(environ=environ).out.split()


def test_names_of_studies(run: Run, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("digits", "digits-2", "my-digits"):
        server.add(name)
    words = ("basin", "--token", "t", "study", "show", "--server", "http://lab:1", "dig")
    assert complete(run, monkeypatch, *words) == ["digits", "digits-2"]
    assert server.requests[0].url.host == "lab"
    assert server.requests[0].headers["Authorization"] == "Bearer t"


def test_no_answer_is_no_name(run: Run, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.plan(httpx2.ConnectError("refused"))
    assert complete(run, monkeypatch, "basin", "study", "show", "dig") == []
    assert len(server.requests) == 1


def test_commands_and_states(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(run, monkeypatch, "basin", "stu") == ["study"]
    assert complete(run, monkeypatch, "basin", "study", "list", "--state", "st") == ["stopping", "stopped"]


def test_typer_still_has_what_is_taken_from_it() -> None:
    completion.prepare()
    assert isinstance(completion.script("bash"), str)
    assert typer.__version__
