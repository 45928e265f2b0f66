"""The store over SQLite and over PostgreSQL keeps the contract of stores."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from operator import is_

import pytest

from service.domain.errors import NameTaken
from service.domain.query import StudyQuery
from service.domain.trial import Trial
from service.store.opening import open_store
from service.store.waiting import FEW
from service.usecases.ports import Store, Transaction
from tests.conformance.samples import definition, full_trial
from tests.conformance.store import StoreConformance
from tests.patience import PATIENCE

Work = Callable[[Transaction], str]


class TestSqliteStore(StoreConformance):
    """A file of its own for each test."""

    @pytest.fixture
    def store(self, sqlite_url: str) -> Store:
        return open_store(sqlite_url, migrate=False)


class TestPostgresStore(StoreConformance):
    """A database of its own for each test."""

    @pytest.fixture
    def store(self, postgres_url: str) -> Store:
        return open_store(postgres_url, migrate=False)


@pytest.mark.parametrize(("others", "place"), [(3, 1), (FEW + 4, 5)])
def test_who_hurries_passes_those_who_are_at_work(database_url: str, others: int, place: int) -> None:
    """Once few are left: before, many share one commit. Whoever let others pass is served once, and answered."""
    names = [f"other{number}" for number in range(others)]
    order: list[str] = []
    first = Held(order, names[0])
    works: list[Work] = [first, *(partial(added, order=order, name=name) for name in names[1:])]
    with closing(open_store(database_url)) as store:
        assert asyncio.run(one_hurries(store, order, works, meanwhile=first)) == ["gate", *names]
    assert order == ["gate", *names[:place], "urgent", *names[place:]]


def test_what_was_undone_and_then_let_others_pass_is_written_all_the_same(database_url: str) -> None:
    """The first try is undone for one that is refused; in the second somebody hurries before it is their turn."""
    order: list[str] = []
    refused = Held(order, "refused", NameTaken("it is refused"))

    async def scene(store: Store) -> None:
        works: list[Work] = [*(partial(added, order=order, name=name) for name in "ab"), refused]
        answers = await one_hurries(store, order, works, meanwhile=refused)
        assert answers[:3] == ["gate", "a", "b"]
        assert isinstance(answers[3], NameTaken)
        page = await store.read(lambda tx: tx.studies.list(StudyQuery()))
        assert {study.name for study in page.items} == {"gate", "a", "b", "urgent"}

    with closing(open_store(database_url)) as store:
        asyncio.run(scene(store))
    assert order == ["gate", "a", "b", "a", "urgent", "b", "b"], "the refusal undoes twice those that are tried with it"


def test_what_all_trials_have_is_held_once(database_url: str) -> None:
    """Mirrors hold many thousand trials: a name of a parameter or of a state for each would be a third of it."""

    def add(tx: Transaction) -> int:
        study = tx.studies.add(definition())
        for _ in range(2):
            tx.trials.add(full_trial(study, suggestion={"seq": 3, "note": None}))
        return study.id

    async def scene(store: Store) -> Sequence[Trial]:
        study_id = await store.write(add)
        return await store.read(lambda tx: tx.trials.changed(study_id, 0, 2))

    with closing(open_store(database_url)) as store:
        one, other = asyncio.run(scene(store))
    assert one.state is other.state
    assert one.origin is other.origin
    for field in ("params", "values", "attrs", "system", "suggestion"):
        mine, its = list(getattr(one, field)), list(getattr(other, field))
        assert mine == its != []
        assert all(map(is_, mine, its)), field


async def one_hurries(
    store: Store, order: list[str], works: Sequence[Work], *, meanwhile: "Held"
) -> list[str | BaseException]:
    """The answers of works that are taken together, and while one of them is at work somebody hurries."""
    gate = Held(order, "gate")
    waiting = [asyncio.create_task(store.write(gate))]
    await gate.begins()
    # They come while somebody is at work.
    waiting += [asyncio.create_task(store.write(work)) for work in works]
    await asyncio.sleep(0)
    gate.go_on()
    await meanwhile.begins()
    urgent = asyncio.create_task(store.write(partial(added, order=order, name="urgent"), urgent=True))
    await asyncio.sleep(0)
    meanwhile.go_on()
    assert await urgent == "urgent"
    return await asyncio.gather(*waiting, return_exceptions=True)


def added(tx: Transaction, order: list[str], name: str) -> str:
    """Add a study, and note when."""
    order.append(name)
    return tx.studies.add(definition(name)).name


class Held:
    """A write that takes until it is told to go on, and may be refused then."""

    def __init__(self, order: list[str], name: str, refusal: Exception | None = None) -> None:
        self._order = order
        self._name = name
        self._refusal = refusal
        self._begun = threading.Event()
        self._released = threading.Event()

    def __call__(self, tx: Transaction) -> str:
        self._begun.set()
        assert self._released.wait(PATIENCE)
        if self._refusal is not None:
            raise self._refusal
        return added(tx, self._order, self._name)

    async def begins(self) -> None:
        """Wait until it is at work."""
        assert await asyncio.to_thread(self._begun.wait, PATIENCE)

    def go_on(self) -> None:
        """Let it end."""
        self._released.set()
