"""Results that take long: computed once, told at once, and anew when the study has changed."""

import asyncio

import pytest

from service.domain.errors import Overloaded
from service.usecases.analysis.background import Background, Result


class Work:
    """A computation that a test lets go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.started = 0
        self.seq = 1
        self.error: Exception | None = None

    async def __call__(self) -> Result[str]:
        self.started += 1
        seq = self.seq
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return Result(seq, f"of {seq}")


def test_one_computation_for_all_who_ask() -> None:
    async def play() -> None:
        background: Background[str] = Background()
        work = Work()
        assert (await background.newest("q", 1, work, 0)).state == "computing"
        waiting = [asyncio.create_task(background.newest("q", 1, work, 30)) for _ in range(5)]
        work.go_on.set()
        for told in await asyncio.gather(*waiting):
            assert (told.state, told.result) == ("ready", Result(1, "of 1"))
        assert work.started == 1
        assert (await background.newest("q", 1, work, 30)).state == "ready"
        assert work.started == 1

    asyncio.run(play())


def test_an_old_result_is_told_until_the_new_one_is_there() -> None:
    async def play() -> None:
        background: Background[str] = Background()
        work = Work()
        work.go_on.set()
        await background.newest("q", 1, work, 30)
        work.go_on.clear()
        work.seq = 2
        told = await background.newest("q", 2, work, 0.001)
        assert (told.state, told.result) == ("stale", Result(1, "of 1"))
        work.go_on.set()
        told = await background.newest("q", 2, work, 30)
        assert (told.state, told.result) == ("ready", Result(2, "of 2"))

    asyncio.run(play())


def test_a_failure_is_told_to_who_waits_and_tried_again_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        background: Background[str] = Background()
        work = Work()
        work.error = ValueError("broken")
        work.go_on.set()
        with pytest.raises(ValueError, match="broken"):
            await background.newest("q", 1, work, 30)
        work.error = None
        assert (await background.newest("q", 1, work, 30)).state == "ready"

    asyncio.run(play())
    assert "an analysis broke off" in caplog.text


def test_there_are_bounds() -> None:
    async def play() -> None:
        background: Background[str] = Background(keep=2, at_once=2)
        work = Work()
        for question in ("a", "b"):
            await background.newest(question, 1, work, 0)
        with pytest.raises(Overloaded):
            await background.newest("c", 1, work, 0)
        work.go_on.set()
        for question in ("a", "b", "c"):
            assert (await background.newest(question, 1, work, 30)).state == "ready"
        before = work.started
        await background.newest("a", 1, work, 30)
        assert work.started == before + 1  # forgotten: only two are kept

    asyncio.run(play())


def test_closing_gives_up() -> None:
    async def play() -> None:
        background: Background[str] = Background()
        work = Work()
        await background.newest("q", 1, work, 0)
        await background.close()
        assert (await background.newest("q", 1, work, 0)).state == "computing"
        await background.close()

    asyncio.run(play())
