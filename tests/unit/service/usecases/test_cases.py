"""Cases: who waits for a look at the same study is served by one read, and by none that began before he came."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from service.domain.errors import StoreUnavailable, TrialNotFound
from service.store.memory import MemoryStore
from service.usecases.cases import Case, Cases
from service.usecases.engine import Curve
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from tests.unit.service.usecases.conftest import Desk

T = TypeVar("T")


class Slow(MemoryStore):
    """A store whose reads begin at once, and end when they may."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(clock=lambda: desk.time)
        self.reads = 0
        self.runs = 0
        self.may_end = asyncio.Event()
        self.away = False

    async def read(self, work: Callable[[Transaction], T]) -> T:
        self.reads += 1
        found = await super().read(work)
        await self.may_end.wait()
        if self.away:
            raise StoreUnavailable("it is away")
        return found

    async def run(self, work: Callable[[], T]) -> T:
        self.runs += 1
        return work()


async def look(cases: Cases, number: int, known: Curve | None) -> Case:
    return await cases.think("s", number, known, lambda case: Case(case.history, case.trial, case.curve))


@pytest.fixture
def slow(desk: Desk) -> Slow:
    desk.store = Slow(desk)
    desk.study()
    desk.enqueue(3)
    return desk.store


@asynccontextmanager
async def first_of_a_crowd(cases: Cases, slow: Slow) -> AsyncIterator[asyncio.Task[Case]]:
    """One who is being served."""
    first = asyncio.create_task(look(cases, 0, Curve()))
    while not slow.reads:
        await asyncio.sleep(0)
    yield first
    slow.may_end.set()


def test_who_comes_during_a_read_is_served_by_the_next_with_all_others(desk: Desk, slow: Slow) -> None:
    async def scene() -> None:
        cases = Cases(slow, Mirrors(1000), slow.run)
        async with first_of_a_crowd(cases, slow) as first:
            await slow.write(lambda tx: tx.trials.save(tx.trials.lock(1, 2).moved("cancelled", tx.now)))
            others = [asyncio.create_task(look(cases, number, None)) for number in (0, 1, 2)]
            await asyncio.sleep(0)
        assert (await first).history.trials[2].state == "queued"
        found = await asyncio.gather(*others)
        assert [case.trial.number for case in found] == [0, 1, 2]
        assert all(case.history.trials[2].state == "cancelled" for case in found)
        assert (slow.reads, slow.runs) == (2, 2)
        assert (await look(cases, 1, None)).trial.number == 1

    desk.run(scene())


def test_one_whose_trial_is_not_there_is_no_harm_to_the_others(desk: Desk, slow: Slow) -> None:
    async def scene() -> None:
        cases = Cases(slow, Mirrors(1000), slow.run)
        async with first_of_a_crowd(cases, slow):
            crowd = asyncio.gather(look(cases, 9, Curve()), look(cases, 1, Curve()), return_exceptions=True)
            await asyncio.sleep(0)
        missing, found = await crowd
        assert isinstance(missing, TrialNotFound)
        assert isinstance(found, Case)
        assert slow.reads == 2

    desk.run(scene())


def test_one_who_thinks_wrong_is_no_harm_to_the_others(desk: Desk, slow: Slow) -> None:
    def wrong(case: Case) -> Case:
        raise ValueError(f"trial {case.trial.number} is odd")

    async def scene() -> None:
        cases = Cases(slow, Mirrors(1000), slow.run)
        async with first_of_a_crowd(cases, slow):
            crowd = asyncio.gather(cases.think("s", 1, Curve(), wrong), look(cases, 2, Curve()), return_exceptions=True)
            await asyncio.sleep(0)
        odd, found = await crowd
        assert str(odd) == "trial 1 is odd"
        assert isinstance(found, Case)
        assert (found.trial.number, slow.runs) == (2, 2)

    desk.run(scene())


def test_who_does_not_wait_any_more_is_no_harm_to_the_others(desk: Desk, slow: Slow) -> None:
    async def scene() -> None:
        cases = Cases(slow, Mirrors(1000), slow.run)
        async with first_of_a_crowd(cases, slow) as first:
            others = [asyncio.create_task(look(cases, number, Curve())) for number in (1, 2)]
            await asyncio.sleep(0)
            first.cancel()
            others[0].cancel()
        assert (await others[1]).trial.number == 2

    desk.run(scene())


def test_a_read_that_fails_is_the_answer_of_all_who_waited_for_it_and_of_nobody_else(desk: Desk, slow: Slow) -> None:
    async def scene() -> None:
        cases = Cases(slow, Mirrors(1000), slow.run)
        async with first_of_a_crowd(cases, slow) as first:
            slow.away = True
        with pytest.raises(StoreUnavailable):
            await first
        crowd = await asyncio.gather(*[look(cases, 0, Curve()) for _ in range(2)], return_exceptions=True)
        assert [type(one) for one in crowd] == [StoreUnavailable] * 2
        slow.away = False
        assert (await look(cases, 0, Curve())).trial.number == 0

    desk.run(scene())
