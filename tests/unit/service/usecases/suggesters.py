"""Suggesters with an engine that counts, and those who ask them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from service.domain.trial import Trial
from service.usecases import asking
from service.usecases.engine import Curve, Exhausted, History, Latest, Suggestion, Verdict, one_by_one
from service.usecases.mirrors import Mirrors
from service.usecases.suggester import Suggester
from service.wire.lease import Ask, Lease
from tests.unit.service.usecases.conftest import Desk

T = TypeVar("T")


class Counting:
    """An engine that suggests lr = 1/(2 + how much it knows), and has only so many points."""

    name = "counting"

    def __init__(self, points: int = 10**6) -> None:
        self.points = points
        self.asked: list[int] = []

    async def was_asked(self) -> bool:
        return bool(self.asked)

    def suggest(self, history: History, number: int) -> Suggestion:
        self.asked.append(number)
        if len(history.trials) >= self.points and number not in history.trials:
            raise Exhausted
        ended = sum(1 for trial in history.trials.values() if trial.finished)
        return Suggestion(params={"lr": 1 / (2 + ended)}, study_system={"last": number})

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        return one_by_one(self.suggest, history, number, count, lambda: False)

    def promote(self, history: History, number: int) -> None:
        return None

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        raise NotImplementedError


async def at_once(work: Callable[[], T]) -> T:
    return work()


@contextmanager
def suggesting_with(desk: Desk, engine: Counting, owner: str = "me") -> Iterator[Suggester]:
    suggester = Suggester(desk.store, engine, Mirrors(1000), at_once, owner=owner)
    yield suggester
    desk.run(suggester.close())


def ask(desk: Desk, suggester: Suggester, wait: float = 5, **fields: Any) -> Coroutine[Any, Any, tuple[Lease, ...]]:
    body = Ask(worker="w", wait_seconds=wait, **fields)
    return asking.ask(desk.store, suggester, "s", body, ttl_seconds=60)


def who_claims(desk: Desk, suggester: Suggester, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many claim at the time of each urgent write."""
    claiming: list[int] = []
    write = desk.store.write

    async def seen(work: Callable[..., Any], *, urgent: bool = False) -> Any:
        claiming.extend([suggester.board._claiming] * urgent)
        return await write(work, urgent=urgent)

    monkeypatch.setattr(desk.store, "write", seen)
    return claiming


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Let others run until something holds; a test that waits in vain is ended by its time limit."""
    while not await true():
        await asyncio.sleep(0)
