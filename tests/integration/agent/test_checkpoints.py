"""Checkpoints on their way to the server and back: those that are needed, whole, and behind their points."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.process import Talk
from tests.fakes.server import FakeServer
from tests.integration.agent.running import slow, working
from worker.messages import Ended


def test_a_pause_brings_its_checkpoint_first(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, loss=1.0)
            assert await talk.order() == "pause"
            talk.report(2, loss=0.5)
            talk.save(2, b"state of step 2")
            return Ended(outcome="paused")

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1, timing=slow(checkpoint=60)) as worker:
                await server.until(lambda: trial.attempts)
                trial.newest.directive = {"type": "pause", "reason": "rung 1", "id": 4}
                await worker.ended()
            assert trial.state == "paused"
            assert trial.newest.checkpoints == {2: b"state of step 2"}
            calls = [one for one in server.asked if "/attempts/" in one and "/logs" not in one]
            kinds = [one.rsplit("/", 2)[-2:] for one in calls]
            assert kinds[-2][0] == "checkpoints"
            assert calls[-1].endswith(":complete")

    asyncio.run(run())


def test_a_directive_is_heard_once_and_confirmed(tmp_path: Path) -> None:
    async def run() -> None:
        saves = 0

        async def train(talk: Talk) -> Ended:
            nonlocal saves
            step = 0
            while True:
                step += 1
                talk.report(step, loss=1.0)
                if await talk.order() == "stop":
                    return Ended(outcome="pruned")
                saves += 1
                talk.save(step, b"x" * 100_000)

        async with FakeServer(heartbeat=0.02) as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1, timing=slow(checkpoint=60)) as worker:
                await server.until(lambda: trial.attempts)
                trial.newest.directive = {"type": "checkpoint", "id": 1}
                # It is confirmed when it was heard; the checkpoint takes its time.
                await server.until(lambda: 1 in trial.newest.obeyed and trial.newest.checkpoints)
                assert trial.newest.checkpoints == {1: b"x" * 100_000}
                trial.newest.directive = {"type": "stop", "id": 2}
                await worker.ended()
            assert saves == 1

    asyncio.run(run())


def test_checkpoints_go_to_the_server_now_and_then(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            for step in range(1, 1_000):
                talk.report(step, loss=1.0)
                talk.save(step, f"state {step}".encode())
                await asyncio.sleep(0.002)

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1, timing=slow(checkpoint=0.2)):
                await server.until(lambda: trial.attempts and len(trial.newest.checkpoints) >= 3)
                newest = max(trial.newest.checkpoints)
                assert trial.newest.checkpoints[newest] == f"state {newest}".encode()
                assert len(trial.newest.checkpoints) < newest / 2, "only some of them are needed"

    asyncio.run(run())


def test_a_trial_that_does_not_save_by_itself_is_asked_to(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> None:
            for step in range(1, 1_000):
                talk.report(step, loss=1.0)
                assert await talk.order() == "checkpoint"
                talk.save(step, f"state {step}".encode())

        async with FakeServer() as server:
            trial = server.add()
            async with working(server, tmp_path, train, max_trials=1, timing=slow(checkpoint=0.1)):
                await server.until(lambda: trial.attempts and len(trial.newest.checkpoints) >= 2)
                assert trial.newest.complete is None

    asyncio.run(run())


def test_a_trial_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    async def run() -> None:
        seen: list[tuple[int | None, bytes]] = []

        async def train(talk: Talk) -> Ended:
            task = talk.task
            seen.append((task.resume_step, Path(task.resume_path).read_bytes() if task.resume_path else b""))
            if task.resume_step is None:
                talk.report(1, loss=1.0)
                talk.save(1, b"one")
                return Ended(outcome="preempted")
            talk.report(2, loss=0.5)
            return Ended(outcome="completed")

        async with FakeServer() as server:
            trial = server.add()
            server.http.plan("GET .*/checkpoints/1", "cut")
            async with working(server, tmp_path, train, max_trials=2) as worker:
                await worker.ended()
            assert seen == [(None, b""), (1, b"one")]
            assert trial.state == "completed"

    asyncio.run(run())


@pytest.mark.parametrize("damage", ["other", "cut off", "gone"])
def test_a_checkpoint_that_is_not_whole_fails_the_attempt_and_not_the_worker(tmp_path: Path, damage: str) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            talk.report(1, loss=1.0)
            talk.save(1, b"what was saved")
            return Ended(outcome="preempted")

        async with FakeServer() as server:
            trial = server.add()
            whole = server._grant

            def granted(one: object, id: str) -> dict[str, object]:
                lease = whole(trial, id)
                if damage == "gone":
                    trial.attempts[0].checkpoints.clear()
                elif lease.get("resume_step"):
                    trial.attempts[0].checkpoints[1] = b"what was" if damage == "cut off" else b"something else"
                return lease

            server._grant = granted  # type: ignore[method-assign,assignment]
            async with working(server, tmp_path, train, max_trials=2) as worker:
                await server.until(lambda: len(trial.attempts) > 1 and trial.attempts[1].complete)
                await worker.ended()
            second = trial.attempts[1].complete
            assert second is not None
            assert second["failure"]["class"] == "infra"
            assert "checkpoint at step 1" in second["failure"]["message"]

    asyncio.run(run())


def test_the_model_of_a_refit_is_there_before_its_end_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async def train(talk: Talk) -> Ended:
            for step in (1, 2):
                talk.report(step, loss=1.0)
                talk.save(step, f"state of step {step}".encode())
                # The first one is sent at once; the next would wait, were it not the last.
                await asyncio.sleep(0.1)
            return Ended(outcome="completed")

        async with FakeServer() as server:
            usual, refit = server.add(), server.add(purpose="refit", steps=2)
            async with working(server, tmp_path, train, max_trials=2, timing=slow(checkpoint=60)) as worker:
                await worker.ended()
            assert (usual.state, refit.state) == ("completed", "completed")
            assert 2 not in usual.newest.checkpoints
            assert refit.newest.checkpoints[2] == b"state of step 2"

    asyncio.run(run())
