"""How often a worker says that it lives: seldom while it holds nothing, and as the server wants it once it does."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from service.wire.lease import Directive
from service.wire.worker import Heartbeat, HeartbeatAnswer, HeldAnswer
from tests.patience import PATIENCE
from worker.client import Held
from worker.heartbeat import Pulse, Running

GO_ON = Directive(type="continue")
HELD = Held(study="s", trial=1, attempt=1, token=1)


class Attempt:
    """One that runs, and does as it is told."""

    obeyed = gpu = None

    def hear(self, directive: Directive) -> None:
        assert directive == GO_ON

    def gone(self, why: str) -> None:
        raise AssertionError(why)


class Server:
    """It lets a worker that holds nothing rest for so long."""

    def __init__(self, rest: float | None) -> None:
        self.rest = rest
        self.beats: asyncio.Queue[int] = asyncio.Queue()

    async def heartbeat(self, worker: str, body: Callable[[], Heartbeat]) -> HeartbeatAnswer:
        held = body().leases
        self.beats.put_nowait(len(held))
        leases = tuple(
            HeldAnswer(study=one.study, trial=one.trial, attempt=one.attempt, state="renewed", directive=GO_ON)
            for one in held
        )
        return HeartbeatAnswer(leases=leases, directive=GO_ON, heartbeat_seconds=None if held else self.rest)


def pulse(server: Any, running: Mapping[Held, Running]) -> Pulse:
    made = Pulse(
        server, "w", "a" * 32, lambda: running, lambda: (), lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda _: None
    )
    made.every = 0.001
    return made


async def heard(server: Server, beats: int) -> list[int]:
    return [await asyncio.wait_for(server.beats.get(), PATIENCE) for _ in range(beats)]


def test_one_that_holds_nothing_rests_until_it_begins_something() -> None:
    async def story() -> None:
        server, running = Server(rest=3_600.0), dict[Held, Running]()
        of = pulse(server, running)
        beating = asyncio.create_task(of.run())
        assert await heard(server, 1) == [0]
        running[HELD] = Attempt()
        of.begin()
        assert await heard(server, 3) == [1, 1, 1]
        beating.cancel()

    asyncio.run(story())


def test_one_that_is_not_told_how_long_it_may_rest_beats_on() -> None:
    async def story() -> None:
        server = Server(rest=None)
        beating = asyncio.create_task(pulse(server, {}).run())
        assert await heard(server, 3) == [0, 0, 0]
        beating.cancel()

    asyncio.run(story())
