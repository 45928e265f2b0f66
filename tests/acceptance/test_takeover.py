"""What becomes of a trial whose worker is killed, leaves, or is cut off: with a real server and real workers."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from tests.acceptance.fleet import TTL, Fleet, Member, fleet
from tests.acceptance.worker_process import gone
from tests.patience import PATIENCE

# Goes on until it may end, and keeps a checkpoint every few steps.
STEADY = """
    import os, time

    def train(trial):
        step = int(trial.resume.load()["step"]) if trial.resume is not None else 0
        while step < 10 or not os.path.exists(trial.settings["end"]):
            step += 1
            trial.report(step, loss=1 / step)
            time.sleep(0.02)
            if step % 5 == 0:
                trial.checkpoint({"step": step})
        return 1 / step
"""
RETRY = {"backoff": 0.1}


class Watched:
    """One study of a fleet, looked at trial by trial."""

    def __init__(self, fleet: Fleet, name: str = "s") -> None:
        self._fleet = fleet
        self._path = f"/v1/studies/{name}"

    async def attempts(self, number: int = 0) -> Sequence[dict[str, Any]]:
        found: Sequence[dict[str, Any]] = (await self._of(number, "attempts"))["attempts"]
        return found

    async def points(self, number: int = 0) -> Sequence[dict[str, Any]]:
        """Those that count."""
        found = (await self._of(number, "reports?page_size=1000"))["points"]
        return [point for point in found if not point["superseded"]]

    async def states(self, number: int = 0) -> list[str]:
        return [one["state"] for one in await self.attempts(number)]

    async def until_attempt(self, count: int, at_least: int, number: int = 0) -> None:
        """Wait until an attempt has come so far."""
        await self._fleet.until(
            f"{self._path}/trials/{number}/attempts",
            lambda found: len(found["attempts"]) == count and (found["attempts"][-1]["last_step"] or 0) >= at_least,
        )

    async def until_saved(self, number: int = 0) -> int:
        """Wait for a checkpoint; answers its step."""
        path = f"{self._path}/trials/{number}/checkpoints"
        found = await self._fleet.until(path, lambda answer: answer["checkpoints"])
        step: int = found["checkpoints"][0]["step"]
        return step

    async def until_state(self, state: str, number: int = 0) -> dict[str, Any]:
        path = f"{self._path}/trials/{number}"
        found: dict[str, Any] = await self._fleet.until(path, lambda trial: trial["state"] == state)
        return found

    async def _of(self, number: int, what: str) -> Any:
        return await self._fleet.read(f"{self._path}/trials/{number}/{what}")


def steady(folder: Path) -> list[str]:
    (folder / "steady.py").write_text(dedent(STEADY))
    return ["--trainer", f"{folder / 'steady.py'}:train", "--slots", "1", "--checkpoint-every", "0.2s"]


async def queued(all_of_it: Fleet, folder: Path, **fields: Any) -> Watched:
    """A study of one trial that goes on until the file `end` is there."""
    given = {"space": {"x": {"type": "float", "low": 0, "high": 1}}, "budget": {"max_trials": 1}, "retry": RETRY}
    trainer = {"name": "steady", "settings": {"end": str(folder / "end")}}
    await all_of_it.create("s", trainer=trainer, **{**given, **fields})
    return Watched(all_of_it)


def holder(all_of_it: Fleet) -> tuple[Member, Member]:
    """The worker that runs a trial, and the other one."""
    (busy,) = [one for one in all_of_it.members if one.spools]
    (other,) = [one for one in all_of_it.members if one is not busy]
    return busy, other


async def said(member: Member, text: str, seconds: float = PATIENCE) -> None:
    """Wait until a worker has said something."""
    try:
        async with asyncio.timeout(seconds):
            while text not in member.process.said:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{text!r} was not said:\n{member.process.said}") from None


def test_a_trial_that_was_killed_has_the_curve_of_one_that_never_was(tmp_path: Path, database_url: str) -> None:
    """To the last bit: the recipe of the house, its checkpoint on the server, and another worker."""

    async def run() -> None:
        given = ["--trainer", "digits-mlp", "--slots", "1", "--checkpoint-every", "0.3s"]
        async with fleet(tmp_path, database_url, dict.fromkeys(("one", "two"), given)) as all_of_it:
            params = {"learning_rate": 0.002, "dropout": 0.3, "batch_size": 16, "hidden": 128, "epochs": 60}
            space = {name: {"type": "constant", "value": value} for name, value in params.items()}
            space["x"] = {"type": "float", "low": 0, "high": 1}
            objectives = [{"metric": "val_loss"}]
            trainer = {"name": "digits-mlp"}
            # Nobody takes the second one before the first has been killed.
            budget = {"max_trials": 2, "max_running": 1}
            await all_of_it.create(
                "s", objectives=objectives, space=space, trainer=trainer, budget=budget, retry=RETRY, seed=11
            )
            study = Watched(all_of_it)
            saved = await study.until_saved()
            await study.until_attempt(1, saved + 2)
            first, second = holder(all_of_it)
            victims = [psutil.Process(first.process.pid), *first.process.descendants()]
            for victim in victims:
                with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves once the agent is gone
                    victim.kill()
            await first.process.ended()
            await gone(victims[1:])
            await all_of_it.until("/v1/studies/s", lambda found: found["state"] == "completed")
            lost, last = await study.attempts(0)
            assert (lost["state"], lost["worker"], last["worker"]) == ("lost", first.name, second.name)
            assert 0 < last["resume_step"] < 60
            assert [one["worker"] for one in await study.attempts(1)] == [second.name]
            killed, whole = await study.points(0), await study.points(1)
            assert {point["attempt"] for point in killed} == {1, 2}
            assert [point["step"] for point in whole] == list(range(1, 61))
            assert [(one["step"], one["metrics"]) for one in killed] == [(one["step"], one["metrics"]) for one in whole]
            one, other = [(await all_of_it.read(f"/v1/studies/s/trials/{number}"))["values"] for number in (0, 1)]
            assert one == other

    asyncio.run(run())


def test_a_worker_that_leaves_costs_no_attempt_and_the_trial_goes_on_elsewhere(tmp_path: Path, sqlite_url: str) -> None:
    async def run() -> None:
        given = [*steady(tmp_path), "--grace", "10s"]
        async with fleet(tmp_path, sqlite_url, dict.fromkeys(("one", "two"), given)) as all_of_it:
            study = await queued(all_of_it, tmp_path)
            await study.until_attempt(1, 12)
            first, second = holder(all_of_it)
            first.process.signal(signal.SIGTERM)
            assert await first.process.ended(10) == 0, first.process.said
            assert first.spools == []
            await study.until_attempt(2, 30)
            (tmp_path / "end").touch()
            await study.until_state("completed")
            left, ended = await study.attempts()
            assert (left["state"], left["worker"], left["failure"]["class"]) == ("preempted", first.name, "preempted")
            assert (ended["state"], ended["worker"]) == ("completed", second.name)
            assert ended["resume_step"] == left["last_step"], "it goes on where it was"
            steps = [point["step"] for point in await study.points()]
            assert steps == list(range(1, len(steps) + 1))

    asyncio.run(run())


def test_leaving_often_uses_no_attempt_up(tmp_path: Path, sqlite_url: str) -> None:
    """Of a study whose trials have one attempt."""

    async def run() -> None:
        async with fleet(tmp_path, sqlite_url, {"one": steady(tmp_path)}) as all_of_it:
            study = await queued(all_of_it, tmp_path, retry={"max_attempts": 1})
            (member,) = all_of_it.members
            for attempt in (1, 2, 3):
                await study.until_attempt(attempt, 12 * attempt)
                member.process.signal(signal.SIGTERM)
                assert await member.process.ended() == 0, member.process.said
                await member.process.start()
            (tmp_path / "end").touch()
            await study.until_state("completed")
            assert await study.states() == ["preempted"] * 3 + ["completed"]

    asyncio.run(run())


@pytest.mark.parametrize("way", ["cut", "stalled"])
def test_a_worker_that_was_cut_off_goes_on_where_nobody_else_was_given_its_trial(
    tmp_path: Path, database_url: str, way: Any
) -> None:
    async def run() -> None:
        async with fleet(tmp_path, database_url, {"one": steady(tmp_path)}) as all_of_it:
            study = await queued(all_of_it, tmp_path)
            await study.until_attempt(1, 5)
            (member,) = all_of_it.members
            (child,) = member.attempts()
            member.proxy.become(way)
            # Nobody is left to take it.
            await study.until_state("queued")
            assert await study.states() == ["lost"]
            member.proxy.become("open")
            (before,) = await study.attempts()
            await study.until_attempt(1, before["last_step"] + 20)
            assert child.is_running()
            (tmp_path / "end").touch()
            await study.until_state("completed")
            assert await study.states() == ["completed"]
            steps = [point["step"] for point in await study.points()]
            assert steps == list(range(1, len(steps) + 1))
            assert "was given up" not in member.process.said

    asyncio.run(run())


def test_a_server_that_was_away_for_longer_than_a_lease_lasts_costs_nothing(tmp_path: Path, database_url: str) -> None:
    async def run() -> None:
        async with fleet(tmp_path, database_url, {"one": steady(tmp_path)}) as all_of_it:
            study = await queued(all_of_it, tmp_path)
            await study.until_attempt(1, 5)
            await asyncio.to_thread(all_of_it.server.kill)
            await asyncio.sleep(1.5 * TTL)  # a fault that lasts
            await asyncio.to_thread(all_of_it.server.start)
            (before,) = await study.attempts()
            await study.until_attempt(1, before["last_step"] + 20)
            (tmp_path / "end").touch()
            await study.until_state("completed")
            assert await study.states() == ["completed"]

    asyncio.run(run())


@pytest.mark.parametrize("stopped", [False, True], ids=["cut off", "stopped"])
def test_a_worker_whose_trial_was_given_to_another_is_refused_and_ends_its_process(
    tmp_path: Path, database_url: str, stopped: bool
) -> None:
    async def run() -> None:
        async with fleet(tmp_path, database_url, dict.fromkeys(("one", "two"), steady(tmp_path))) as all_of_it:
            study = await queued(all_of_it, tmp_path)
            await study.until_attempt(1, 12)
            await study.until_saved()
            first, second = holder(all_of_it)
            (child,) = first.attempts()
            if stopped:
                first.process.signal(signal.SIGSTOP)
            else:
                first.proxy.become("cut")
            await study.until_attempt(2, 20)
            if stopped:
                first.process.signal(signal.SIGCONT)
            else:
                first.proxy.become("open")
            await gone([child])
            await said(first, "was given up")
            (tmp_path / "end").touch()
            await study.until_state("completed")
            zombie, ended = await study.attempts()
            assert (zombie["state"], ended["state"], ended["worker"]) == ("lost", "completed", second.name)
            found = await study.points()
            assert [point["step"] for point in found] == list(range(1, len(found) + 1))
            beyond = [point for point in found if point["step"] > ended["resume_step"]]
            assert {point["attempt"] for point in beyond} == {2}
            assert first.spools == []

    asyncio.run(run())
