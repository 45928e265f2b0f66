"""Warm starts on real databases: in pieces, by two servers at once, with everything there and nothing twice."""

import asyncio
from functools import partial

import pytest

from service.domain.query import TrialQuery
from service.domain.trial import Trial
from service.store.opening import open_store
from service.usecases import studies, trials, warming
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial, NewTrials
from service.wire.warm_start import WarmStart

COUNT = 120
SPACE = {"x": {"type": "float", "low": 0, "high": 1}}


def definition(name: str, **fields: object) -> StudyDefinition:
    return StudyDefinition.model_validate({"name": name, "objectives": [{"metric": "loss"}], "space": SPACE, **fields})


async def source(store: Store) -> None:
    """A study of completed trials, each with a curve in which NaN and infinity stand."""
    await store.write(partial(studies.create, definition=definition("source"), seed=1))
    for start in range(0, COUNT, 60):
        new = [
            NewTrial.model_validate(
                {
                    "params": {"x": number / COUNT},
                    "state": "completed",
                    "values": {"loss": number},
                    "points": [{"step": step, "metrics": {"loss": "NaN" if step else "Infinity"}} for step in range(9)],
                }
            )
            for number in range(start, start + 60)
        ]
        await store.write(partial(trials.add_many, study="source", new=NewTrials(trials=tuple(new))))


def found(tx: Transaction) -> list[Trial]:
    return list(tx.trials.list(tx.studies.get("new").id, TrialQuery(size=1_000)).items)


@pytest.mark.parametrize("use", ["best", "history"])
def test_all_is_there_once(database_url: str, use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "ROWS_AT_ONCE", 200)

    async def scene() -> None:
        store = open_store(database_url)
        try:
            await source(store)
            warm = {"from": ["source"], "use": use, "count": COUNT}
            made, told = await warming.create(store, Mirrors(1_000), definition("new", warm_start=warm), 1)
            assert told is not None
            assert told.sources[0].taken == COUNT
            taken = await store.read(found)
            marks = [trial.attrs["warm_start"]["number"] for trial in taken]
            assert marks == list(range(COUNT))
            assert {trial.state for trial in taken} == {"queued" if use == "best" else "completed"}
            curve = await store.read(lambda tx: tx.points.list(made.id, 7, (0, 0), 99))
            assert [str(point.metrics["loss"]) for point in curve] == ([] if use == "best" else ["inf", *["nan"] * 8])
            assert (await store.read(lambda tx: tx.studies.get("new"))).state == "active"
        finally:
            await asyncio.to_thread(store.close)

    asyncio.run(scene())


def test_two_servers_may_carry_out_the_same_one(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "ROWS_AT_ONCE", 100)

    async def scene() -> None:
        stores = [open_store(postgres_url) for _ in range(2)]
        try:
            await source(stores[0])
            await stores[0].write(partial(studies.create, definition=definition("new"), seed=1))
            body = WarmStart.model_validate({"from": ["source"], "use": "history"})
            await asyncio.gather(*(warming.warm(store, Mirrors(1_000), "new", body) for store in stores))
            marks = [trial.attrs["warm_start"]["number"] for trial in await stores[0].read(found)]
            assert sorted(marks) == list(range(COUNT))
        finally:
            for store in stores:
                await asyncio.to_thread(store.close)

    asyncio.run(scene())
