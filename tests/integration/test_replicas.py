"""Several servers over one PostgreSQL: what one commits the others see, in one order, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest

from service.domain.errors import DataDiffer
from service.store.changes import Changes
from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import studies, trials
from service.usecases.ports import Transaction
from service.usecases.reporting import agreeing
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition
from service.wire.trial import NewTrial
from tests.patience import PATIENCE

PARAMS: dict[str, bool | int | float | str | None] = {
    "learning_rate": 0.001,
    "dropout": 0.2,
    "batch_size": 32,
    "optimizer": "adamw",
}
END_CONNECTIONS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'basin'
"""


async def create(store: SqlStore, *names: str) -> None:
    for name in names:
        definition = StudyDefinition.model_validate({**DEFINITION_EXAMPLE, "name": name, "budget": {}})
        await store.write(partial(studies.create, definition=definition, seed=1))


async def enqueue(store: SqlStore, study: str, count: int) -> None:
    for _ in range(count):
        await store.write(partial(trials.add, study=study, new=NewTrial(params=PARAMS)))


def events_behind(after: int, tx: Transaction) -> list[int]:
    return [event.id for event in tx.events.list(after, None, 1000)]


def seq_of(study: str, tx: Transaction) -> int:
    return tx.studies.get(study).seq


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
            await create(stores[0], "shared")
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
            await create(first, "one", "two")
            seen: list[int] = []
            writing = [
                asyncio.create_task(enqueue(store, name, 150)) for store in (first, second) for name in ("one", "two")
            ]
            while len(seen) < 602:
                after = seen[-1] if seen else 0
                seen += await reader.read(partial(events_behind, after))
            await asyncio.gather(*writing)
            assert seen == list(range(1, 603)), "a reader that goes on behind the last id has missed an event"

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_a_replica_tells_what_others_wrote_between_its_own(postgres_url: str) -> None:
    """It knows its own events by heart, and must not take them for all there are."""

    async def scene() -> None:
        async with replicas(postgres_url) as (first, second):
            await create(first, "one", "two")
            writing = [enqueue(store, name, 60) for store in (first, second) for name in ("one", "two")]
            await asyncio.gather(*writing)
            for store in (first, second):
                kept = await store.read(partial(events_behind, 0))
                assert len(kept) == 242
                for after in range(0, 243, 3):
                    told = await store.events_behind(after, 5)
                    assert [one.id for one in told] == kept[after : after + len(told)]
                    assert bool(told) == (after < 242)

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_a_replica_hears_what_another_commits(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody looks by himself before the test has failed: what wakes the waiter is what it was told.
    monkeypatch.setattr("service.store.changes._POLL_SECONDS", 60.0)

    async def scene() -> None:
        async with replicas(postgres_url) as (writer, hearer):
            waiting = asyncio.create_task(hearer.wait_for_events(0, 60))
            written = 0
            while not waiting.done():  # the hearer may not listen yet when the first event is written
                await create(writer, f"study {written}")
                written += 1
                await asyncio.wait([waiting], timeout=0.2)

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_a_replica_need_not_read_what_it_has_written(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database tells it of its own commits as well, and may do so before it has noted them itself."""
    monkeypatch.setattr("service.store.changes._POLL_SECONDS", PATIENCE)
    heard: list[int] = []
    go_on = threading.Event()

    def hear(self: Changes, writer: int, last_id: int) -> None:
        hears(self, writer, last_id)
        heard.append(last_id)

    hears = Changes.heard
    monkeypatch.setattr(Changes, "heard", hear)

    async def scene() -> None:
        async with replicas(postgres_url, 1) as (store,):
            last = 0
            while not heard:  # it may not listen yet
                await create(store, f"study {last}")
                last += 1
            while store._changes._last < last:  # who wrote it is answered before it is noted
                await asyncio.sleep(0)
            note = store._writer._committed
            monkeypatch.setattr(store._writer, "_committed", lambda events: (go_on.wait(PATIENCE), note(events)))
            waiting = asyncio.create_task(store.wait_for_events(last, PATIENCE))
            await enqueue(store, "study 0", 1)
            while max(heard) <= last:
                await asyncio.sleep(0)
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
            go_on.set()
            await waiting

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_a_reader_that_rested_while_the_database_was_away_is_none_the_wiser(postgres_url: str) -> None:
    ended: list[bool] = []

    async def scene() -> None:
        async with replicas(postgres_url, 1) as (store,):
            await create(store, "kept")
            for _ in range(3):
                reads = [store.read(partial(seq_of, "kept")) for _ in range(8)]
                assert set(await asyncio.gather(*reads)) == {1}
                with psycopg.connect(postgres_url, autocommit=True) as administrator:
                    ended.extend(row[0] for row in administrator.execute(END_CONNECTIONS))

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))
    assert ended.count(True) >= 4


def test_writes_that_lock_each_other_out_are_carried_out_again(postgres_url: str) -> None:
    """Two replicas lock two studies in opposite order, and each is made to hold one before it asks for the other."""

    async def scene() -> None:
        async with replicas(postgres_url) as (left, right):
            await create(left, "a", "b")
            both_hold_one = threading.Barrier(2, timeout=5)
            runs: list[str] = []

            def crossing(first: str, second: str) -> Callable[[Transaction], int]:
                def work(tx: Transaction) -> int:
                    runs.append(first)
                    tx.studies.lock(first)
                    if len(runs) <= 2:
                        both_hold_one.wait()
                    return tx.studies.save(tx.studies.lock(second)).seq

                return work

            await asyncio.gather(left.write(crossing("a", "b")), right.write(crossing("b", "a")))
            assert len(runs) > 2, "one of the two must have lost the deadlock and been run again"
            seqs = [await left.read(partial(seq_of, name)) for name in ("a", "b")]
            assert seqs == [2, 2]

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def test_of_two_replicas_that_hear_of_different_data_one_is_first(postgres_url: str) -> None:
    async def scene() -> None:
        async with replicas(postgres_url) as stores:
            for number in range(5):
                name, datas = f"study {number}", ["ab" * 32, "cd" * 32]
                await create(stores[0], name)
                told = [
                    store.write(partial(_told, name=name, data=data)) for store, data in zip(stores, datas, strict=True)
                ]
                answers = await asyncio.gather(*told, return_exceptions=True)
                refused = [one for one in answers if isinstance(one, DataDiffer)]
                (kept,) = [one for one in answers if isinstance(one, str)]
                assert len(refused) == 1
                assert kept in str(refused[0])
                assert await stores[1].read(partial(_known, name=name)) == kept

    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def _told(tx: Transaction, name: str, data: str) -> str | None:
    return agreeing(tx, tx.studies.get(name), data).data_fingerprint


def _known(tx: Transaction, name: str) -> str | None:
    return tx.studies.get(name).data_fingerprint
