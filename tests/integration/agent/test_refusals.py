"""A worker that the server does not let in says why and what to do, and ends."""

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from tests.fakes.process import Talk, forever
from tests.fakes.server import FakeServer
from tests.integration.agent.running import working
from worker.messages import Ended
from worker.problems import WorkerProblem


async def steady(talk: Talk) -> Ended:
    for step in range(1, 41):
        talk.report(step, loss=1 / step)
        await asyncio.sleep(0.005)
    return Ended(outcome="completed")


def test_another_instance_with_its_id(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            id = str(uuid.uuid4())
            (tmp_path / "worker.json").write_text(json.dumps({"id": id, "instances": ["a" * 32]}))
            server._introduced(id, {"instance": "b" * 32, "protocol": 1, "name": "the other"})
            async with working(server, tmp_path, steady) as worker:
                with pytest.raises(WorkerProblem, match="another worker runs with the id") as caught:
                    await worker.ended()
            assert caught.value.exit_code == 2
            assert "--workdir" in (caught.value.hint or "")

    asyncio.run(run())


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_wrong_token(tmp_path: Path, token: str | None) -> None:
    async def run() -> None:
        async with FakeServer(token="right") as server, working(server, tmp_path, steady, token=token) as worker:
            with pytest.raises(WorkerProblem, match="does not let this worker in: the token is not known") as caught:
                await worker.ended()
            assert caught.value.hint == "Ask for a new one."

    asyncio.run(run())


@pytest.mark.parametrize("denial", ["token_invalid", "role_missing"])
def test_a_token_that_is_refused_later_may_be_renewed(tmp_path: Path, denial: str) -> None:
    async def run() -> None:
        async with FakeServer(token="old", heartbeat=0.05) as server:
            server.denial = denial
            trial = server.add()
            async with working(server, tmp_path, steady, token="old", max_trials=1) as worker:
                await server.until(lambda: trial.attempts)
                server._token = "new"
                await server.until(lambda: worker.heard.about("does not take the token any more"))
                server._token = "old"
                await worker.ended()
            assert trial.state == "completed"
            assert len(worker.heard.about("does not take the token any more")) == 1

    asyncio.run(run())


@pytest.mark.parametrize("ended", [False, True], ids=["cut off", "ended"])
@pytest.mark.parametrize("denial", ["token_invalid", "role_missing"])
def test_what_was_left_waits_for_a_token_that_is_let_in(tmp_path: Path, denial: str, ended: bool) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, loss=1.0)
            talk.print("a line\n")
            talk.save(1, b"the state")
            if not ended:
                await forever()
            return Ended(outcome="completed")

        async with FakeServer(token="right") as server:
            trial = server.add()
            server.http.plan(":report|:complete|/logs|/checkpoints", "cut", 1_000)
            async with working(server, tmp_path, train, token="right") as worker:
                await server.until(lambda: list(tmp_path.glob(f"attempts/*/{'ended' if ended else 'checkpoint'}.json")))
                await worker.kill()
            server.http.faults.clear()
            server.denial = denial
            async with working(server, tmp_path, train, token="wrong") as worker:
                with pytest.raises(WorkerProblem, match="does not let this worker in"):
                    await worker.ended()
            async with working(server, tmp_path, train, token="right"):
                await server.until(lambda: trial.attempts[0].complete)
            first = trial.attempts[0]
            assert first.complete is not None
            assert first.complete["outcome"] == ("completed" if ended else "preempted")
            assert (len(first.points), first.log) == (1, b"a line\n")

    asyncio.run(run())


def test_a_protocol_that_the_server_does_not_speak(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server, working(server, tmp_path, steady) as worker:
            server.protocol = 2
            with pytest.raises(WorkerProblem, match="do not speak the same protocol") as caught:
                await worker.ended()
            assert caught.value.hint == "Upgrade the worker."

    asyncio.run(run())
