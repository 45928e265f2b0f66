"""Trials that pause and go on, through the use cases, the engine and real databases: none is lost, none is doubled."""

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any, TypeVar

import pytest

from service.domain.decision import Decision
from service.domain.errors import WrongState
from service.domain.study import Study
from service.domain.trial import Attempt, Point, Trial
from service.search.engine import OptunaEngine
from service.search.pool.rungs import SHOWN
from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import asking, checkpointing, completing, studies, suggesting, trials
from service.usecases.judging import Judge
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.reporting import ReportItem
from service.usecases.suggester import Suggester
from service.wire.lease import Ask, Complete, Directive, Lease, NewCheckpoint, Report
from service.wire.study import StudyDefinition
from service.wire.trial import NewPoint, NewTrial
from tests.patience import PATIENCE

T = TypeVar("T")
TTL = 60.0
STEPS = 9
SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
}


BEST = {"lr": 0.01, "dropout": 0.2}


def loss(params: Mapping[str, Any], step: int) -> float:
    """What a training reports: falling, and the lowest for the best parameters there are."""
    distance = (math.log10(params["lr"]) + 2) ** 2 + (params["dropout"] - 0.2) ** 2
    return float(distance + 2 * math.exp(-0.3 * step))


async def in_a_thread(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


class Server:
    """What one server process has."""

    def __init__(self, url: str, owner: str) -> None:
        self.store: SqlStore = open_store(url, migrate=False)
        engine, mirrors = OptunaEngine(), Mirrors(10_000)
        self.suggester = Suggester(self.store, engine, mirrors, in_a_thread, owner=owner)
        self.judge = Judge(self.store, engine, mirrors, in_a_thread)

    async def close(self) -> None:
        await self.suggester.close()
        await asyncio.to_thread(self.store.close)


@asynccontextmanager
async def servers(url: str, many: int = 1) -> AsyncIterator[list[Server]]:
    made = [Server(url, f"server {place}") for place in range(many)]
    try:
        yield made
    finally:
        for server in made:
            await server.close()


@dataclass
class Clients:
    """Those who run a study's trials, each attempt by a worker of its own name, and each call by any server."""

    servers: Sequence[Server]
    chance: Random
    resumes: bool = True
    took: list[Lease] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    names: Any = field(default_factory=count)

    async def run(self, many: int) -> None:
        """Run trials side by side until the study hands out no more."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*[self._one() for _ in range(many)])

    async def begin(self) -> None:
        """Run the first trial until it pauses."""
        (lease,) = await self.ask()
        assert lease.trial == 0
        assert await self.train(lease) == "paused"

    async def _one(self) -> None:
        while True:
            try:
                leases = await self.ask()
            except WrongState:
                return
            for lease in leases:
                await self.train(lease)

    async def ask(self, wait: float = 10.0) -> Sequence[Lease]:
        server = self._any()
        body = Ask(worker=f"worker {next(self.names)}", wait_seconds=wait, resumes=self.resumes)
        leases = await asking.ask(server.store, server.suggester, "s", body, ttl_seconds=TTL)
        self.took += leases
        return leases

    async def train(self, lease: Lease, until: int = STEPS) -> str:
        """Train from the checkpoint on, and do as the server says; how the attempt ended."""
        first = (lease.resume_step or 0) + 1
        if lease.attempt > 1:
            assert lease.resume_checkpoint == uri(lease.trial, lease.resume_step or 0)
        outcome = "completed"
        for place, step in enumerate(range(first, until + 1), start=1):
            told = await self.report(lease, place, step)
            self.told[told.type] += 1
            if told.type in {"pause", "stop"}:
                assert told.reason
                outcome = "paused" if told.type == "pause" else "pruned"
                if told.type == "pause":
                    await self.keep(lease, step)
                break
        server = self._any()
        body = Complete.model_validate({"token": lease.token, "outcome": outcome})
        complete = partial(completing.complete, study="s", number=lease.trial, attempt=lease.attempt, body=body)
        await server.store.write(complete)
        return outcome

    async def report(self, lease: Lease, seq: int, step: int) -> Directive:
        point = NewPoint(step=step, metrics={"loss": loss(lease.params, step)}, elapsed=10.0 * step)
        body = Report(token=lease.token, first_seq=seq, points=(point,))
        item = ReportItem("s", lease.trial, lease.attempt, body, TTL)
        return (await self._any().judge.report(item)).directive

    async def keep(self, lease: Lease, step: int) -> None:
        """Commit a checkpoint by its address."""
        address = uri(lease.trial, step)
        digest = hashlib.sha256(address.encode()).hexdigest()
        body = NewCheckpoint(token=lease.token, uri=address, sha256=digest, size=len(address))
        commit = partial(checkpointing.commit, study="s", number=lease.trial, attempt=lease.attempt, step=step)
        await self._any().store.write(partial(commit, body=body, ttl_seconds=TTL))

    def _any(self) -> Server:
        return self.chance.choice(self.servers)


def uri(number: int, step: int) -> str:
    return f"file:///checkpoints/{number}/{step}"


@dataclass(frozen=True)
class Record:
    """All that a database holds of a study in the end."""

    study: Study
    trials: Mapping[int, Trial]
    attempts: Mapping[int, Sequence[Attempt]]
    decisions: Mapping[int, Sequence[Decision]]
    points: Mapping[int, Sequence[Point]]

    def steps(self, number: int) -> list[int]:
        """The steps of a trial's curve, as it counts."""
        return [point.step for point in self.points[number] if not point.superseded]

    def acts(self) -> Counter[str]:
        """How often each thing was decided."""
        return Counter(one.act for made in self.decisions.values() for one in made)


def recorded(tx: Transaction) -> Record:
    study = tx.studies.get("s")
    found = {trial.number: trial for trial in tx.trials.changed(study.id, 0, 1000)}
    numbers = sorted(found)
    return Record(
        study,
        found,
        {number: tx.attempts.list(study.id, number) for number in numbers},
        {number: tx.decisions.list(study.id, number) for number in numbers},
        {number: tx.points.list(study.id, number, (0, 0), 1000) for number in numbers},
    )


async def create(server: Server, **fields: Any) -> None:
    given = {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE, "sampler": "random", **fields}
    definition = StudyDefinition.model_validate(given)
    await server.store.write(lambda tx: studies.create(tx, definition, seed=3))
    # The best there is comes first, so that nobody is there to compare it with: it pauses, and must go on later.
    await server.store.write(lambda tx: trials.add(tx, "s", NewTrial(params=dict(BEST))))


def check(record: Record, most: int) -> None:
    """What holds of every study that has come to its end."""
    assert record.study.state == "completed"
    assert record.trials[0].state == "completed", "the best of all came to the end"
    assert len(record.attempts[0]) > 1
    assert sorted(record.trials) == list(range(most))
    states = Counter(trial.state for trial in record.trials.values())
    assert states.keys() <= {"completed", "paused"}
    assert states["completed"] >= 1
    ended = f"none of the {states['paused']} that are paused is to go on" if states["paused"] else "have ended"
    assert record.study.reason is not None
    assert record.study.reason.endswith(ended)
    for number, trial in record.trials.items():
        attempts, decisions = record.attempts[number], record.decisions[number]
        last = STEPS if trial.state == "completed" else record.steps(number)[-1]
        assert record.steps(number) == list(range(1, last + 1)), f"trial {number} has a step twice, or none"
        assert [point.metrics["loss"] for point in record.points[number]] == [
            loss(trial.params, step) for step in range(1, last + 1)
        ]
        assert len({attempt.worker for attempt in attempts}) == len(attempts), "it went on at another worker"
        ends = [one.step for one in decisions if one.act == "pause"]
        assert [attempt.resume_step for attempt in attempts] == [None, *ends][: len(attempts)]
        assert len(ends) == len(attempts) - (trial.state == "completed")
        promotions = [one for one in decisions if one.act == "promote"]
        assert [one.key.attempt for one in promotions] == list(range(2, len(attempts) + 1))
        assert [one.step for one in promotions] == ends[: len(promotions)]
        for one in decisions:
            assert one.basis["rank"] >= 1
            assert one.basis["n"] >= one.basis["rank"]
            assert one.reason or one.act == "continue"


def check_halving(record: Record, least: int, factor: int) -> None:
    """What holds of successive halving in particular, worked out anew from what the trials showed."""
    for number, trial in record.trials.items():
        rungs = [least * factor**rung for rung in range(9) if least * factor**rung <= record.steps(number)[-1]]
        assert trial.system[SHOWN] == [[loss(trial.params, rung)] for rung in rungs]
        for one in record.decisions[number]:
            assert one.basis["value"] == loss(trial.params, least * factor ** one.basis["rung"])
            if one.act == "pause":
                assert one.step == least * factor ** one.basis["rung"]
                assert one.basis["rank"] > one.basis["n"] // factor
            if one.act == "promote":
                assert one.basis["rank"] <= max(1, one.basis["n"] // factor)
    for rung in range(9):
        field_of = {n: one.system[SHOWN][rung][0] for n, one in record.trials.items() if len(one.system[SHOWN]) > rung}
        best = sorted(field_of, key=lambda n: (field_of[n], n))[: max(1, len(field_of) // factor)]
        stuck = [
            n for n in best if record.trials[n].state == "paused" and len(record.trials[n].system[SHOWN]) == rung + 1
        ]
        assert stuck == [], f"at rung {rung} these are among the best and wait"


def asha(**fields: Any) -> dict[str, Any]:
    return {"type": "asha", "mode": "promote", "min_resource": 1, **fields}


@pytest.mark.parametrize(("factor", "clients"), [(2, 1), (3, 4)])
def test_paused_trials_go_on_until_the_study_is_done(database_url: str, rng: Random, factor: int, clients: int) -> None:
    async def scene() -> None:
        async with servers(database_url) as made:
            await create(made[0], scheduler=asha(reduction_factor=factor), budget={"max_trials": 14})
            running = Clients(made, rng)
            await running.begin()
            await running.run(clients)
            record = await made[0].store.read(recorded)
            check(record, 14)
            check_halving(record, 1, factor)
            acts = record.acts()
            assert acts["promote"] >= 1
            assert acts["pause"] == running.told["pause"]
            assert acts["stop"] == running.told["stop"] == 0

    asyncio.run(scene())


def test_two_servers_and_many_clients_lose_and_double_nothing(database_url: str, rng: Random) -> None:
    async def scene() -> None:
        async with servers(database_url, 2) as made:
            await create(made[0], scheduler=asha(reduction_factor=3), budget={"max_trials": 48})
            running = Clients(made, rng)
            await running.begin()
            await running.run(16)
            record = await made[1].store.read(recorded)
            check(record, 48)
            check_halving(record, 1, 3)
            attempts = [(lease.trial, lease.attempt) for lease in running.took]
            assert len(set(attempts)) == len(attempts), "a lease was given twice"
            granted = [one.key for attempts_of in record.attempts.values() for one in attempts_of]
            assert sorted(attempts) == sorted((key.number, key.attempt) for key in granted)
            assert record.acts()["promote"] >= 1

    asyncio.run(scene())


def test_rungs_may_count_seconds(database_url: str, rng: Random) -> None:
    async def scene() -> None:
        async with servers(database_url) as made:
            scheduler = asha(resource="elapsed", min_resource=10, reduction_factor=3)
            await create(made[0], scheduler=scheduler, budget={"max_trials": 12})
            running = Clients(made, rng)
            await running.begin()
            await running.run(4)
            record = await made[0].store.read(recorded)
            check(record, 12)
            # Each step takes ten seconds, so that the rungs lie at steps 1, 3 and 9.
            check_halving(record, 1, 3)
            assert record.acts()["promote"] >= 1

    asyncio.run(scene())


def test_when_the_server_that_promotes_dies_another_takes_over(
    database_url: str, rng: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggesting, "LEASE_SECONDS", 1.0)

    async def scene() -> None:
        async with servers(database_url, 2) as made:
            await create(made[0], scheduler=asha(reduction_factor=3), budget={"max_trials": 3})
            first, second = Clients(made[:1], rng), Clients(made[1:], rng)
            leases = [(await first.ask())[0] for _ in range(3)]
            assert await made[0].store.write(lambda tx: suggesting.take(tx, tx.studies.get("s"), "server 0"))
            # Its lease in the database stays: nobody is left to release it.
            await made[0].suggester.close()
            outcomes = [await second.train(lease) for lease in leases[:2]]
            assert outcomes == ["paused", "paused"]
            last = await second.train(leases[2])
            second.names = count(100)
            await second.run(2)
            record = await made[1].store.read(recorded)
            check(record, 3)
            check_halving(record, 1, 3)
            assert last in {"paused", "completed"}
            assert record.acts()["promote"] >= 1

    asyncio.run(scene())


@pytest.mark.parametrize("resumes", [True, False])
def test_auto_pauses_what_can_go_on_and_stops_what_cannot(database_url: str, rng: Random, resumes: bool) -> None:
    async def scene() -> None:
        async with servers(database_url) as made:
            await create(made[0], scheduler="auto", sampler="auto", budget={"max_trials": 28})
            running = Clients(made, rng, resumes=resumes)
            if resumes:
                await running.begin()
            await running.run(4)
            record = await made[0].store.read(recorded)
            states, acts = Counter(trial.state for trial in record.trials.values()), record.acts()
            if resumes:
                check(record, 28)
                assert acts["promote"] >= 1
                assert acts["pause"] == running.told["pause"] > 0
                assert (acts["stop"], states["pruned"]) == (0, 0)
            else:
                assert record.study.state == "completed"
                assert record.study.reason == "all 28 trials have ended"
                assert states.keys() == {"completed", "pruned"}
                assert acts["stop"] == states["pruned"]
                assert (acts["pause"], acts["promote"]) == (0, 0)
                assert all(len(attempts) == 1 for attempts in record.attempts.values())

    asyncio.run(scene())
