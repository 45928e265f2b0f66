"""Standing in line for a trial: who looks for one, and when it is no use."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import pytest

from service.usecases import leasing, suggesting, trials
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
        leases = await asyncio.gather(*[ask(desk, suggester) for _ in range(20)])
        assert sorted(lease.trial for (lease,) in leases) == list(range(20))

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))
    assert 1 < max(together) <= 16


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


@pytest.mark.parametrize(("budget", "looks"), [({}, 0), ({"max_running": 1}, 1)])
def test_who_comes_behind_others_stands_in_line_unless_only_so_many_may_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, budget: dict[str, int], looks: int
) -> None:
    """Nobody is called when a trial ends: whoever comes then must look for himself."""
    desk.study(budget=budget)

    async def scene(suggester: Suggester) -> None:
        async with suggester.board.ask("s") as turn:
            suggester.want("s")

            async def called() -> bool:
                return turn.is_set() and len(suggester._tasks) == 1

            await until(called)
            turn.clear()  # what it was called for somebody else has taken
            claims: list[int] = []
            claim = leasing.ask

            def counted(*given: Any, **named: Any) -> Any:
                claims.append(1)
                return claim(*given, **named)

            monkeypatch.setattr(leasing, "ask", counted)
            another = asyncio.create_task(ask(desk, suggester))

            async def stands() -> bool:
                return another.done() or suggester.board.asking("s") == 2

            await until(stands)
            assert len(claims) == looks
            another.cancel()
            await asyncio.wait([another])

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))


def stands_in_line(study: str) -> None:
    pytest.fail(f"there is no need to stand in line for {study}")


def test_who_asks_again_is_told_at_once_what_he_was_given(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.study(budget={"max_trials": 1})

    async def scene(suggester: Suggester) -> None:
        given = await ask(desk, suggester, wait=1, request_id="once")
        monkeypatch.setattr(suggester, "is_in_vain", lambda _: True)
        monkeypatch.setattr(suggester.board, "ask", stands_in_line)
        assert await ask(desk, suggester, wait=1, request_id="once") == given

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))


def test_who_looked_in_vain_looks_again_if_something_was_queued_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.study()

    async def never(work: Callable[[], T]) -> T:
        await asyncio.Event().wait()
        return work()

    suggester = Suggester(desk.store, Counting(), Mirrors(1000), never, owner="me")
    board = suggester.board
    stand = board.ask

    @asynccontextmanager
    async def late(study: str) -> AsyncIterator[asyncio.Event]:
        before = board.heard(study)
        await desk.store.write(lambda tx: trials.add(tx, study, NewTrial(params={"lr": 0.1})))

        async def heard() -> bool:
            return board.heard(study) != before

        await until(heard)
        async with stand(study) as turn:
            monkeypatch.setattr(turn, "wait", partial(pytest.fail, "nobody calls him any more"))
            yield turn

    async def scene() -> None:
        async with board.watch("s"):
            monkeypatch.setattr(board, "ask", late)
            (lease,) = await ask(desk, suggester, wait=0.2)
            assert lease.params == {"lr": 0.1}

    desk.run(scene())
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
