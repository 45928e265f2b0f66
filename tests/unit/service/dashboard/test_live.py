"""The log of messages: who wants what, where a browser goes on, and what it is told when it cannot."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from service.dashboard import live
from service.dashboard.live import Hub, Wish
from service.http.feed import Feed
from service.store.memory import MemoryStore
from service.usecases import leasing, studies, trials
from service.usecases.mirrors import Mirrors
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Ask, Report
from service.wire.study import StudyDefinition
from service.wire.trial import NewPoint, NewTrial
from tests.patience import PATIENCE

DEFINITION = {"name": "s", "objectives": [{"metric": "loss"}], "space": {"lr": {"type": "float", "low": 0, "high": 1}}}


def hub() -> Hub:
    store = MemoryStore()
    return Hub(store, Mirrors(1_000), Feed(store))


async def make(store: Any, name: str = "s") -> None:
    definition = StudyDefinition.model_validate({**DEFINITION, "name": name})
    await store.write(lambda tx: studies.create(tx, definition, seed=7))


async def told(source: AsyncGenerator[bytes, None], kind: str) -> str:
    """The next message of a kind."""
    async with asyncio.timeout(PATIENCE):
        async for some in source:
            for one in some.decode().split("\n\n"):
                if f"event: {kind}\n" in one:
                    return one
    raise AssertionError(f"there was no {kind}")


def place(message: str) -> str:
    return message.partition("id: ")[2].partition("\n")[0]


def test_a_browser_is_told_what_it_wants_and_no_more() -> None:
    async def run() -> None:
        at = hub()
        await make(at.store)
        async with aclosing(at.follow(Wish.of([("study", "other"), ("nonsense", "1")]), None)) as source:
            await told(source, "hello")
            await asyncio.sleep(0)
            await at.store.write(lambda tx: studies.pause(tx, "s", None))
            await make(at.store, "other")
            assert '"study":"other"' in await told(source, "study.created")

    asyncio.run(run())


def test_who_comes_back_goes_on_and_who_comes_too_late_reads_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_QUIET_SECONDS", 0.05)

    async def run() -> None:
        at = hub()
        everything = Wish.of([("all", "1")])
        async with aclosing(at.follow(everything, None)) as source:
            begin = place(await told(source, "hello"))
            await told(source, "tick")
            await make(at.store)
            await told(source, "study.created")
        async with aclosing(at.follow(everything, begin)) as again:
            await told(again, "hello")
            assert '"study":"s"' in await told(again, "study.created")
        for lost in ("0000-1", begin.partition("-")[0] + "-999", "x"):
            async with aclosing(at.follow(everything, lost)) as late:
                await told(late, "resync")

    asyncio.run(run())


def test_who_falls_behind_the_beginning_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        at = hub()
        at._messages = type(at._messages)(maxlen=3)
        async with aclosing(at.follow(Wish.of([("all", "1")]), None)) as source:
            await told(source, "hello")
            for _ in range(5):
                at._say("study.updated", {}, live.ALL)
            await told(source, "resync")

    asyncio.run(run())


def test_points_are_told_as_they_come_and_the_newest_to_who_begins_to_look() -> None:
    async def run() -> None:
        at = hub()
        await make(at.store)
        await at.store.write(lambda tx: trials.add(tx, "s", NewTrial(params={"lr": 0.5})))
        (lease,) = await at.store.write(
            lambda tx: leasing.ask(tx, "s", Ask(worker="w", max_trials=1), ttl_seconds=60.0)
        )

        async def report(first: int, *values: float) -> None:
            points = tuple(NewPoint(step=first + n, metrics={"loss": value}) for n, value in enumerate(values))
            body = Report(token=lease.token, first_seq=first, points=points)
            await at.store.write_together(report_together, ReportItem("s", lease.trial, lease.attempt, body, 60.0))

        await report(1, 0.9, 0.8)
        async with aclosing(at.follow(Wish.of([("study", "s")]), None)) as source:
            assert '"points":[[0,2,0.8]]' in await told(source, "points")
            await report(3, 0.7, float("nan"))
            assert '"points":[[0,3,0.7],[0,4,"NaN"]]' in await told(source, "points")

    asyncio.run(run())
