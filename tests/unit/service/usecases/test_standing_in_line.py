"""Standing in line for a trial: who looks for one, and when it is no use."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from service.usecases import suggesting, trials
from service.usecases.board import Board
from service.usecases.mirrors import Mirrors
from service.usecases.suggester import Suggester
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.suggesters import Counting, ask, suggesting_with, until, who_claims

T = TypeVar("T")


def test_those_who_wait_together_get_trials_that_are_queued_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.study()
    together: list[int] = []
    put = suggesting.put

    def counted(*given: Any, **named: Any) -> Any:
        together.append(len(found := put(*given, **named)))
        return found

    monkeypatch.setattr(suggesting, "put", counted)

    async def scene(suggester: Suggester) -> None:
        leases = await asyncio.gather(*[ask(desk, suggester) for _ in range(9)])
        assert sorted(lease.trial for (lease,) in leases) == list(range(9))

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))
    assert max(together) == 4


def test_who_comes_while_the_next_is_made_stands_in_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to claim yet, and to look for it would be in the way of those who make it."""
    desk.study()
    engine, made = Counting(), asyncio.Event()

    async def slowly(work: Callable[[], T]) -> T:
        found = work()
        await made.wait()
        return found

    async def scene(suggester: Suggester) -> list[int]:
        first = asyncio.create_task(ask(desk, suggester))
        await until(engine.was_asked)
        claiming = who_claims(desk, suggester, monkeypatch)
        second = asyncio.create_task(ask(desk, suggester))
        for _ in range(200):
            await asyncio.sleep(0)
        looked = list(claiming)
        assert suggester.board.asking("s") == 2
        made.set()
        assert sorted(lease.trial for (lease,) in await asyncio.gather(first, second)) == [0, 1]
        return looked

    suggester = Suggester(desk.store, engine, Mirrors(1000), slowly, owner="me")
    assert desk.run(scene(suggester)) == []
    desk.run(suggester.close())


def test_what_is_queued_before_somebody_stands_in_line_is_found(desk: Desk) -> None:
    """Nobody is called for it any more: he looks, for something was heard since he was told that there is nothing."""
    desk.study()

    async def scene() -> None:
        board = Board(desk.store)
        async with board.watch("s"):
            before = board.heard("s")
            with board.nothing_queued("s", before):
                assert board.is_empty("s")
                await desk.store.write(lambda tx: trials.add(tx, "s", NewTrial(params={"lr": 0.1})))

                async def heard() -> bool:
                    return board.heard("s") != before

                await until(heard)
                assert not board.is_empty("s")
            with board.nothing_queued("s", before):
                assert not board.is_empty("s"), "it was queued after it was looked"
            began = board.heard("s")
        async with board.watch("s"):
            assert board.heard("s") != began, "while nobody listened anything may have been queued"

    desk.run(scene())
