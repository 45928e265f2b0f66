"""Trials that share a GPU, and trials that break on it: each has its part, and none harms another."""

import asyncio
import signal
from pathlib import Path
from textwrap import dedent

import pytest

from tests.acceptance.worker_process import WorkerProcess, gone, worker
from tests.fakes.server import FakeServer, Trial
from tests.gpu.driver import Driver
from tests.gpu.test_worker import SLACK

pytestmark = pytest.mark.timeout(180)

# Takes a hundredth of the GPU's memory at each step; holds what it has while the file `hold` is there.
TAKES = """
    import pathlib, time, torch

    def train(trial):
        whole = torch.cuda.get_device_properties(0).total_memory
        held, step = [], 0
        for _ in range(trial.params["hundredths"]):
            held.append(torch.ones(whole // 100, dtype=torch.uint8, device=trial.device))
            trial.report(step := step + 1, loss=float(held[-1][0]))
        while pathlib.Path("hold").exists():
            trial.report(step := step + 1, loss=float(sum(one[0] for one in held)))
            time.sleep(0.02)
        return 1.0
"""
# With a label that there is none of, the kernel asserts; it is told of when a number is asked for.
ASSERTS = """
    import torch

    def train(trial):
        outputs = torch.zeros(4, 3, device=trial.device, requires_grad=True)
        targets = torch.full((4,), trial.params["label"], device=trial.device)
        loss = torch.nn.functional.cross_entropy(outputs, targets)
        torch.autograd.backward(loss)
        if trial.params["how"] == "reported":
            trial.report(1, loss)
        return loss
"""


def written(folder: Path, source: str) -> str:
    (folder / "mine.py").write_text(dedent(source))
    return "mine.py:train"


async def until_ended(server: FakeServer, process: WorkerProcess, *trials: Trial) -> None:
    try:
        await server.until(lambda: all(one.attempts and one.newest.complete for one in trials), 120.0)
    except TimeoutError:
        raise AssertionError(process.said) from None


def failure(trial: Trial) -> dict[str, str]:
    assert trial.newest.complete is not None
    found: dict[str, str] = trial.newest.complete["failure"]
    return found


def test_who_takes_more_than_the_part_of_a_slot_fails_alone(driver: Driver, tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "hold").touch()
        before = driver.used
        async with FakeServer() as server:
            modest, greedy = server.add({"hundredths": 20}), server.add({"hundredths": 90})
            given = ["--server", server.address, "--trainer", written(tmp_path, TAKES), "--slots-per-gpu", "2"]
            async with worker(tmp_path, *given, gpus=driver.uuid) as process:
                await until_ended(server, process, greedy)
                assert failure(greedy)["class"] == "oom", failure(greedy)
                assert "out of memory" in failure(greedy)["message"]
                # 0.95 of a half, of which the allocator's own rounding takes some.
                assert 44 <= greedy.newest.points[-1]["step"] <= 47
                assert modest.newest.complete is None
                seen = len(modest.newest.points)
                await server.until(lambda: len(modest.newest.points) > seen + 10)
                again = server.add({"hundredths": 40})
                await server.until(lambda: again.attempts and len(again.newest.points) > 45)
                (tmp_path / "hold").unlink()
                await until_ended(server, process, modest, again)
                assert [modest.state, again.state] == ["completed", "completed"], process.said
                process.signal(signal.SIGTERM)
                assert await process.ended() == 0
        assert abs(driver.used - before) < SLACK

    asyncio.run(run())


def test_an_assertion_on_the_gpu_fails_its_trial_and_no_other(driver: Driver, tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            broken = [server.add({"label": 7, "how": how}) for how in ("reported", "returned")]
            sound = [server.add({"label": 1, "how": how}) for how in ("reported", "returned")]
            given = ["--server", server.address, "--trainer", written(tmp_path, ASSERTS), "--max-trials", "4"]
            async with worker(tmp_path, *given, gpus=driver.uuid) as process:
                await until_ended(server, process, *broken, *sound)
                assert await process.ended() == 0, process.said
            for one in broken:
                assert failure(one)["class"] == "user_error", failure(one)
                assert "device-side assert triggered" in failure(one)["message"]
                assert b"Assertion" in one.newest.log, "what the kernel says is in the log"
            assert [one.state for one in sound] == ["completed", "completed"], process.said

    asyncio.run(run())


def test_a_worker_that_is_killed_leaves_nothing_on_the_gpu(driver: Driver, tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "hold").touch()
        before = driver.used
        async with FakeServer() as server:
            trial = server.add({"hundredths": 10})
            given = ["--server", server.address, "--trainer", written(tmp_path, TAKES)]
            async with worker(tmp_path, *given, gpus=driver.uuid) as process:
                await server.until(lambda: trial.attempts and len(trial.newest.points) > 12, 60.0)
                assert driver.used - before > driver.total // 11
                started = process.descendants()
                process.signal(signal.SIGKILL)
                await process.ended()
                await gone(started)
        assert abs(driver.used - before) < SLACK

    asyncio.run(run())
