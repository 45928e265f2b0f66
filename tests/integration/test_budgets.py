"""Budgets under 64 clients at once, over two servers where there is PostgreSQL: never one trial too many."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from service.domain.errors import BudgetSpent, WrongState
from service.domain.event import Event
from service.domain.study import Study
from service.domain.trial import Trial
from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import completing, leasing, settling, studies, trials
from service.usecases.ports import Transaction
from service.usecases.reporting import ReportItem, report_together
from service.usecases.stopping import Watches
from service.wire.lease import Ask, Complete, Lease, Report
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial

CLIENTS = 64
SECONDS = 120
Ending = Callable[[Lease], dict[str, Any]]


class Servers:
    """One server on SQLite, two on PostgreSQL; clients are spread over them."""

    def __init__(self, stores: list[SqlStore]) -> None:
        self.stores = stores

    def of(self, client: int) -> SqlStore:
        return self.stores[client % len(self.stores)]

    async def create(self, *, queued: int, **fields: Any) -> None:
        given = {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE, **fields}
        definition = StudyDefinition.model_validate(given)
        await self.of(0).write(partial(studies.create, definition=definition, seed=1))
        new = [NewTrial(params={"lr": (1 + place) / 1000}) for place in range(queued)]
        await asyncio.gather(*(self.of(0).write(partial(trials.add, study="s", new=one)) for one in new))

    async def ask(self, client: int) -> Lease | None:
        body = Ask(worker=f"w{client}")
        leases = await self.of(client).write(partial(leasing.ask, study="s", body=body, ttl_seconds=60))
        return leases[0] if leases else None

    async def complete(self, client: int, lease: Lease, **ending: Any) -> None:
        body = Complete.model_validate({"token": lease.token, "outcome": "completed", **ending})
        await self.of(client).write(
            partial(completing.complete, study="s", number=lease.trial, attempt=lease.attempt, body=body)
        )

    async def race(self, ending: Ending) -> None:
        """Many clients ask and complete until there is nothing more to be had."""

        async def client(number: int) -> None:
            idle = 0
            while idle < 3:
                try:
                    lease = await self.ask(number)
                except WrongState:
                    return
                if lease is None:
                    idle += 1
                    continue
                await self.complete(number, lease, **ending(lease))

        await asyncio.gather(*map(client, range(CLIENTS)))
        # Those who gave up while others were still running leave the rest to one who does not.
        await client(0)

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        return await self.of(1).read(work)

    async def study(self) -> Study:
        found: Study = await self.read(lambda tx: tx.studies.get("s"))
        return found

    async def events(self) -> list[Event]:
        found: list[Event] = list(await self.read(lambda tx: tx.events.list(0, "s", 100_000)))
        return found

    async def counts(self) -> dict[str, int]:
        study = await self.study()
        found: dict[str, int] = dict((await self.read(lambda tx: tx.trials.counts([study.id])))[study.id])
        return found


SPACE = {"lr": {"type": "float", "low": 0.0001, "high": 1.0}}


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[Servers]:
    stores = [open_store(url) for _ in range(2 if url.startswith("postgresql") else 1)]
    try:
        yield Servers(stores)
    finally:
        for store in stores:
            await asyncio.to_thread(store.close)


def play(url: str, scene: Callable[[Servers], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(SECONDS), serving(url) as servers:
            await scene(servers)

    asyncio.run(whole())


def good(lease: Lease) -> dict[str, Any]:
    return {"values": {"loss": lease.trial}}


def moves(events: list[Event]) -> list[int]:
    """The places at which the study moved."""
    return [place for place, event in enumerate(events) if event.type == "study.state"]


def started_behind(events: list[Event], place: int) -> list[int | None]:
    return [event.trial for event in events[place:] if event.data.get("state") == "running"]


def completed_before(events: list[Event], place: int) -> int:
    return sum(event.type == "trial.state" and event.data["state"] == "completed" for event in events[:place])


def test_max_trials(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=0, budget={"max_trials": 20})

        async def add(client: int) -> bool:
            try:
                new = NewTrial(params={"lr": 0.1})
                await servers.of(client).write(partial(trials.add, study="s", new=new))
            except BudgetSpent:
                return False
            return True

        assert sum(await asyncio.gather(*map(add, range(CLIENTS)))) == 20
        await servers.race(good)
        assert await servers.counts() == {"completed": 20}
        study = await servers.study()
        assert (study.state, study.reason) == ("completed", "all 20 trials have ended")

    play(database_url, scene)


def test_max_completed(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=100, budget={"max_completed": 12})

        def ending(lease: Lease) -> dict[str, Any]:
            return {"outcome": "pruned"} if lease.trial % 3 else good(lease)

        await servers.race(ending)
        counts = await servers.counts()
        assert counts["completed"] == 12
        assert not counts.get("running")
        study = await servers.study()
        assert (study.state, study.reason) == ("completed", "12 trials have completed")

    play(database_url, scene)


def test_max_running(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=100, budget={"max_running": 5})
        leases = [lease for lease in await asyncio.gather(*map(servers.ask, range(CLIENTS))) if lease]
        assert len(leases) == 5
        await asyncio.gather(*(servers.complete(place, lease, **good(lease)) for place, lease in enumerate(leases[:2])))
        more = [lease for lease in await asyncio.gather(*map(servers.ask, range(CLIENTS))) if lease]
        assert len(more) == 2
        assert (await servers.counts())["running"] == 5

    play(database_url, scene)


def test_wall_time(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=100, budget={"wall_time": 1e-6})
        assert not any(await asyncio.gather(*map(servers.ask, range(CLIENTS))))
        await servers.of(0).write(partial(settling.settle, name="s"))
        study = await servers.study()
        assert (study.state, study.reason) == ("completed", "its wall time is over")

    play(database_url, scene)


def test_gpu_hours(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=100, budget={"gpu_hours": 1, "max_running": 1})
        await servers.race(lambda lease: {**good(lease), "usage": {"gpu_seconds": 900}})
        assert (await servers.counts())["completed"] == 4
        study = await servers.study()
        assert (study.state, study.reason) == ("completed", "1 GPU hours are used")

    play(database_url, scene)


def test_target(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=200, objectives=[{"metric": "loss", "target": -1.0}])
        await servers.race(lambda lease: {"values": {"loss": -1.0 if lease.trial == 70 else 1.0}})
        events = await servers.events()
        first = moves(events)[0]
        assert events[first].data["reason"] == "the target is reached"
        assert started_behind(events, first) == []
        study = await servers.study()
        assert (study.state in {"stopped", "completed"}, study.reason) == (True, "the target is reached")
        assert (await servers.counts())["queued"] > 0

    play(database_url, scene)


def test_no_gain(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=200, budget={"no_gain": {"trials": 30, "min_gain": 0.5}})
        await servers.race(lambda lease: {"values": {"loss": -0.001 * lease.trial}})
        events = await servers.events()
        first = moves(events)[0]
        assert events[first].data["reason"] == "no gain of more than 0.5 in the last 30 completed trials"
        assert completed_before(events, first) == 31, "the first one is a gain, and 30 are none"
        assert started_behind(events, first) == []
        assert (await servers.study()).state in {"stopped", "completed"}
        assert (await servers.counts())["queued"] > 0

    play(database_url, scene)


def test_three_strikes(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=CLIENTS)
        leases = [lease for lease in await asyncio.gather(*map(servers.ask, range(CLIENTS))) if lease]
        assert len(leases) == CLIENTS
        crash = {"outcome": "failed", "failure": {"class": "user_error", "message": "KeyError: 'lr'"}}
        await asyncio.gather(*(servers.complete(place, lease, **crash) for place, lease in enumerate(leases)))
        events = await servers.events()
        (paused,) = moves(events)
        failed = [event.trial for event in events[:paused] if event.data.get("state") == "failed"]
        assert len(failed) == 3, "the third one pauses, whichever server it came to"
        one, two, three = sorted(number for number in failed if number is not None)
        study = await servers.study()
        assert (study.state, study.reason) == (
            "paused",
            f"trials {one}, {two} and {three} failed alike (user_error: KeyError: 'lr'): "
            "fix the trainer, then basin study resume s",
        )
        await servers.of(0).write(partial(studies.resume, name="s", revision=None))
        assert (await servers.study()).state == "active"

    play(database_url, scene)


def test_servers_that_take_turns_with_a_trial_come_to_one_verdict(database_url: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=1, stopping={"patience": {"reports": 4}})
        lease = await servers.ask(0)
        assert lease is not None
        takes = [partial(report_together, watches=Watches()) for _ in range(2)]
        told = []
        for seq, loss in enumerate((0.9, 0.5, 0.6, 0.7, 0.6, 0.5), start=1):
            points = [{"step": seq, "metrics": {"loss": loss}}]
            body = Report.model_validate({"token": lease.token, "first_seq": seq, "points": points})
            item = ReportItem("s", lease.trial, lease.attempt, body, 60)
            taken = await servers.of(seq).write_together(takes[seq % 2], item)
            told.append(taken.answer.directive.type)
        assert told == ["continue"] * 5 + ["stop"]
        (decision,) = await servers.read(lambda tx: tx.decisions.list(1, 0))
        assert (decision.step, decision.basis["rule"]) == (6, "patience")
        await servers.complete(1, lease, outcome="pruned")
        assert await servers.counts() == {"completed": 1}

    play(database_url, scene)


@pytest.mark.parametrize(("by", "state"), [("target", "completed"), ("pause", "paused")])
def test_an_ask_that_looked_before_the_end_gets_nothing_after_it(postgres_url: str, by: str, state: str) -> None:
    async def scene(servers: Servers) -> None:
        await servers.create(queued=5, objectives=[{"metric": "loss", "target": 0.0}])
        lease = await servers.ask(0)
        assert lease is not None
        looked, ended = threading.Event(), threading.Event()

        def late(tx: Transaction) -> tuple[Lease, ...]:
            claim = tx.trials.claim

            def wait(study_id: int, count: int, **which: Any) -> Sequence[Trial]:
                looked.set()
                assert ended.wait(SECONDS)
                return claim(study_id, count, **which)

            tx.trials.claim = wait  # type: ignore[method-assign]
            return leasing.ask(tx, "s", Ask(worker="late"), ttl_seconds=60)

        asking = asyncio.create_task(servers.of(1).write(late))
        assert await asyncio.to_thread(looked.wait, SECONDS)
        if by == "target":
            await servers.complete(0, lease, values={"loss": 0.0})
        else:
            await servers.of(0).write(partial(studies.pause, name="s", revision=None))
        ended.set()
        assert await asking == ()
        assert (await servers.study()).state == state
        assert (await servers.counts())["queued"] == 4

    play(postgres_url, scene)
