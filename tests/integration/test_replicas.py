"""Several servers over one PostgreSQL: what one commits the others see, in one order, and nobody waits for ever."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import studies, trials
from service.usecases.ports import Transaction
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition
from service.wire.trial import NewTrial

PARAMS = {"learning_rate": 0.001, "dropout": 0.2, "batch_size": 32, "optimizer": "adamw"}


def definition(name: str) -> StudyDefinition:
    return StudyDefinition.model_validate({**DEFINITION_EXAMPLE, "name": name})


@asynccontextmanager
async def replicas(url: str, count: int = 2) -> AsyncIterator[list[SqlStore]]:
    stores = [open_store(url) for _ in range(count)]
    try:
        yield stores
    finally:
        for store in stores:
            await asyncio.to_thread(store.close)


def test_numbers_and_seqs_are_given_once(postgres_url: str) -> None:
    async def scene() -> None:
        async with replicas(postgres_url) as stores:
            await stores[0].write(lambda tx: studies.create(tx, definition("shared"), seed=1))
            new = NewTrial(params=PARAMS)
            writes = [stores[n % 2].write(lambda tx: trials.add(tx, "shared", new)) for n in range(200)]
            added = await asyncio.gather(*writes)
            assert sorted(trial.number for trial in added) == list(range(200))
            # The study's creation took seq 1; each trial took one behind it, in the order of its number.
            assert [trial.seq for trial in sorted(added, key=lambda trial: trial.number)] == list(range(2, 202))

    asyncio.run(scene())


def test_events_become_visible_in_the_order_of_their_ids(postgres_url: str) -> None:
    async def scene() -> None:
        async with replicas(postgres_url, 3) as (first, second, reader):
            for name in ("one", "two"):
                await first.write(lambda tx, name=name: studies.create(tx, definition(name), seed=1))
            seen: list[int] = []
            writing = [
                asyncio.create_task(_enqueue(store, name, 150)) for store in (first, second) for name in ("one", "two")
            ]
            while len(seen) < 602:
                after = seen[-1] if seen else 0
                seen += [
                    event.id for event in await reader.read(lambda tx, after=after: tx.events.list(after, None, 1000))
                ]
            await asyncio.gather(*writing)
            assert seen == list(range(1, 603)), "a reader that goes on behind the last id has missed an event"

    asyncio.run(asyncio.wait_for(scene(), 60))


async def _enqueue(store: SqlStore, study: str, count: int) -> None:
    for _ in range(count):
        await store.write(lambda tx: trials.add(tx, study, NewTrial(params=PARAMS)))


def test_a_replica_hears_what_another_commits(postgres_url: str) -> None:
    async def scene() -> None:
        async with replicas(postgres_url) as (writer, hearer):
            await writer.write(lambda tx: studies.create(tx, definition("first"), seed=1))
            _, newest = await hearer.read(lambda tx: tx.events.bounds())
            begin = time.monotonic()
            waiting = asyncio.create_task(hearer.wait_for_events(newest, 30))
            await writer.write(lambda tx: studies.create(tx, definition("second"), seed=1))
            await waiting
            # Told, and not found by looking every two seconds; the listener may have begun just now.
            assert time.monotonic() - begin < 1.9

    asyncio.run(scene())


def test_writes_that_lock_each_other_out_are_carried_out_again(postgres_url: str) -> None:
    """Two replicas lock two studies in opposite order, and are made to hold the first before they ask for the second."""

    async def scene() -> None:
        async with replicas(postgres_url) as (left, right):
            for name in ("a", "b"):
                await left.write(lambda tx, name=name: studies.create(tx, definition(name), seed=1))
            both_hold_one = threading.Barrier(2, timeout=5)
            runs: list[str] = []

            def crossing(first: str, second: str) -> object:
                def work(tx: Transaction) -> object:
                    runs.append(first)
                    tx.studies.lock(first)
                    if len(runs) <= 2:
                        both_hold_one.wait()
                    return tx.studies.save(tx.studies.lock(second)).seq

                return work

            await asyncio.gather(left.write(crossing("a", "b")), right.write(crossing("b", "a")))  # type: ignore[arg-type]
            assert len(runs) == 3, "one of the two must have lost the deadlock and been run again"
            seqs = [await left.read(lambda tx, name=name: tx.studies.get(name).seq) for name in ("a", "b")]
            assert seqs == [2, 2]

    asyncio.run(asyncio.wait_for(scene(), 60))
