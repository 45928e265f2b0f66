"""How a worker ends: told to leave, drained, with nothing to do; and what becomes of its trials."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.process import ScriptedStarter, Talk, forever
from tests.fakes.server import FakeServer
from tests.integration.agent.running import slow, working
from worker.messages import Ended
from worker.slots import on_cpus


async def saves(talk: Talk) -> Ended:
    """Trains until it is told to go, and saves then."""
    step = talk.task.resume_step or 0
    while True:
        step += 1
        talk.report(step, loss=1 / step)
        if talk.commands:
            order = talk.commands.pop(0).order
            talk.save(step, f"state {step}".encode())
            return Ended(outcome="preempted" if order == "preempt" else "paused")
        await asyncio.sleep(0.005)


def test_leaving_checkpoints_gives_back_and_says_goodbye(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.05) as server:
            trials = [server.add(), server.add()]
            async with working(server, tmp_path, saves) as worker:
                await server.until(lambda: all(one.attempts and one.newest.points for one in trials))
                worker.agent.hasten("leave")
                await worker.ended()
            for trial in trials:
                assert trial.newest.complete is not None
                assert trial.newest.complete["outcome"] == "preempted"
                assert trial.newest.checkpoints
                assert trial.queued
            (known,) = server.workers.values()
            assert known.left
            assert not list((tmp_path / "attempts").iterdir())

    asyncio.run(run())


def test_a_trial_that_does_not_save_in_time_is_ended_and_keeps_what_it_had(tmp_path: Path) -> None:
    async def run() -> None:
        async def deaf(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            talk.save(1, b"an older state")
            talk.report(2, loss=0.5)
            await forever()

        async with FakeServer() as server:
            trial = server.add()
            timing = slow(grace=1.0, reserve=0.7, checkpoint=60)
            async with working(server, tmp_path, deaf, timing=timing) as worker:
                await server.until(lambda: trial.attempts and len(trial.newest.points) == 2)
                worker.agent.hasten("leave")
                await worker.ended(5.0)
            assert trial.newest.checkpoints == {1: b"an older state"}
            assert trial.newest.complete is not None
            assert trial.newest.complete["outcome"] == "preempted"

    asyncio.run(run())


def test_without_a_checkpoint_it_is_no_preemption_but_told_as_one(tmp_path: Path) -> None:
    async def run() -> None:
        async def deaf(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            await forever()

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, deaf, timing=slow(grace=1.0, reserve=0.7)) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                worker.agent.hasten("leave")
                await worker.ended(5.0)
            assert trial.newest.complete is not None
            assert trial.newest.complete["outcome"] == "failed"
            assert trial.newest.complete["failure"]["class"] == "preempted"

    asyncio.run(run())


def test_leaving_while_the_server_is_away_keeps_the_grace_and_the_points(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, saves, timing=slow(grace=1.0, reserve=0.5)) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                await server.http.stop()
                worker.agent.hasten("leave")
                began = asyncio.get_running_loop().time()
                await worker.ended(10.0)
                assert asyncio.get_running_loop().time() - began < 5.0
            await server.http.start()
            async with working(server, tmp_path, saves):
                await server.until(lambda: trial.attempts[0].complete)
            assert trial.attempts[0].complete is not None
            assert trial.attempts[0].complete["outcome"] == "preempted"
            assert trial.attempts[0].checkpoints

    asyncio.run(run())


def test_leaving_before_the_server_was_ever_there(tmp_path: Path) -> None:
    async def run() -> None:
        server = FakeServer()
        await server.http.start()
        await server.http.stop()
        async with working(server, tmp_path, saves) as worker:
            await server.until(lambda: worker.heard.about("the server is away"))
            worker.agent.hasten("leave")
            await worker.ended(5.0)

    asyncio.run(run())


def test_once_more_ends_it_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        async def deaf(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            await forever()

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, deaf, timing=slow(grace=60.0)) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                worker.agent.hasten("leave")
                await server.until(lambda: worker.heard.about("checkpointed and given back"))
                worker.agent.hasten("abort")
                await worker.ended(5.0)
            assert isinstance(worker.start, ScriptedStarter)
            assert worker.start.processes[0].ended_by == ["kill"]
            assert trial.newest.complete is None
            assert list((tmp_path / "attempts").iterdir()), "what was not sent is sent at the next start"

    asyncio.run(run())


def test_draining_finishes_what_runs_and_takes_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        go = asyncio.Event()

        async def train(talk: Talk) -> None:
            talk.report(1, loss=1.0)
            await go.wait()

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, slots=on_cpus(1, 1)) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                worker.agent.hasten("drain")
                other = server.add()
                go.set()
                await worker.ended()
            assert trial.state == "completed"
            assert not other.attempts

    asyncio.run(run())


def test_the_server_drains_it_and_lets_it_go_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            server.draining = True
            trial = server.add()
            async with working(server, tmp_path, saves) as worker:
                await server.until(lambda: worker.heard.about("no more trials: maintenance"))
                polls = len(server.acquires)
                await server.until(lambda: len(next(iter(server.workers.values())).beats) > 10)
                assert len(server.acquires) == polls, "it must not ask while it is drained"
                server.draining = False
                await server.until(lambda: worker.heard.about("may take trials again"))
                await server.until(lambda: trial.attempts)

    asyncio.run(run())


def test_a_drain_that_gives_back_what_runs(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            trial = server.add()
            async with working(server, tmp_path, saves):
                await server.until(lambda: trial.attempts and trial.newest.points)
                server.draining = True
                trial.newest.directive = {"type": "drain", "reason": "maintenance", "id": 1}
                await server.until(lambda: trial.newest.complete)
            assert trial.newest.complete is not None
            assert trial.newest.complete["outcome"] == "preempted"

    asyncio.run(run())


@pytest.mark.parametrize("away", [False, True])
def test_nothing_to_do(tmp_path: Path, away: bool) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            talk.report(1, loss=1.0)

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, exit_when_idle=0.3, timing=slow(acquire=0.1)) as worker:
                await server.until(lambda: trial.state == "completed")
                if away:
                    await server.http.stop()
                await worker.ended(10.0)
                assert worker.heard.about("nothing to do for 0.3 s")

    asyncio.run(run())
