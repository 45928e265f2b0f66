"""`basin worker` with what is wrong from the start, and without a server."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_worker import COUNTS, written
from tests.acceptance.worker_process import ROOT, worker
from tests.fakes.server import FakeServer
from tests.patience import PATIENCE


def ran(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASIN_")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "worker", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_trainer_that_is_not_there_or_does_not_import(tmp_path: Path) -> None:
    unknown = ran(tmp_path, "--trainer", "nothing", "--gpus", "none")
    assert unknown.returncode == 2
    assert "digits-mlp" in unknown.stderr
    (tmp_path / "broken.py").write_text("x = 1\nimport nothing_of_the_kind\n")
    broken = ran(tmp_path, "--trainer", "broken.py:train", "--gpus", "none")
    assert broken.returncode == 2
    assert "broken.py, line 2: ModuleNotFoundError: No module named 'nothing_of_the_kind'" in broken.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--trainer is missing"),
        (["--trainer", "digits-mlp", "--gpus", "all"], "--gpus all: no GPU was found"),
        (["--trainer", "digits-mlp", "--token-file", "nowhere"], "--token-file nowhere: No such file"),
        (["--trainer", "digits-mlp", "--server", "nonsense"], "--server nonsense: must be a URL"),
        (["--trainer", "digits-mlp", "--grace", "soon"], "--grace soon: must be seconds or a duration"),
        (["--trainer", "digits-mlp", "--labels", "x"], "--labels x: must be KEY=VALUE"),
        (["--trainer", "digits-mlp", "--selector", "x=y"], "--selector x=y: must be study=NAME or tag=TAG"),
        (["digits-mlp"], "'digits-mlp' is no option"),
    ],
)
def test_wrong_options(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = ran(tmp_path, *arguments, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_two_workers_in_one_folder(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            given = ["--server", server.address, "--trainer", spec, "--slots", "1"]
            async with worker(tmp_path, *given) as first:
                await server.until(lambda: server.workers, 60.0)
                second = await asyncio.to_thread(
                    ran, tmp_path, *given, "--gpus", "none", "--workdir", str(first.workdir)
                )
                assert second.returncode == 2
                assert f"another worker (process {first.pid}) runs in" in second.stderr

    asyncio.run(run())


def test_a_wrong_token_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer(token="right") as server:
            given = ["--server", server.address, "--trainer", spec, "--gpus", "none"]
            done = await asyncio.to_thread(ran, tmp_path, *given, BASIN_TOKEN="wrong")
            assert done.returncode == 2
            assert "does not let this worker in" in done.stderr
            assert "wrong" not in done.stderr + done.stdout, "a token is not for logs"

    asyncio.run(run())


def test_a_dry_run_shows_what_would_be_reported(tmp_path: Path) -> None:
    spec = written(tmp_path, COUNTS)
    done = ran(tmp_path, "--trainer", spec, "--gpus", "none", "--dry-run", "-p", "steps=2")
    assert done.returncode == 0, done.stderr
    assert "step 2      loss 0.5" in done.stdout
    assert "completed loss 0.5" in done.stdout


def test_a_dry_run_takes_the_middle_of_a_study(tmp_path: Path) -> None:
    spec = written(tmp_path, COUNTS)
    study = {
        "name": "try",
        "objectives": [{"metric": "loss"}],
        "space": {
            "steps": {"type": "int", "low": 1, "high": 3},
            "rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
            "half": {"type": "derived", "expression": "steps / 2"},
        },
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    given = ["--trainer", spec, "--gpus", "none", "--dry-run", "--study-file", "study.yaml"]
    done = ran(tmp_path, *given)
    assert done.returncode == 0, done.stderr
    assert "param     steps = 2" in done.stdout
    assert "param     rate = 0.001" in done.stdout
    assert "param     half = 1.0" in done.stdout
    drawn = [ran(tmp_path, *given, "--seed", seed).stdout for seed in ("7", "7", "8")]
    params = [[line for line in one.splitlines() if line.startswith("param")] for one in drawn]
    assert params[0] == params[1] != params[2]


def test_a_dry_run_that_gives_up_says_why(tmp_path: Path) -> None:
    stop = "    raise api.Stop('stop', 'not learning: it is no better than guessing')\n"
    report = "    trial.report(1, {'loss': 2.3, 'health.dead': 0.9})\n"
    spec = written(tmp_path, f"from trainers import api\n\ndef train(trial):\n{report}{stop}")
    done = ran(tmp_path, "--trainer", spec, "--gpus", "none", "--dry-run", "-p", "x=1")
    assert "why       not learning: it is no better than guessing" in done.stdout
    assert "loss 2.3 " in done.stdout
    assert "health" not in done.stdout


def test_a_dry_run_that_fails_says_why(tmp_path: Path) -> None:
    spec = written(tmp_path, "def train(trial):\n    return trial.params['missing']\n")
    done = ran(tmp_path, "--trainer", spec, "--gpus", "none", "--dry-run")
    assert done.returncode == 1
    assert "KeyError" in done.stdout
    assert "mine.py" in done.stdout
