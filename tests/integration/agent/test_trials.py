"""What a worker does with trials: it takes them, reports, hears verdicts, checkpoints, and completes them."""

import asyncio
import math
import time
from pathlib import Path

import pytest

from service.wire.worker import Gpu, GpuUse, Selectors
from tests.fakes.process import ScriptedStarter, Talk, forever
from tests.fakes.server import FakeServer
from tests.integration.agent.running import working
from worker.messages import Ended, Started
from worker.slots import on_cpus, on_gpus


async def three_steps(talk: Talk) -> Ended:
    talk.print("hello\n")
    for step in range(1, 4):
        talk.report(step, loss=1 / step)
    talk.print("bye\n")
    return Ended(outcome="completed", values={"loss": 1 / 3, "other": 2.0})


def test_a_trial_from_lease_to_end(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add({"x": 0.5}, horizon=3)
            async with working(server, tmp_path, three_steps, max_trials=1) as worker:
                await worker.ended()
            assert trial.state == "completed"
            assert trial.newest.points[0]["metrics"] == {"loss": 1.0}
            assert [point["step"] for point in trial.newest.points] == [1, 2, 3]
            assert trial.newest.log == b"hello\nbye\n"
            assert trial.newest.complete is not None
            assert trial.newest.complete["values"] == {"loss": 1 / 3}
            assert trial.newest.complete["usage"]["wall_seconds"] >= 0
            (known,) = server.workers.values()
            assert known.body["trainers"] == ["toy"]
            assert known.left
            assert not list((tmp_path / "attempts").iterdir()), "what was completed is forgotten"
            assert isinstance(worker.start, ScriptedStarter)
            (task,) = worker.start.tasks
            assert (task.trainer, task.params, task.horizon, task.metric, task.device) == (
                "toy",
                {"x": 0.5},
                3,
                "loss",
                "cpu",
            )

    asyncio.run(run())


def test_what_a_trial_used_begins_with_its_process(tmp_path: Path) -> None:
    """A GPU is held while libraries and the trainer are loaded, and points count from there: the whole is no less."""

    async def slow_to_start(talk: Talk) -> Ended:
        while time.monotonic() < talk.began + 0.2:
            await asyncio.sleep(0.01)
        talk.said.put_nowait(Started(pid=1))
        talk.report(1, loss=1.0)
        return Ended(outcome="completed")

    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            slots = on_gpus([Gpu(uuid="GPU-1", model="H200", memory_bytes=1)], 2)
            async with working(server, tmp_path, slow_to_start, max_trials=1, slots=slots) as worker:
                await worker.ended()
            assert trial.newest.complete is not None
            used, (point,) = trial.newest.complete["usage"], trial.newest.points
            assert point["cost"] == pytest.approx(point["elapsed"] / 2)
            assert used["wall_seconds"] >= point["elapsed"] >= 0.2
            assert used["gpu_seconds"] >= point["cost"]

    asyncio.run(run())


def test_it_never_holds_more_than_it_can_run(tmp_path: Path) -> None:
    async def run() -> None:
        most = now = 0

        async def train(talk: Talk) -> None:
            nonlocal most, now
            now += 1
            most = max(most, now)
            talk.report(1, loss=1.0)
            await asyncio.sleep(0)
            now -= 1

        async with FakeServer() as server:
            trials = [server.add() for _ in range(9)]
            async with working(server, tmp_path, train, slots=on_cpus(3, 4), max_trials=9) as worker:
                await worker.ended()
            assert {trial.state for trial in trials} == {"completed"}
            assert most <= 3
            assert max(body["max_trials"] for body in server.acquires) == 3

    asyncio.run(run())


def test_not_a_number_travels(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, loss=math.nan)
            talk.report(2, loss=-math.inf)
            return Ended(outcome="failed", failure_class="nan", message="diverged", tail="line 3")

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert [point["metrics"]["loss"] for point in trial.newest.points] == ["NaN", "-Infinity"]
            assert trial.newest.complete is not None
            assert trial.newest.complete["failure"] == {"class": "nan", "message": "diverged", "tail": "line 3"}

    asyncio.run(run())


def test_a_verdict_stops_the_trial(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, loss=1.0)
            assert await talk.order() == "stop"
            return Ended(outcome="pruned")

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await server.until(lambda: trial.attempts)
                trial.newest.directive = {"type": "stop", "reason": "rank 9 of 9", "id": 1}
                await worker.ended()
            assert trial.state == "pruned"
            assert worker.heard.about("rank 9 of 9")

    asyncio.run(run())


def test_one_that_does_not_stop_is_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            await forever()

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await server.until(lambda: trial.attempts)
                trial.newest.directive = {"type": "stop", "id": 1}
                await worker.ended()
            assert trial.state == "pruned"

    asyncio.run(run())


def test_silence_is_ended_with_the_stacks_in_the_log(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            await forever()

        async with FakeServer() as server:
            trial = server.add(limits={"step_timeout": 0.2})
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert trial.newest.complete is not None
            failure = trial.newest.complete["failure"]
            assert failure["class"] == "timeout"
            assert "no report for 0.2 s" in failure["message"]
            assert "train.py, line 3" in failure["tail"]
            assert b"train.py, line 3" in trial.newest.log

    asyncio.run(run())


@pytest.mark.parametrize(
    ("limits", "says"),
    [({"first_step_timeout": 0.1}, "in the first 0.1 s"), ({"trial_time": 0.3}, "longer than the 0.3 s")],
)
def test_other_limits(tmp_path: Path, limits: dict[str, float], says: str) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            for step in range(1, 10_000):
                if "trial_time" in limits:
                    talk.report(step, loss=1.0)
                await asyncio.sleep(0.01)

        async with FakeServer() as server:
            trial = server.add(limits=limits)
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert trial.newest.complete is not None
            assert trial.newest.complete["failure"]["class"] == "timeout"
            assert says in trial.newest.complete["failure"]["message"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("steps", "metrics", "says"),
    [
        ([1, 2, 2], {"loss": 1.0}, "step 2 was reported after step 2"),
        ([1, 2], {"bad name!": 1.0}, "bad name!"),
        ([-1], {"loss": 1.0}, "step"),
    ],
)
def test_a_report_that_cannot_be_taken_is_the_users_error(
    tmp_path: Path, steps: list[int], metrics: dict[str, float], says: str
) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            for step in steps:
                talk.report(step, **metrics)
            await forever()

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert trial.newest.complete is not None
            failure = trial.newest.complete["failure"]
            assert failure["class"] == "user_error"
            assert says in failure["message"]

    asyncio.run(run())


def test_a_completed_trial_without_its_value_is_told_so(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, accuracy=1.0)
            return Ended(outcome="completed")

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert trial.newest.complete is not None
            assert trial.newest.complete["failure"]["class"] == "user_error"
            assert "values.loss" in trial.newest.complete["failure"]["message"]

    asyncio.run(run())


def test_a_trainer_that_it_was_not_given(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            strange = server.add(trainer={"name": "other"})
            usual = server.add(trainer={"name": "toy", "settings": {"size": 3}})
            async with working(server, tmp_path, three_steps, max_trials=1) as worker:
                await worker.ended()
            assert strange.attempts[0].complete is not None
            assert strange.attempts[0].complete["failure"]["class"] == "infra"
            assert usual.state == "completed"
            assert isinstance(worker.start, ScriptedStarter)
            assert [task.settings for task in worker.start.tasks] == [{"size": 3}]

    asyncio.run(run())


def test_heartbeats_tell_gpus_and_selectors_are_sent(tmp_path: Path) -> None:
    async def run() -> None:
        use = GpuUse(uuid="GPU-1", utilisation=0.5, memory_used_bytes=10, temperature=60.0)
        async with FakeServer() as server:
            server.add(study="other")
            async with working(
                server, tmp_path, three_steps, gpus=(use,), selectors=Selectors(studies=("mine",))
            ) as worker:
                await server.until(lambda: server.workers and next(iter(server.workers.values())).beats)
                (known,) = server.workers.values()
                assert known.beats[0]["gpus"][0]["temperature"] == 60.0
                assert known.beats[0]["clock"]
                await server.until(lambda: server.acquires)
                assert server.acquires[0]["selectors"]["studies"] == ["mine"]
                assert not worker.heard.about("error")
            assert not server.trials[0].attempts

    asyncio.run(run())
