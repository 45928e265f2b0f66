"""The way in: exit codes, options before and after the command, and errors as sentences."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from service.cli import study_read
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (422, 2), (413, 2), (404, 3), (409, 5), (412, 5), (401, 1), (500, 1), (502, 4), (504, 4)],
)
def test_refusals_have_their_exit_codes(run: Run, server: FakeServer, status: int, code: int) -> None:
    server.plan(problem(status, "some_code", "It cannot be."))
    assert run("study", "show", "a").code == code


def test_a_server_that_is_not_there(run: Run, server: FakeServer) -> None:
    server.plan(*[httpx2.ConnectError("Connection refused")] * 9)
    ran = run("study", "list")
    assert ran.code == 4
    assert ran.err.startswith("error: no server answers at http://127.0.0.1:8420 (Connection refused)\nhint: Start one")


def test_fields_that_are_wrong_have_a_line_each(run: Run, server: FakeServer) -> None:
    errors = [{"field": "where", "message": "cannot be read"}, {"field": "", "message": "is odd"}]
    server.plan(problem(422, "invalid_argument", "cannot be read (and 1 more)", errors=errors, hint="Read the manual."))
    ran = run("trial", "list", "a")
    assert ran.err == "error: where: cannot be read\nerror: is odd\nhint: Read the manual.\n"


def test_hints_name_commands(run: Run) -> None:
    ran = run("study", "show", "none")
    assert ran.code == 3
    assert ran.err == "error: there is no study named 'none'\nhint: basin study list shows the studies there are.\n"


def test_debug_tells_the_request(run: Run) -> None:
    assert "request r1" not in run("study", "show", "none").err
    assert "status 404, code study_not_found, request r1" in run("study", "show", "none", "--debug").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["study", "lst"], "error: No such command 'lst'. Did you mean 'list'?\nhint: basin study --help\n"),
        (["study", "show"], "error: Missing argument 'STUDY'.\nhint: basin study show --help\n"),
        (["study", "list", "--nope"], "error: No such option: --nope"),
        (["trial", "show", "a", "x"], "error: Invalid value for 'N': must be a whole number\n"),
        (["study", "list", "--limit", "0"], "error: Invalid value for '--limit': must be at least 1\n"),
        (["study", "list", "--state", "odd"], "error: Invalid value for '--state': 'odd' is not one of 'active'"),
        (["study", "list", "-o", "xml"], "error: Invalid value for '--output' / '-o': 'xml' is not one of 'table'"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.err.startswith(said)


def test_options_of_all_commands_stand_before_or_after(run: Run, server: FakeServer) -> None:
    server.add("a")
    for arguments in (
        ("--server", "http://lab:1", "--token", "t", "-o", "json", "study", "list"),
        ("study", "list", "--server", "http://lab:1", "--token", "t", "-o", "json"),
        (
            "--server",
            "http://other:1",
            "-o",
            "yaml",
            "study",
            "list",
            "--server",
            "http://lab:1",
            "--token=t",
            "--output=json",
        ),
    ):
        ran = run(*arguments)
        assert ran.out.startswith("[\n  {")
        assert server.requests[-1].url.host == "lab"
        assert server.requests[-1].headers["Authorization"] == "Bearer t"


def test_variables_of_the_environment(run: Run, server: FakeServer) -> None:
    environ = {"BASIN_SERVER": "http://lab:1", "BASIN_TOKEN": "t", "BASIN_OUTPUT": "json"}
    assert run("study", "list", environ=environ).out == "[]\n"
    assert server.requests[-1].url.host == "lab"
    assert server.requests[-1].headers["Authorization"] == "Bearer t"
    assert run("study", "list", "-o", "yaml", environ=environ).out == "[]\n"
    ran = run("study", "list", environ={"BASIN_OUTPUT": "xml"})
    assert (ran.code, ran.err) == (2, "error: BASIN_OUTPUT=xml: must be one of table, json, yaml\n")


def test_quiet(run: Run, server: FakeServer) -> None:
    server.add("a")
    assert run("study", "pause", "a", "--quiet").err == ""
    assert run("-q", "study", "pause", "a").err == ""
    assert run("study", "pause", "a").err == "Study 'a' is paused.\n"


def test_version_and_help(run: Run) -> None:
    assert run("--version").out.startswith("basin ")
    ran = run()
    assert ran.code == 2
    assert "basin up" in ran.out
    assert run("study").code == 2
    assert run("--help").code == 0


def test_a_mistake_of_ours_is_told_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by \x1b[31mzero")

    monkeypatch.setattr(study_read.State, "__str__", broken, raising=False)
    ran = run("study", "list", "--state", "active")
    assert ran.code == 1
    assert ran.err.startswith(
        "error: this should not have happened: ZeroDivisionError: by \\x1b[31mzero\nPlease report"
    )
    assert "Traceback" in run("study", "list", "--state", "active", "--debug").err


def test_ctrl_c(run: Run, server: FakeServer) -> None:
    def interrupted(_: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    server.plan(interrupted)
    ran = run("study", "list")
    assert (ran.code, ran.err) == (130, "")


def test_server_text_cannot_steer_the_terminal(run: Run, server: FakeServer) -> None:
    server.plan(problem(404, "study_not_found", "no \x1b]0;owned\x07 study"))
    assert "\x1b" not in run("study", "show", "a").err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """As in `basin study schema | head -1`: with a real pipe, whose other end is closed."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "service.cli", "study", "schema"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_light_commands_load_nothing_heavy() -> None:
    heavy = {"fastapi", "starlette", "sqlalchemy", "optuna", "torch", "uvicorn", "numpy", "service.bootstrap"}
    code = (
        "import sys, httpx2; from service.cli import main; from service.cli.world import World\n"
        "answer = lambda request: httpx2.Response(200, json={'studies': []})\n"
        "assert main(['study', 'list', '-q'], World(environ={}, transport=httpx2.MockTransport(answer))) == 0\n"
        f"print(sorted(({heavy!r} | {{'pydantic', 'service.wire.study'}}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    # Typer itself checks numbers with pydantic; our own models, which take longest, are not needed for a list.
    assert done.stdout.strip() in {"[]", "['pydantic']"}
