"""`basin worker` as a real process with real trainers: signals, kills, and what stays behind (nothing)."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from tests.acceptance.worker_process import ROOT, WorkerProcess, gone, worker
from tests.fakes.server import FakeServer, Trial
from tests.patience import PATIENCE

# Counts, one step after the other, from where it was; a test says how far it may go.
COUNTS = """
    import pathlib, time

    def train(trial):
        step = 0
        if trial.resume is not None:
            step = int(trial.resume.load()["step"])
        trial.on_checkpoint(lambda: {"step": step})
        while step < trial.params["steps"]:
            step += 1
            trial.report(step, loss=1 / step)
            while step > trial.params.get("hold", step) and not pathlib.Path("go").exists():
                trial.report(step := step + 1, loss=1 / step)
                time.sleep(0.02)
        return 1 / step
"""


def written(folder: Path, source: str, name: str = "mine.py") -> str:
    (folder / name).write_text(dedent(source))
    return f"{name}:train"


def steps(trial: Trial, attempt: int = -1) -> list[int]:
    return [point["step"] for point in trial.attempts[attempt].points]


async def points(server: FakeServer, trial: Trial, at_least: int, process: WorkerProcess) -> None:
    """Wait until a trial has come so far."""
    try:
        await server.until(lambda: trial.attempts and len(trial.newest.points) >= at_least, 60.0)
    except TimeoutError:
        raise AssertionError(process.said) from None


def test_the_built_in_trainer_from_lease_to_end(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            objectives = [{"metric": "val_loss", "direction": "minimize"}]
            lease: dict[str, Any] = {"objectives": objectives, "horizon": 3, "trainer": {"name": "digits-mlp"}}
            trial = server.add({"learning_rate": 0.01, "epochs": 3}, **lease)
            given = ["--server", server.address, "--trainer", "digits-mlp", "--max-trials", "1", "--slots", "1"]
            async with worker(tmp_path, *given) as process:
                assert await process.ended() == 0, process.said
            assert trial.state == "completed", process.said
            assert steps(trial) == [1, 2, 3]
            assert trial.newest.points[-1]["metrics"]["val_loss"] < 1.0

    asyncio.run(run())


def test_sigterm_checkpoints_and_another_worker_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 20, "hold": 3})
            given = ["--server", server.address, "--trainer", spec, "--slots", "1"]
            async with worker(tmp_path, *given) as process:
                await points(server, trial, 4, process)
                started = process.descendants()
                process.signal(signal.SIGTERM)
                assert await process.ended(25) == 0, process.said
                await gone(started)
            first = trial.attempts[0]
            assert first.complete is not None
            assert first.complete["outcome"] == "preempted", process.said
            (saved,) = first.checkpoints
            (tmp_path / "go").touch()
            (tmp_path / "other").mkdir()
            elsewhere = [*given[:3], str(tmp_path / "mine.py") + ":train", *given[4:], "--max-trials", "1"]
            async with worker(tmp_path / "other", *elsewhere) as process:
                (tmp_path / "other" / "go").touch()
                assert await process.ended() == 0, process.said
            assert trial.state == "completed", process.said
            assert steps(trial)[0] == saved + 1, "it goes on where it was"
            assert steps(trial)[-1] == 20 or saved >= 20

    asyncio.run(run())


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_everything_at_once(tmp_path: Path, second: signal.Signals, code: int) -> None:
    async def run() -> None:
        source = """
            import signal, subprocess, sys, time

            def train(trial):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                trial.report(1, loss=1.0)
                time.sleep(600)
        """
        async with FakeServer() as server:
            trial = server.add()
            given = ["--server", server.address, "--trainer", written(tmp_path, source), "--slots", "1"]
            async with worker(tmp_path, *given, "--grace", "60s") as process:
                await points(server, trial, 1, process)
                started = process.descendants()
                assert len(started) >= 3, "the one that forks, the trial, and what that has started"
                process.signal(signal.SIGTERM)
                await server.until(lambda: "SIGTERM: this worker leaves" in process.said)
                process.signal(second)
                assert await process.ended(15) == code, process.said
                await gone(started)

    asyncio.run(run())


def test_kill_9_leaves_no_process_and_loses_no_point(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 50, "hold": 3})
            given = ["--server", server.address, "--trainer", spec, "--slots", "1", "--checkpoint-every", "0.2s"]
            async with worker(tmp_path, *given) as process:
                await points(server, trial, 4, process)
                await server.until(lambda: trial.newest.checkpoints)
                started = process.descendants()
                process.signal(signal.SIGKILL)
                await process.ended()
                await gone(started)
            (tmp_path / "go").touch()
            (spool,) = (process.workdir / "attempts").iterdir()
            kept = (spool / "points.jsonl").read_text().count("\n")
            async with worker(tmp_path, *given, "--max-trials", "1") as process:
                await server.until(lambda: trial.attempts[0].complete, 60.0)
                assert len(trial.attempts[0].points) == kept
                ended = trial.attempts[0].complete
                assert ended is not None
                assert ended["outcome"] == "preempted", process.said
                assert await process.ended() == 0, process.said
            assert trial.state == "completed"

    asyncio.run(run())


def test_sigusr1_finishes_what_runs(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 6, "hold": 3})
            given = ["--server", server.address, "--trainer", spec, "--slots", "1"]
            async with worker(tmp_path, *given) as process:
                await points(server, trial, 4, process)
                process.signal(signal.SIGUSR1)
                await server.until(lambda: "finishes what runs" in process.said)
                other = server.add({"steps": 1})
                (tmp_path / "go").touch()
                assert await process.ended() == 0, process.said
            assert trial.state == "completed"
            assert not other.attempts

    asyncio.run(run())


def test_a_hangup_leaves_like_sigterm(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 50, "hold": 3})
            async with worker(tmp_path, "--server", server.address, "--trainer", spec, "--slots", "1") as process:
                await points(server, trial, 4, process)
                process.signal(signal.SIGHUP)
                assert await process.ended() == 0, process.said
            assert trial.attempts[0].complete is not None
            assert trial.attempts[0].complete["outcome"] == "preempted"

    asyncio.run(run())


def test_a_hangup_that_is_ignored_from_the_start_stays_so(tmp_path: Path) -> None:
    """As `nohup` and `setsid` have it."""

    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 50, "hold": 3})
            given = ["--server", server.address, "--trainer", spec, "--slots", "1"]
            async with worker(tmp_path, *given, prefix=["env", "--ignore-signal=HUP"]) as process:
                await points(server, trial, 4, process)
                process.signal(signal.SIGHUP)
                process.signal(signal.SIGUSR1)
                await server.until(lambda: "finishes what runs" in process.said)
                (tmp_path / "go").touch()
                assert await process.ended() == 0, process.said
            assert trial.state == "completed"

    asyncio.run(run())


def test_a_command_is_a_trainer_too_and_never_sees_the_token(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "script.py").write_text(
            dedent(
                """
                import json, os, sys
                for step in range(1, 4):
                    print(json.dumps({"step": step, "loss": float(sys.argv[2]) / step}), flush=True)
                print("token:", os.environ.get("BASIN_TOKEN"))
                """
            )
        )
        async with FakeServer(token="secret") as server:
            trial = server.add({"lr": 0.5})
            given = ["--server", server.address, "--slots", "1", "--max-trials", "1"]
            command = ["--", sys.executable, "script.py", "--lr", "{lr}"]
            async with worker(tmp_path, *given, *command, environ={"BASIN_TOKEN": "secret"}) as process:
                assert await process.ended() == 0, process.said
            assert trial.state == "completed", process.said
            assert [point["metrics"]["loss"] for point in trial.newest.points] == [0.5, 0.25, 0.5 / 3]
            assert b"token: None" in trial.newest.log

    asyncio.run(run())


def test_a_full_disk_loses_no_point(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: what does not fit stays in memory until it is sent."""

    async def run() -> None:
        source = """
            import resource

            def train(trial):
                hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
                for step in range(1, 3001):
                    trial.report(step, loss=1 / step)
        """
        async with FakeServer() as server:
            trial = server.add()
            limited = (
                "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
                "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]; "
                "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard)); "
                "from service.cli import main; sys.exit(main(sys.argv[1:]))"
            )
            spec = written(tmp_path, source)
            arguments = ["worker", "--server", server.address, "--trainer", spec, "--slots", "1", "--max-trials", "1"]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                limited,
                *arguments,
                "--gpus",
                "none",
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
            assert process.returncode == 0, out.decode()
            assert steps(trial) == list(range(1, 3001)), out.decode()
            assert b"they are kept in memory" in out

    asyncio.run(run())


def test_the_agent_itself_stays_light(tmp_path: Path) -> None:
    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        async with FakeServer() as server:
            trial = server.add({"steps": 50, "hold": 3})
            async with worker(tmp_path, "--server", server.address, "--trainer", spec, "--slots", "1") as process:
                await points(server, trial, 4, process)
                maps = Path(f"/proc/{process.pid}/maps").read_text()
                assert "torch" not in maps
                assert psutil.Process(process.pid).memory_info().rss < 150_000_000

    asyncio.run(run())


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_slurm_s_script_hands_signals_on_and_waits_for_the_worker(tmp_path: Path, number: signal.Signals) -> None:
    """With `B:` Slurm sends the signal to the script alone."""

    async def run() -> None:
        spec = written(tmp_path, COUNTS)
        (tmp_path / "token").write_text("secret\n")
        (tmp_path / "bin").mkdir()
        basin = tmp_path / "bin" / "basin"
        # A node without GPUs, and a command that is this interpreter's.
        basin.write_text(f'#!/bin/sh\nexec {sys.executable} -m service.cli "$@" --gpus none --slots 1\n')
        basin.chmod(0o755)
        async with FakeServer(token="secret") as server:
            trial = server.add({"steps": 6, "hold": 3})
            environ = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                "BASIN_SERVER": server.address,
                "BASIN_TOKEN_FILE": str(tmp_path / "token"),
                "BASIN_TRAINER": spec,
                "BASIN_WORKDIR": str(tmp_path / "work"),
                "SLURM_JOB_ID": "17",
            }
            script = await asyncio.create_subprocess_exec(
                "bash",
                str(ROOT / "deploy/slurm/worker.sbatch"),
                env=environ,
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            await server.until(lambda: trial.attempts and len(trial.newest.points) >= 4, 60.0)
            script.send_signal(number)
            if number is signal.SIGUSR1:
                await asyncio.to_thread((tmp_path / "go").touch)
            out, _ = await asyncio.wait_for(script.communicate(), PATIENCE)
            assert script.returncode == 0, out.decode()
            assert trial.newest.complete is not None, out.decode()
            wanted = "completed" if number is signal.SIGUSR1 else "preempted"
            assert trial.newest.complete["outcome"] == wanted, out.decode()

    asyncio.run(run())
