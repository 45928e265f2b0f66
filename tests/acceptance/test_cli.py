"""The command line as people use it: real processes, a real server, real files."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from service.cli import main
from tests.acceptance.server_process import ServerProcess, free_port
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
Ran = subprocess.CompletedProcess
BASIN = [sys.executable, "-m", "service.cli"]

POINT = (
    "-p",
    "learning_rate=0.01",
    "-p",
    "dropout=0",
    "-p",
    "layers=1",
    "-p",
    "batch_size=16",
    "-p",
    "optimizer=adamw",
)


def environment(**more: str) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASIN_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(f"sqlite:///{tmp_path / 'basin.db'}", tmp_path) as running:
        yield running


class Basin:
    """The command, in this process: a fresh one for each call would take most of the time."""

    def __init__(self, server: ServerProcess, captured: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self.captured = captured

    def __call__(self, *arguments: str) -> Ran[str]:
        code = main(["--server", self.server.address, *arguments])
        captured = self.captured.readouterr()
        return Ran(arguments, code, captured.out, captured.err)

    def done(self, *arguments: str) -> str:
        """Run a command that must succeed; answers what it wrote."""
        ran = self(*arguments)
        assert ran.returncode == 0, f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


@pytest.fixture
def basin(
    server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Basin:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BASIN_")]:
        monkeypatch.delenv(name)
    return Basin(server, capsys)


def test_a_study_from_its_template_to_its_end(basin: Basin, tmp_path: Path) -> None:
    Path("study.yaml").write_text(basin.done("study", "template", "--name", "my study"))
    assert "would take it" in basin.done("study", "create", "study.yaml", "--validate-only")
    basin.done("study", "create", "study.yaml", "--set", "budget.max_trials=9")
    assert basin("study", "create", "study.yaml").returncode == 5

    points = "learning_rate,dropout,layers,batch_size,optimizer,momentum\n1e-3,0.1,2,32,adamw,\n2e-3,0.2,3,64,sgd,0.9\n"
    Path("points.csv").write_text(points)
    assert basin.done("trial", "enqueue", "my study", "--file", "points.csv").startswith("Enqueued trials 0 to 1")
    added = json.loads(basin.done("trial", "add", "my study", *POINT, "--value", "val_loss=0.25", "-o", "json"))
    assert (added["number"], added["state"], added["values"]) == (2, "completed", {"val_loss": 0.25})
    basin.done("trial", "cancel", "my study", "0")

    rows = [line.split()[:2] for line in basin.done("trial", "list", "my study").splitlines()[1:]]
    assert rows == [["0", "cancelled"], ["1", "queued"], ["2", "completed"]]
    found = basin.done("trial", "list", "my study", "--where", "dropout<0.15", "--order-by", "-number", "-o", "json")
    assert [trial["number"] for trial in json.loads(found)] == [2, 0]
    assert "scaled_rate    0.000625 (derived or constant)" in basin.done("trial", "show", "my study", "2")
    assert json.loads(basin.done("trial", "show", "my study", "1", "-o", "json"))["params"]["momentum"] == 0.9

    basin.done(
        "study", "edit", "my study", "--note", "a note", "--tag", "t", "--max-trials", "none", "--wall-time", "2h"
    )
    shown = basin.done("study", "show", "my study")
    assert "budget     2h from its creation" in shown
    assert "best: val_loss 0.25 in trial 2" in shown
    assert basin.done("study", "list", "--tag", "t").splitlines()[1].split()[:2] == ["my", "study"]
    for verb in ("pause", "resume", "stop", "archive"):
        basin.done("study", verb, "my study")
    assert basin.done("study", "list") == ""
    assert json.loads(basin.done("study", "list", "--all", "-o", "json"))[0]["state"] == "stopped"

    events = [json.loads(line) for line in basin.done("events", "-o", "json", "--last", "50").splitlines()]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert [event["type"] for event in events][:2] == ["study.created", "trial.created"]
    basin.done("study", "delete", "my study", "--yes")
    assert basin("study", "show", "my study").returncode == 3


def test_exports(basin: Basin) -> None:
    Path("study.yaml").write_text(basin.done("study", "template", "--name", "größe 大"))
    basin.done("study", "create", "study.yaml")
    for _ in range(3):
        basin.done("trial", "add", "größe 大", *POINT, "--value", "val_loss=0.25")
    rows = list(csv.DictReader(basin.done("study", "export", "größe 大").splitlines()))
    assert [row["values.val_loss"] for row in rows] == ["0.25"] * 3
    basin.done("study", "export", "größe 大", "-o", "trials.parquet")
    basin.done("study", "export", "größe 大", "--points", "-o", "curves.json")
    assert Path("trials.parquet").read_bytes()[:4] == b"PAR1"
    assert len(json.loads(Path("curves.json").read_text())["trials"]) == 3
    # What was exported can be tried again: the columns of parameters are those that a file of points has.
    searched = [f"params.{name}" for name in ("learning_rate", "dropout", "layers", "batch_size", "optimizer")]
    cells = [row[name] for row in rows[:1] for name in searched]
    Path("again.csv").write_text(f"{','.join(searched)}\n{','.join(cells)}\n")
    basin.done("trial", "enqueue", "größe 大", "--file", "again.csv")


def test_refusals_of_a_real_server(basin: Basin, tmp_path: Path) -> None:
    Path("study.yaml").write_text(basin.done("study", "template"))
    basin.done("study", "create", "study.yaml")
    for arguments, code, said in (
        (("study", "show", "none"), 3, "there is no study named 'none'"),
        (("trial", "show", "my-study", "7"), 3, "trial"),
        (("trial", "list", "my-study", "--where", "lr<3"), 2, "where: 'lr' is not a parameter"),
        (("trial", "list", "my-study", "--where", "nonsense"), 2, "where: "),
        (("study", "edit", "my-study", "--tag", "a b"), 2, "tags[0]: must be"),
        (("events", "--study", "none"), 3, "none"),
        (("study", "export", "none", "-o", "x.csv"), 3, "none"),
        (
            ("trial", "add", "my-study", "-p", "dropout=9", "--value", "val_loss=1"),
            2,
            "params.dropout: must lie between",
        ),
    ):
        ran = basin(*arguments)
        assert ran.returncode == code, ran.stderr
        assert said in ran.stderr
    assert not Path("x.csv").exists()


def test_events_are_followed_across_a_restart(server: ServerProcess, basin: Basin, tmp_path: Path) -> None:
    Path("study.yaml").write_text(basin.done("study", "template"))
    basin.done("study", "create", "study.yaml")
    command = [*BASIN, "events", "--follow", "--last", "1", "-o", "json", "--server", server.address]
    followed = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert followed.stdout is not None
    try:
        assert json.loads(followed.stdout.readline())["type"] == "study.created"
        basin.done("study", "pause", "my-study")
        assert json.loads(followed.stdout.readline())["data"]["state"] == "paused"
        server.kill()
        server.start()
        basin.done("study", "resume", "my-study")
        basin.done("study", "stop", "my-study")
        assert json.loads(followed.stdout.readline())["data"]["state"] == "active"
        assert json.loads(followed.stdout.readline())["data"]["state"] == "stopped"
        followed.send_signal(signal.SIGINT)
        assert followed.wait(20) == 130
    finally:
        followed.kill()
        followed.communicate()


def test_up_and_ctrl_c(tmp_path: Path) -> None:
    """A new user's first minute: start, look, find the port taken, stop, start again and find all still there."""
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    for turn in range(2):
        up = subprocess.Popen(
            [*BASIN, "up", "--no-demo", "--port", port],
            env=environment(),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert up.stdout is not None
        try:
            assert up.stdout.readline() == f"Basin is running at {address}\n"
            if turn == 0:
                again = run("up", "--port", port, cwd=tmp_path)
                assert (again.returncode, again.stderr.splitlines()[0]) == (
                    1,
                    f"error: Basin is running at {address} already",
                )
                template = run("study", "template", cwd=tmp_path).stdout
                (tmp_path / "study.yaml").write_text(template)
                assert run("study", "create", "study.yaml", "--server", address, cwd=tmp_path).returncode == 0
            assert "my-study" in run("study", "list", "--server", address, cwd=tmp_path).stdout
        finally:
            up.send_signal(signal.SIGINT)
            up.communicate(timeout=PATIENCE)
        assert up.returncode in {0, 130}
    assert (tmp_path / "basin-data/basin.db").exists()
    assert run("study", "list", "--server", address, cwd=tmp_path).returncode == 4


def test_the_doctor_and_the_schema(server: ServerProcess, tmp_path: Path) -> None:
    named = {"BASIN_SERVER": server.address, "BASIN_PORT": str(server.port), "BASIN_DATA_DIR": str(tmp_path)}
    database = {"BASIN_DATABASE_URL": f"sqlite:///{tmp_path / 'basin.db'}"}
    ran = run("doctor", "-o", "json", cwd=tmp_path, **named, **database)
    assert ran.returncode == 0, ran.stdout
    findings = {finding["what"]: finding for finding in json.loads(ran.stdout)}
    assert findings["server"]["level"] == "ok"
    assert findings["clock"]["level"] == "ok"
    assert "schema 0" in findings["database"]["said"]
    assert "held by a running Basin server" in findings["port"]["said"]
    assert run("migrate", "--check", cwd=tmp_path, **database).returncode == 0
    fresh = {"BASIN_DATABASE_URL": f"sqlite:///{tmp_path / 'fresh.db'}"}
    assert run("migrate", "--check", cwd=tmp_path, **fresh).returncode == 1
    assert not (tmp_path / "fresh.db").exists()
    assert run("migrate", cwd=tmp_path, **fresh).returncode == 0
    assert run("migrate", "--check", cwd=tmp_path, **fresh).returncode == 0


def test_who_has_the_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = run("up", "--port", str(port), cwd=tmp_path)
    assert ran.returncode == 1
    assert f"127.0.0.1:{port} is taken by" in ran.stderr
    assert f"(process {os.getpid()})" in ran.stderr


def run(*arguments: str, cwd: Path, **more: str) -> Ran[str]:
    """Run the command in a process of its own."""
    return subprocess.run([*BASIN, *arguments], cwd=cwd, env=environment(**more), capture_output=True, text=True)
