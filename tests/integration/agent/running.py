"""An agent in the test's own event loop: started, hastened, and looked at."""

import asyncio
import contextlib
import gc
import random
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.wire.worker import GpuUse, Selectors
from tests.fakes.process import Script, ScriptedStarter
from tests.fakes.server import FakeServer
from tests.patience import PATIENCE
from worker.agent import Agent, Outside
from worker.attempt import Starter
from worker.board import Board, Level, Shown
from worker.client import Client
from worker.identity import take
from worker.introduction import Plan
from worker.retry import Link
from worker.slots import on_cpus
from worker.timing import Timing

QUICK = Timing(
    first_point=0.01,
    between_reports=0.02,
    sync=0.05,
    log=0.03,
    checkpoint=60.0,
    acquire=0.5,
    obey=0.2,
    term=0.2,
    grace=5.0,
    reserve=2.0,
)


@dataclass
class Heard:
    """What a worker said."""

    lines: list[str] = field(default_factory=list)

    def said(self, event: str, text: str, level: Level, fields: Mapping[str, object], /) -> None:
        self.lines.append(f"{level} {event} {text}")

    def close(self) -> None:
        """Nothing to do."""

    def about(self, part: str) -> list[str]:
        return [line for line in self.lines if part in line]


@dataclass
class Worker:
    """A running agent."""

    agent: Agent
    heard: Heard
    board: Board
    link: Link
    task: asyncio.Task[None]
    start: Starter

    async def ended(self, seconds: float = PATIENCE) -> None:
        """Wait for its end; what it ended with is raised."""
        await asyncio.wait_for(asyncio.shield(self.task), seconds)

    async def kill(self) -> None:
        """As SIGKILL would: nothing is sent any more."""
        self.agent.hasten("abort")
        with contextlib.suppress(Exception):
            await self.ended()
        with warnings.catch_warnings():
            # What a killed process has open is closed by the kernel; here the collector does it.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def plan(**more: Any) -> Plan:
    given: dict[str, Any] = {
        "name": "test worker",
        "version": "1",
        "trainers": ("toy",),
        "labels": {},
        "selectors": Selectors(),
        "slots": on_cpus(2, 2),
    }
    return Plan(**(given | more))


@contextlib.asynccontextmanager
async def working(
    server: FakeServer,
    folder: Path,
    script: Script,
    *,
    timing: Timing = QUICK,
    token: str | None = None,
    gpus: tuple[GpuUse, ...] = (),
    longest: float = 0.2,
    **planned: Any,
) -> AsyncIterator[Worker]:
    """Run an agent; it is ended at the latest when the test has."""
    given = plan(**planned)
    heard = Heard()
    slots = [Shown(slot=slot.number, device=slot.name) for slot in given.slots]
    board = Board(name=given.name, server=server.address, slots=slots, views=[heard])
    link = Link(board.warn, random.Random(1).random, monotonic=time.monotonic, longest=longest, patience=0.1)
    client = Client(server.address, lambda: token, link, version="1", seconds=5.0)
    identity = take(folder, id=str(uuid.uuid4()), instance=uuid.uuid4().hex)
    outside = Outside(
        monotonic=time.monotonic, now=lambda: datetime.now(UTC), draw=lambda: uuid.uuid4().hex, gpus=lambda: gpus
    )
    start = ScriptedStarter(script)
    agent = Agent(given, identity, client, start, board, timing, outside)
    task = asyncio.ensure_future(agent.run())
    worker = Worker(agent, heard, board, link, task, start)
    try:
        yield worker
    finally:
        agent.hasten("abort")
        await asyncio.gather(task, return_exceptions=True)
        identity.close()


def slow(**more: float) -> Timing:
    """The timing of tests with other values."""
    return replace(QUICK, **more)
