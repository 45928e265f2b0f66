"""Editing a study in an editor: small programs take the place of one."""

import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.unit.service.cli.conftest import Ran, Run
from tests.unit.service.cli.fake_server import FakeServer

Edit = Callable[..., Ran]


@pytest.fixture
def edit(run: Run, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Edit study `a`: each step is a sed script for one opening of the editor; what it saw is kept as `seen-N`."""
    server.add("a", budget={"max_trials": 5})
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def edit(*steps: str) -> Ran:
        lines = ["#!/bin/sh", f"n=$(ls {tmp_path} | grep -c seen)", f'cp "$1" {tmp_path}/seen-$n', "case $n in"]
        lines += [f"{n}) sed -i '{step}' \"$1\" ;;" if step else f"{n}) true ;;" for n, step in enumerate(steps)]
        script = tmp_path / "editor"
        script.write_text("\n".join([*lines, "*) exit 9 ;;", "esac", ""]))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return run("study", "edit", "a", "--editor", environ={"EDITOR": f"{script} "})

    return edit


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "temporary").rglob("*.yaml"))


def test_what_is_saved_is_applied(edit: Edit, server: FakeServer, tmp_path: Path) -> None:
    ran = edit("s/max_trials: 5/max_trials: 50/; s/tags: .*/tags: [x]/")
    assert (ran.code, ran.err) == (0, "Study 'a' is changed (revision 4).\n")
    assert server.studies["a"]["definition"]["budget"]["max_trials"] == 50
    assert server.studies["a"]["definition"]["tags"] == ["x"]
    assert server.requests[-1].headers["If-Match"] == '"3"'
    assert kept(tmp_path) == []


@pytest.mark.parametrize("step", ["", "/./d"])
def test_nothing_is_sent_when_nothing_is_changed(edit: Edit, server: FakeServer, tmp_path: Path, step: str) -> None:
    ran = edit(step)
    assert (ran.code, ran.err) == (0, "Nothing was changed.\n")
    assert [request.method for request in server.requests] == ["GET"]
    assert kept(tmp_path) == []


def test_errors_are_shown_at_their_fields_until_they_are_gone(edit: Edit, server: FakeServer, tmp_path: Path) -> None:
    ran = edit(
        's/max_trials: 5/max_trials: 0/; s/tags: .*/tags: ["a b"]/',
        "s/tags: .*/tags: [x/",
        "s/tags: .*/tags: [x]/; s/max_trials: .*/max_trials: 7/",
    )
    assert ran.code == 0
    seen = (tmp_path / "seen-1").read_text().splitlines()
    assert seen[seen.index("  max_trials: 0") - 1] == "# error: budget.max_trials: must be at least 1"
    assert seen[seen.index('tags: ["a b"]') - 1].startswith("# error: tags[0]: must be 1 to 64 letters")
    assert "# error: while parsing a flow sequence" in (tmp_path / "seen-2").read_text()
    assert "budget.max_trials" not in (tmp_path / "seen-2").read_text()
    assert server.studies["a"]["definition"]["budget"]["max_trials"] == 7


def test_who_gives_up_keeps_the_text(edit: Edit, server: FakeServer, tmp_path: Path) -> None:
    ran = edit("s/max_trials: 5/max_trials: 0/", "")
    (file,) = kept(tmp_path)
    assert ran.code == 2
    assert ran.err == (
        f"error: budget.max_trials: must be at least 1\nhint: Nothing was changed. Your text is kept in {file}\n"
    )
    assert "max_trials: 0" in file.read_text()


def test_a_change_in_between_keeps_the_text(edit: Edit, server: FakeServer, tmp_path: Path) -> None:
    def newer(_: httpx2.Request) -> httpx2.Response:
        study = dict(server.studies["a"])
        server.studies["a"]["revision"] = 8
        return httpx2.Response(200, json=study)

    server.plan(newer)
    ran = edit("s/max_trials: 5/max_trials: 6/")
    assert ran.code == 5
    assert f"Your text is kept in {kept(tmp_path)[0]}" in ran.err


def test_an_editor_that_fails_changes_nothing(edit: Edit, tmp_path: Path) -> None:
    ran = edit()
    assert (ran.code, ran.err) == (2, "error: the editor ended with exit code 9; nothing was changed\n")
    assert kept(tmp_path) == []


def test_an_editor_that_is_not_there(run: Run, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("a")
    ran = run("study", "edit", "a", "--editor", environ={"VISUAL": "/none/such --wait"})
    assert (ran.code, ran.err) == (2, "error: the editor /none/such cannot be started: No such file or directory\n")
    monkeypatch.setenv("PATH", "")
    assert "hint: Set EDITOR" in run("study", "edit", "a", "--editor").err
