"""Workers with other data than a study's first trial: their trials fail, and say which data are which."""

import asyncio
from pathlib import Path

from tests.fakes.process import Talk, forever
from tests.fakes.server import FakeServer
from tests.integration.agent.running import working
from worker.messages import Ended

MINE, OTHER = "ab" * 32, "cd" * 32


def test_the_fingerprint_goes_with_the_points_and_comes_with_later_leases(tmp_path: Path) -> None:
    async def train(talk: Talk) -> Ended:
        talk.read(MINE)
        if talk.task.waits:
            await talk.agreed.wait()
        talk.report(1, loss=1.0)
        return Ended(outcome="completed")

    async def run() -> None:
        async with FakeServer() as server:
            first = server.add()
            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: first.state == "completed")
                assert server.data == {"study": MINE}
                second = server.add()
                await server.until(lambda: second.state == "completed")
                tasks = worker.start.tasks  # type: ignore[attr-defined]
                assert [(task.data_fingerprint, task.waits) for task in tasks] == [(None, True), (MINE, False)]

    asyncio.run(run())


def test_who_began_before_the_study_knew_its_data_is_refused_before_it_trains(tmp_path: Path) -> None:
    trained = []

    async def train(talk: Talk) -> Ended:
        talk.read(OTHER)
        await talk.agreed.wait()
        trained.append(talk)
        await forever()
        raise AssertionError("it is killed")

    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            server.data["study"] = MINE
            trial.lease["data_fingerprint"] = None
            async with working(server, tmp_path, train):
                await server.until(lambda: trial.state == "failed")
            assert trial.newest.complete is not None
            failure = trial.newest.complete["failure"]
            assert failure["class"] == "user_error"
            assert MINE in failure["message"]
            assert OTHER in failure["message"]
            assert trial.newest.points == []
            assert trained == []

    asyncio.run(run())


def test_what_an_agent_left_behind_still_tells_of_its_data(tmp_path: Path) -> None:
    async def train(talk: Talk) -> Ended:
        talk.read(MINE)
        talk.report(1, loss=1.0)
        return Ended(outcome="completed")

    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            server.http.plan(":report|:complete", "cut", 1_000)
            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: list(tmp_path.glob("attempts/*/ended.json")))
                await worker.kill()
            server.http.faults.clear()
            async with working(server, tmp_path, train):
                await server.until(lambda: trial.attempts[0].complete)
            assert server.data == {"study": MINE}

    asyncio.run(run())
