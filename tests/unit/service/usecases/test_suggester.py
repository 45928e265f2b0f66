"""Suggestions ahead of time, and those who wait for them, with an engine that counts."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from service.domain.errors import WrongState
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases import asking, leasing, studies, suggesting, trials
from service.usecases.board import Board
from service.usecases.engine import History, Suggestion
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.suggester import Suggester
from service.wire.lease import Ask
from service.wire.trial import NewTrial
from tests.patience import PATIENCE
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.suggesters import Counting, ask, suggesting_with, until, who_claims


async def queued(desk: Desk) -> list[Trial]:
    seen = await desk.store.read(partial(suggesting.situation, mirrors=Mirrors(1000), name="s"))
    return list(seen.waiting)


def test_an_asker_gets_a_suggestion_and_more_wait_behind_it(desk: Desk) -> None:
    desk.study()

    async def scene(suggester: Suggester) -> None:
        (lease,) = await ask(desk, suggester)
        assert (lease.trial, lease.params) == (0, {"lr": 0.5})

        async def two_wait() -> bool:
            return len(await queued(desk)) >= 2  # a third if the asker still stood on the board

        await until(two_wait)

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))
    trial = desk.trial(1)
    assert trial.origin == "sampled"
    assert trial.suggestion is not None
    assert trial.suggestion["engine"] == "counting"
    assert desk.read(lambda tx: tx.studies.get("s")).system["last"] >= 1


def test_many_askers_get_one_trial_each(desk: Desk) -> None:
    desk.study()

    async def scene(suggester: Suggester) -> None:
        leases = await asyncio.gather(*[ask(desk, suggester) for _ in range(20)])
        assert sorted(lease.trial for (lease,) in leases) == list(range(20))

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))


class Timed(Counting):
    """It notes how much time it was given for how many suggestions."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[int, float]] = []

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        self.given.append((count, seconds))
        return super().several(history, number, count, seconds)


@pytest.mark.parametrize("names", ["s", "st"])
def test_studies_that_are_asked_for_at_once_share_the_time(desk: Desk, names: str) -> None:
    for name in names:
        desk.study(name=name)
    engine = Timed()

    async def scene(suggester: Suggester) -> None:
        body = Ask(worker="w", wait_seconds=5)
        asks = [asking.ask(desk.store, suggester, name, body, ttl_seconds=60) for name in names for _ in range(4)]
        assert [len(leases) for leases in await asyncio.gather(*asks)] == [1] * len(asks)

    with suggesting_with(desk, engine) as suggester:
        desk.run(scene(suggester))
    counts, times = zip(*engine.given, strict=True)
    assert max(counts) > 1
    assert min(times) == 0.2 / len(names)


def test_suggestions_that_nobody_took_are_made_anew_when_a_result_arrives(desk: Desk) -> None:
    desk.study()
    with suggesting_with(desk, Counting()) as suggester:
        (lease,) = desk.run(ask(desk, suggester))

        async def knowing() -> bool:
            waiting = await queued(desk)
            # Those further behind are made anew when it is their turn.
            return len(waiting) >= 2 and waiting[0].params == {"lr": 1 / 3}

        async def scene() -> None:
            await asyncio.to_thread(lambda: None)
            await until(knowing)

        desk.complete(lease, values={"loss": 1})
        desk.run(scene())


def test_of_a_study_that_is_expected_to_be_asked_for_one_trial_is_ready(desk: Desk) -> None:
    desk.study()
    engine = Counting()

    async def ready() -> bool:
        return len(await queued(desk)) == 1

    async def more_are_ready() -> bool:
        return len(await queued(desk)) > 1

    async def scene(suggester: Suggester) -> None:
        suggester.expect("s")
        await until(ready)
        for _ in range(100):
            await asyncio.sleep(0)
        assert engine.asked == [0]
        suggester.want("s")
        await until(more_are_ready)

    with suggesting_with(desk, engine) as suggester:
        desk.run(scene(suggester))


def test_it_looks_no_more_often_than_it_has_something_to_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a study of ten thousand trials each look costs milliseconds, in which others wait. Nor does it rest first."""
    monkeypatch.setattr("service.usecases.suggester._LOOK_SECONDS", PATIENCE)
    desk.study()
    engine, looks = Counting(), []
    look = suggesting.situation

    def counted(*given: Any, **named: Any) -> suggesting.Situation:
        looks.append(1)
        return look(*given, **named)

    monkeypatch.setattr(suggesting, "situation", counted)

    async def scene(suggester: Suggester) -> None:
        suggester.want("s")
        while len(engine.asked) < 5:
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)

    with suggesting_with(desk, engine) as suggester:
        desk.run(asyncio.wait_for(scene(suggester), PATIENCE / 2))
    assert (len(engine.asked), len(looks)) == (5, 5)


def test_who_watches_is_not_told_of_what_is_queued_anew(desk: Desk) -> None:
    """The suggester has queued it himself, and the rest of what happens tells him what he needs to know."""
    desk.study()

    async def told_of(board: Board, work: Callable[[Transaction], object]) -> bool:
        async with board.watch("s") as told:
            before = board.read_up_to
            await desk.store.write(work)
            while board.read_up_to <= before:
                await asyncio.sleep(0)
            return told.is_set()

    async def scene() -> list[bool]:
        board = Board(desk.store)
        queued, done = NewTrial(params={"lr": 0.1}), NewTrial(params={"lr": 0.1}, state="completed", values={"loss": 1})
        return [
            await told_of(board, lambda tx: trials.add(tx, "s", queued)),
            await told_of(board, lambda tx: leasing.ask(tx, "s", Ask(worker="w"), ttl_seconds=60)),
            await told_of(board, lambda tx: trials.add(tx, "s", done)),
            await told_of(board, lambda tx: studies.pause(tx, "s", None)),
        ]

    assert desk.run(scene()) == [False, True, True, True]


def test_nothing_is_suggested_while_somebody_claims(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.usecases.board._STAND_BACK_SECONDS", PATIENCE)
    desk.study()
    engine = Counting()

    async def scene(suggester: Suggester) -> None:
        with suggester.board.claim():
            suggester.want("s")
            for _ in range(100):
                await asyncio.sleep(0)
            assert not engine.asked
        await until(engine.was_asked)

    with suggesting_with(desk, engine) as suggester:
        desk.run(scene(suggester))


def test_whoever_asks_claims(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.study()
    desk.enqueue(1)
    with suggesting_with(desk, Counting()) as suggester:
        claiming = who_claims(desk, suggester, monkeypatch)
        desk.run(ask(desk, suggester))
        assert claiming == [1]
        assert suggester.board._claiming == 0


def test_who_waits_for_a_trial_waits_for_nobody_who_claims(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.usecases.board._STAND_BACK_SECONDS", PATIENCE)
    desk.study()
    engine = Counting()

    async def scene(suggester: Suggester) -> None:
        with suggester.board.claim():
            async with suggester.board.ask("s"):
                suggester.want("s")
                await until(engine.was_asked)

    with suggesting_with(desk, engine) as suggester:
        desk.run(asyncio.wait_for(scene(suggester), PATIENCE / 2))


def test_claims_that_never_end_do_not_keep_a_suggester_from_its_work(desk: Desk) -> None:
    desk.study()
    engine = Counting()

    async def scene(suggester: Suggester) -> None:
        with suggester.board.claim():
            suggester.want("s")
            await until(two_wait)

    async def two_wait() -> bool:
        return len(await queued(desk)) >= 2

    with suggesting_with(desk, engine) as suggester:
        desk.run(scene(suggester))


def test_what_a_user_enqueued_is_left_as_it_is(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    engine = Counting()
    with suggesting_with(desk, engine) as suggester:
        (lease,) = desk.run(ask(desk, suggester))
        desk.complete(lease, values={"loss": 1})
        (second,) = desk.run(ask(desk, suggester))
    assert (lease.trial, second.trial) == (0, 1)
    assert second.params == {"lr": 0.1}
    assert desk.trial(1).origin == "enqueued"


def test_one_process_suggests_and_another_takes_over_when_it_is_gone(desk: Desk) -> None:
    study = desk.study()
    assert desk.write(lambda tx: suggesting.take(tx, study, "dead"))
    engine = Counting()
    with suggesting_with(desk, engine) as suggester:
        assert desk.run(ask(desk, suggester, wait=0.01)) == ()
        assert engine.asked == []
        desk.later(seconds=suggesting.LEASE_SECONDS + 1)
        assert len(desk.run(ask(desk, suggester))) == 1


def test_one_that_is_closed_lets_another_go_on_at_once(desk: Desk) -> None:
    study = desk.study()
    with suggesting_with(desk, Counting()) as suggester:
        desk.run(ask(desk, suggester))
        assert not desk.write(lambda tx: suggesting.take(tx, study, "another"))
    assert desk.write(lambda tx: suggesting.take(tx, study, "another"))


def test_one_that_rests_lets_another_go_on_and_comes_back_when_it_is_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = desk.study()
    monkeypatch.setattr("service.usecases.suggester._REST_SECONDS", 0.0)

    async def free() -> bool:
        return await desk.store.write(lambda tx: suggesting.take(tx, study, "another"))

    async def scene(suggester: Suggester) -> None:
        for _ in range(3):
            await ask(desk, suggester)
            await until(free)
            await desk.store.write(lambda tx: tx.suggesters.release(study.id, "another"))

    with suggesting_with(desk, engine := Counting()) as suggester:
        desk.run(scene(suggester))
    assert len(engine.asked) >= 3


def test_a_study_of_the_same_name_is_another_study(desk: Desk) -> None:
    first = desk.study()

    def again(tx: Transaction) -> Study:
        """In one commit: nobody sees the name gone."""
        tx.studies.delete(first)
        return studies.create(tx, first.definition, seed=7)

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(ask(desk, suggester))
        second = desk.write(again)
        assert len(desk.run(ask(desk, suggester))) == 1
        assert not desk.write(lambda tx: suggesting.take(tx, second, "another"))


@pytest.mark.parametrize("budget", [{"max_trials": 3}, {"max_running": 3}])
def test_a_budget_bounds_what_is_suggested_and_run(desk: Desk, budget: dict[str, int]) -> None:
    desk.study(budget=budget)

    async def scene(suggester: Suggester) -> int:
        return sum(map(len, await asyncio.gather(*[ask(desk, suggester, wait=0.2) for _ in range(8)])))

    with suggesting_with(desk, Counting()) as suggester:
        assert desk.run(scene(suggester)) == 3


def test_a_space_with_nothing_left_ends_the_study(desk: Desk) -> None:
    desk.study()
    with suggesting_with(desk, Counting(points=2)) as suggester:
        for _ in range(2):
            (lease,) = desk.run(ask(desk, suggester))
            desk.complete(lease, values={"loss": 1})
        with suppress(WrongState):  # it may have been found out already, when the last trial had been taken
            assert desk.run(ask(desk, suggester, wait=0.2)) == ()
    assert desk.state() in {"completed", "stopped"}


def test_an_asker_is_told_when_the_study_is_paused(desk: Desk) -> None:
    study = desk.study()
    desk.write(lambda tx: suggesting.take(tx, study, "somebody else"))

    async def scene(suggester: Suggester) -> None:
        asker = asyncio.create_task(ask(desk, suggester, wait=30))
        await asyncio.wait([asker], timeout=0.05)
        await desk.store.write(lambda tx: studies.pause(tx, "s", None))
        with pytest.raises(Exception, match="study 's' is paused"):
            await asker

    with suggesting_with(desk, Counting()) as suggester:
        desk.run(scene(suggester))
