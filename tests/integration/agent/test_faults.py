"""What may go wrong between a worker and its server, and that nothing is lost or doubled by it."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.http import Fault
from tests.fakes.process import ScriptedStarter, Talk, forever
from tests.fakes.server import FakeServer, Trial
from tests.integration.agent.running import working
from worker.messages import Ended

STEPS = 40


async def steady(talk: Talk) -> Ended:
    for step in range(1, STEPS + 1):
        talk.report(step, loss=1 / step)
        await asyncio.sleep(0.005)
    return Ended(outcome="completed")


def whole(trial: Trial) -> None:
    """Every point is there, once, and in order (the fake refuses one that comes again and differs)."""
    assert [point["step"] for point in trial.newest.points] == list(range(1, STEPS + 1))
    assert trial.state == "completed"


@pytest.mark.parametrize("call", ["PUT .*/workers/", ":acquire", ":heartbeat", ":report", "/logs", ":complete"])
@pytest.mark.parametrize("fault", ["cut", "lose", "503", "429", "500", "html", "page404"])
def test_a_fault_of_the_way_costs_nothing(tmp_path: Path, call: str, fault: Fault) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            trials = [server.add(), server.add()]
            headers = {"Retry_After": "0"} if fault in {"503", "429"} else {}
            server.http.plan(call, fault, 3, **headers)

            async def train(talk: Talk) -> Ended:
                talk.print("a line\n")
                return await steady(talk)

            async with working(server, tmp_path, train, max_trials=2) as worker:
                await worker.ended()
            assert len(server.http.happened) == 3
            for trial in trials:
                whole(trial)
                assert len(trial.attempts) == 1, "a lost answer must not leak a lease"
                assert trial.newest.log == b"a line\n"
            assert not worker.heard.about("error")

    asyncio.run(run())


def test_the_server_is_away_while_a_trial_runs(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.05) as server:
            trial = server.add()
            go = asyncio.Event()

            async def train(talk: Talk) -> Ended:
                talk.report(1, loss=1.0)
                await go.wait()
                for step in range(2, STEPS + 1):
                    talk.report(step, loss=1 / step)
                return Ended(outcome="completed")

            async with working(server, tmp_path, train, max_trials=1) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                await server.http.stop()
                go.set()
                await server.until(lambda: worker.heard.about("the server is away"))
                (spool,) = (tmp_path / "attempts").iterdir()
                await server.until(lambda: (spool / "points.jsonl").read_text().count("\n") == STEPS)
                await server.until(lambda: (worker.link.away or 0) > 0.5)
                await server.http.start()
                await worker.ended()
            whole(trial)
            assert len(worker.heard.about("the server is away")) == 1
            (back,) = worker.heard.about("the server is back after")
            assert "s;" in back

    asyncio.run(run())


def test_the_server_is_away_at_the_start(tmp_path: Path) -> None:
    async def run() -> None:
        server = FakeServer()
        await server.http.start()
        trial = server.add()
        await server.http.stop()
        async with working(server, tmp_path, steady, max_trials=1) as worker:
            await server.until(lambda: worker.heard.about("the server is away"))
            assert "waiting for it" in worker.heard.lines[0]
            await server.http.start()
            await worker.ended()
        await server.http.stop()
        whole(trial)

    asyncio.run(run())


def test_a_lease_that_ran_out_but_was_not_given_away_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=60.0, ttl=0.05) as server:
            trial = server.add()
            async with working(server, tmp_path, steady, max_trials=1) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                await server.http.stop()
                await server.until(lambda: (worker.link.away or 0) > 0.2)
                trial.newest.over = True  # nobody has renewed it in time
                await server.http.start()
                await worker.ended()
            whole(trial)

    asyncio.run(run())


@pytest.mark.parametrize("by", ["heartbeat", "report"])
def test_an_attempt_that_was_given_to_another_is_ended_and_the_worker_goes_on(tmp_path: Path, by: str) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02 if by == "heartbeat" else 60.0) as server:
            trial = server.add()

            async def train(talk: Talk) -> Ended:
                if talk.task.trial == 1:
                    return await steady(talk)
                talk.report(1, loss=1.0)
                if by == "report":
                    for step in range(2, 100_000):
                        await asyncio.sleep(0.005)
                        talk.report(step, loss=1.0)
                await forever()
                raise AssertionError

            async with working(server, tmp_path, train, max_trials=2) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                server._grant(trial, "another worker")
                other = server.add()
                await server.until(lambda: worker.heard.about("was given up"))
                await worker.ended()
            assert other.state == "completed"
            first, second = trial.attempts
            assert first.complete is None
            assert second.points == []
            assert isinstance(worker.start, ScriptedStarter)
            assert worker.start.processes[0].ended_by

    asyncio.run(run())


def test_a_server_that_comes_back_is_found_before_leases_run_out(tmp_path: Path) -> None:
    """However long it was away: it is asked about as often as a worker beats, and not every half a minute."""

    async def run() -> None:
        async with FakeServer(heartbeat=2.0) as server, working(server, tmp_path, steady, longest=30.0) as worker:
            await server.until(lambda: worker.heard.about("is known to"))
            assert max(worker.link.delay(tries, None) for tries in range(100)) <= 2.0
            assert worker.link.delay(3, 9.0) >= 9.0, "as long as the server asks in any case"

    asyncio.run(run())


def test_it_introduces_itself_again_to_a_server_that_has_forgotten_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            trial = server.add()
            async with working(server, tmp_path, steady, max_trials=1) as worker:
                await server.until(lambda: trial.attempts)
                server.workers.clear()
                await worker.ended()
            whole(trial)
            assert len(worker.heard.about("is known to")) == 2

    asyncio.run(run())


def test_it_replaces_the_instance_that_ran_before_in_its_folder(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()

            async def train(talk: Talk) -> None:
                if len(trial.attempts) == 1:
                    await forever()
                talk.report(1, loss=1.0)

            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: trial.attempts)
                await worker.kill()
            assert trial.newest.complete is None
            async with working(server, tmp_path, train, max_trials=1) as worker:
                await server.until(lambda: trial.attempts[0].complete)
                trial.queued = True
                await worker.ended()
            assert len(server.workers) == 1
            assert trial.state == "completed"

    asyncio.run(run())


def test_what_a_killed_worker_left_is_sent_at_its_next_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            go = asyncio.Event()

            async def train(talk: Talk) -> None:
                talk.print("what it printed\n")
                await go.wait()
                for step in range(1, STEPS + 1):
                    talk.report(step, loss=1 / step)
                talk.save(STEPS, b"the state")
                await forever()

            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: list(tmp_path.glob("attempts/*/log")))
                await server.http.stop()
                go.set()
                await server.until(lambda: list(tmp_path.glob("attempts/*/checkpoint.json")))
                await worker.kill()
            assert trial.newest.points == []
            await server.http.start()
            async with working(server, tmp_path, steady, max_trials=1) as worker:
                await server.until(lambda: trial.attempts[0].complete)
            first = trial.attempts[0]
            assert [point["step"] for point in first.points] == list(range(1, STEPS + 1))
            assert first.checkpoints == {STEPS: b"the state"}
            assert first.log == b"what it printed\n"
            assert first.complete is not None
            assert first.complete["outcome"] == "preempted"
            assert worker.heard.about("an earlier start of this worker left")
            calls = [one for one in server.asked if one.startswith("PUT /v1/workers")]
            assert server.asked.index(calls[1], server.asked.index(calls[0]) + 1) > next(
                place for place, one in enumerate(server.asked) if one.endswith(":complete")
            ), "introducing itself gives back what it held: what was left goes before"

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["before the answer", "after the answer"])
def test_a_worker_killed_while_it_completes(tmp_path: Path, moment: str) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            server.http.plan(":complete", "cut" if moment == "before the answer" else "lose", 1_000)
            async with working(server, tmp_path, steady) as worker:
                await server.until(lambda: server.http.happened)
                await worker.kill()
            server.http.faults.clear()
            async with working(server, tmp_path, steady) as worker:
                await server.until(lambda: worker.heard.about("is known to"))
            whole(trial)
            assert len(trial.attempts) == 1

    asyncio.run(run())


def test_what_was_left_and_given_to_another_is_dropped(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()

            async def train(talk: Talk) -> None:
                talk.report(1, loss=1.0)
                await forever()

            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                await worker.kill()
            server._grant(trial, "another")
            async with working(server, tmp_path, steady) as worker:
                await server.until(lambda: worker.heard.about("is known to"))
                assert worker.heard.about("what was left is dropped")
            assert trial.attempts[0].complete is None
            assert not list((tmp_path / "attempts").iterdir())

    asyncio.run(run())


def test_without_a_checkpoint_what_was_killed_was_lost_to_the_node(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()

            async def train(talk: Talk) -> None:
                talk.report(1, loss=1.0)
                await forever()

            async with working(server, tmp_path, train) as worker:
                await server.until(lambda: trial.attempts and trial.newest.points)
                await worker.kill()
            async with working(server, tmp_path, train):
                await server.until(lambda: trial.attempts[0].complete)
            assert trial.attempts[0].complete is not None
            assert trial.attempts[0].complete["failure"]["class"] == "infra"

    asyncio.run(run())


def test_a_server_that_lost_points_gets_them_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()

            async def train(talk: Talk) -> Ended:
                for step in range(1, STEPS + 1):
                    talk.report(step, loss=1 / step)
                    if step == 20:
                        await server.until(lambda: len(trial.newest.points) == 20)
                        del trial.newest.points[5:]  # put back to a backup, say
                return Ended(outcome="completed")

            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            whole(trial)

    asyncio.run(run())


def test_batches_are_bounded_and_become_smaller_where_they_are_too_large(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            trial = server.add()
            server.most_bytes = 20_000

            async def train(talk: Talk) -> Ended:
                for step in range(1, 5_001):
                    talk.report(step, loss=1 / step)
                return Ended(outcome="completed")

            async with working(server, tmp_path, train, max_trials=1) as worker:
                await worker.ended()
            assert [point["step"] for point in trial.newest.points] == list(range(1, 5_001))
            assert trial.newest.reports < 100

    asyncio.run(run())


def test_a_clock_that_is_off_is_told_and_harms_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            server.skew = -3_600.0
            trial = server.add()
            async with working(server, tmp_path, steady, max_trials=1) as worker:
                await worker.ended()
            whole(trial)
            assert len(worker.heard.about("3600 s behind the server's")) == 1

    asyncio.run(run())


def test_a_fault_of_the_agent_ends_one_attempt_and_not_the_others(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            broken, other = server.add(), server.add()

            async def train(talk: Talk) -> Ended:
                if talk.task.trial == broken.number:
                    talk.said.put_nowait(talk.task)  # what only the agent says
                    await forever()
                return await steady(talk)

            async with working(server, tmp_path, train, max_trials=2) as worker:
                await worker.ended()
            assert broken.newest.complete is not None
            assert broken.newest.complete["failure"]["class"] == "infra"
            assert other.state == "completed"

    asyncio.run(run())


def test_retry_after_is_kept_even_if_others_are_answered(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer(heartbeat=0.02) as server:
            trial = server.add()
            server.http.plan(":report", "503", Retry_After="1")
            async with working(server, tmp_path, steady, max_trials=1) as worker:
                await server.until(lambda: server.http.happened)
                began = asyncio.get_running_loop().time()
                await server.until(lambda: trial.newest.points)
                assert asyncio.get_running_loop().time() - began >= 0.9
                await worker.ended()
            whole(trial)

    asyncio.run(run())
