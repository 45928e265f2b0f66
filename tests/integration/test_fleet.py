"""Many workers on the real databases: budgets hold exactly, leases come back, nothing is granted twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from service.search.engine import OptunaEngine
from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import completing, studies, trials, workers
from service.usecases.acquiring import Acquirer
from service.usecases.beating import Beat, beat_together
from service.usecases.lobby import Lobby
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.suggester import Suggester
from service.usecases.watching import Watch
from service.wire.lease import Complete, Lease
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial
from service.wire.worker import Acquire, Heartbeat, NewWorker
from tests.conformance.samples import SPACE, worker_id
from tests.patience import PATIENCE

INSTANCE = "0f" * 16
WORKERS = 16


async def in_thread(work: Any) -> Any:
    return await asyncio.to_thread(work)


class Replica:
    """One server's worth of parts over a database."""

    def __init__(self, url: str, name: str) -> None:
        self.store: SqlStore = open_store(url)
        engine = OptunaEngine(keep_trials=10_000)
        self.suggester = Suggester(self.store, engine, Mirrors(10_000), in_thread, owner=name)
        lobby = Lobby(self.store, self.suggester)
        self.acquirer = Acquirer(self.store, lobby, ttl_seconds=60, drain_bad_machines=True)

    async def close(self) -> None:
        await self.suggester.close()
        await asyncio.to_thread(self.store.close)


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[list[Replica]]:
    made = [Replica(url, f"replica {number}") for number in range(count)]
    try:
        yield made
    finally:
        for replica in made:
            await replica.close()


async def create(replica: Replica, name: str, **fields: Any) -> None:
    given = {"name": name, "objectives": [{"metric": "loss"}], "space": SPACE, "sampler": {"type": "random"}, **fields}
    definition = StudyDefinition.model_validate(given)
    await replica.store.write(partial(studies.create, definition=definition, seed=1))


async def join(replica: Replica, number: int) -> None:
    new = NewWorker(instance=INSTANCE, name=f"node-{number}", protocol=1, agent_version="1", slots=1, trainers=("cnn",))
    await replica.store.write(partial(workers.register, worker_id=worker_id(number), new=new, ttl_seconds=60))


async def finish(replica: Replica, lease: Lease) -> None:
    body = Complete(token=lease.token, outcome="completed", values={"loss": float(lease.trial)})
    where = {"study": lease.study, "number": lease.trial, "attempt": lease.attempt}
    await replica.store.write(partial(completing.complete, body=body, **where))  # type: ignore[arg-type]


async def work(at: list[Replica], number: int, done: list[tuple[str, int]], running: Counter[str]) -> None:
    """A worker that runs trials until there are no more, each call at the next server."""
    turn = number
    empty = 0
    while empty < 2:
        turn += 1
        body = Acquire(instance=INSTANCE, request_id=f"{number}-{turn}", wait_seconds=1.5)
        answer = await at[turn % len(at)].acquirer.acquire(worker_id(number), body)
        empty = 0 if answer.leases else empty + 1
        for lease in answer.leases:
            running[lease.study] += 1
            running[f"most {lease.study}"] = max(running[f"most {lease.study}"], running[lease.study])
            done.append((lease.study, lease.trial))
            await asyncio.sleep(0)
            running[lease.study] -= 1
            await finish(at[(turn + 1) % len(at)], lease)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_sixteen_workers_keep_the_budgets_exactly(request: pytest.FixtureRequest, kind: str) -> None:
    """On PostgreSQL at two servers at once, and each call at another one."""
    count = 2 if kind == "postgresql" else 1
    url = request.getfixturevalue("postgres_url" if count > 1 else "sqlite_url")

    async def scene() -> None:
        async with replicas(url, count) as at:
            await create(at[0], "trials", budget={"max_trials": 40})
            await create(at[0], "few at a time", budget={"max_trials": 25, "max_running": 3}, priority=5)
            await create(at[0], "completed", budget={"max_completed": 20})
            for number in range(WORKERS):
                await join(at[number % count], number)
            done: list[tuple[str, int]] = []
            running: Counter[str] = Counter()
            await asyncio.gather(*[work(at, number, done, running) for number in range(WORKERS)])
            assert len(done) == len(set(done)), "no trial was granted twice"
            assert Counter(study for study, _ in done) == {"trials": 40, "few at a time": 25, "completed": 20}
            assert running["most few at a time"] <= 3
            states = await at[0].store.read(_states)
            assert states == {"trials": "completed", "few at a time": "completed", "completed": "completed"}

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def _states(tx: Transaction) -> dict[str, str]:
    return {name: tx.studies.get(name).state for name in ("trials", "few at a time", "completed")}


def test_a_worker_that_waits_at_one_server_hears_of_a_trial_at_another(postgres_url: str) -> None:
    async def scene() -> None:
        async with replicas(postgres_url, 2) as (here, there):
            await create(here, "s", budget={"max_trials": 2})
            await here.store.write(partial(trials.add, study="s", new=NewTrial(params={"learning_rate": 0.01})))
            for number in (1, 2):
                await join(here, number)
            first = await here.acquirer.acquire(worker_id(1), Acquire(instance=INSTANCE, request_id="r"))
            assert len(first.leases) == 1
            body = Acquire(instance=INSTANCE, request_id="r", wait_seconds=30)
            waiting = asyncio.create_task(there.acquirer.acquire(worker_id(2), body))
            while not there.acquirer._lobby or not there.acquirer._lobby._guests:
                await asyncio.sleep(0.01)
            new = NewTrial(params={"learning_rate": 0.02})
            await here.store.write(partial(trials.add, study="s", new=new))
            answer = await asyncio.wait_for(waiting, PATIENCE)
            assert [lease.trial for lease in answer.leases] == [1]

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_heartbeats_and_losses_on_real_databases(database_url: str) -> None:
    async def scene() -> None:
        async with replicas(database_url, 1) as (replica,):
            await create(replica, "s", retry={"backoff": 0})
            new = NewTrial(params={"learning_rate": 0.01})
            for _ in range(8):
                await replica.store.write(partial(trials.add, study="s", new=new))
            leases: list[Lease] = []
            for number in range(4):
                await join(replica, number)
                body = Acquire(instance=INSTANCE, request_id="r", max_trials=2)
                leases += (await replica.acquirer.acquire(worker_id(number), body)).leases
            beats = [
                Beat(worker_id(number), _beat(leases[2 * number : 2 * number + 2]), ttl_seconds=0.001 if number else 60)
                for number in range(4)
            ]
            answers = await asyncio.gather(*[replica.store.write_together(beat_together, beat) for beat in beats])
            assert [one.state for answer in answers for one in answer.leases] == ["renewed"] * 8
            # Three of the four have so short a time that it is over.
            lost = 0
            while lost < 6:
                lost += await Watch().look(replica.store)
            assert lost == 6
            shown = await replica.store.read(lambda tx: workers.views(tx, tx.workers.list()))
            states = {view.worker.name: (view.worker.state(view.now), len(view.held)) for view in shown}
            assert states == {"node-0": ("online", 2), **{f"node-{n}": ("offline", 0) for n in (1, 2, 3)}}
            counts = await replica.store.read(lambda tx: tx.trials.counts([tx.studies.get("s").id]))
            (found,) = counts.values()
            assert (found["running"], found["queued"]) == (2, 6)

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def _beat(leases: list[Lease]) -> Heartbeat:
    held = [
        {"study": one.study, "trial": one.trial, "attempt": one.attempt, "token": one.token, "gpu": "GPU-1"}
        for one in leases
    ]
    return Heartbeat.model_validate({"instance": INSTANCE, "leases": held})
