"""What a process has said is heard, also when an order crosses with its end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from worker import messages
from worker.line import Line
from worker.messages import Command, Ended, Message, Reported, Started
from worker.process import Process
from worker.zygotes import Exit, Forked


class Still:
    """A process that the test speaks for."""

    pid = 1

    def __init__(self) -> None:
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    def signal(self, number: int, *, group: bool = True) -> None: ...


def reported(step: int) -> Reported:
    return Reported(seq=step, step=step, metrics={"loss": 1.0}, elapsed=0.0, cost=None)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Process, Still, socket.socket]]:
    ours, its = socket.socketpair()
    with its:
        still = Still()
        process = Process(cast(Forked, still), folder / "log", is_command=False)
        await process.begin(ours, b"it reads nothing\n")
        yield process, still, its


async def crosses(process: Process, its: socket.socket) -> None:
    """An order that lies unread when the process ends, and one that comes too late."""
    await process.send(Command(order="pause"))
    its.close()
    await process.send(Command(order="stop"))


async def only_late(process: Process, its: socket.socket) -> None:
    its.close()
    await process.send(Command(order="pause"))


@pytest.mark.parametrize("order", [crosses, only_late])
def test_an_order_that_crosses_with_the_end_costs_neither_point_nor_result(
    tmp_path: Path, order: Callable[[Process, socket.socket], Awaitable[None]]
) -> None:
    async def scene() -> list[Message]:
        async with running(tmp_path) as (process, still, its):
            said = process.messages()
            its.sendall(messages.encode(reported(1)))
            heard = [await anext(said)]
            # It is left alone for a moment now, so that points gather.
            its.sendall(messages.encode(reported(2)) + messages.encode(Ended(outcome="completed")))
            await order(process, its)
            still.exited.set_result(Exit(0))
            return heard + [one async for one in said]

    heard = asyncio.run(scene())
    assert heard[:2] == [reported(1), reported(2)]
    assert [one.outcome for one in heard[2:] if isinstance(one, Ended)] == ["completed"]


def test_more_than_a_line_holds_waits_with_who_says_it() -> None:
    said = b"x" * (1 << 20)

    async def scene() -> int:
        ours, its = socket.socketpair()
        line = await Line.over(ours)
        sending = asyncio.create_task(asyncio.to_thread(_say, its, said * 8))
        heard = 0
        while data := await line.read(1 << 18):
            heard += len(data)
        await sending
        line.close()
        return heard

    assert asyncio.run(scene()) == 8 * len(said)


def test_what_cannot_be_said_at_once_waits_and_comes_whole() -> None:
    """Its end may hear nothing for hours: a process that is stopped."""
    words = [b"%06d\n" % number * 50 for number in range(3_000)]

    async def scene() -> bytes:
        ours, its = socket.socketpair()
        line = await Line.over(ours)
        for word in words:
            line.say(word)
        heard = await asyncio.to_thread(_hear, its, len(b"".join(words)))
        line.close()
        return heard

    assert asyncio.run(scene()) == b"".join(words)


def test_what_cannot_be_said_any_more_is_not() -> None:
    async def scene() -> bytes:
        ours, its = socket.socketpair()
        line = await Line.over(ours)
        its.sendall(messages.encode(Started(pid=1)))
        its.close()
        for _ in range(3):
            line.say(b"too late\n")
        heard = await line.read(1 << 18)
        line.close()
        line.say(b"closed\n")
        return heard

    assert asyncio.run(scene()) == messages.encode(Started(pid=1))


def _hear(its: socket.socket, length: int) -> bytes:
    its.settimeout(10)
    with its, its.makefile("rb") as file:
        return file.read(length)


def _say(its: socket.socket, words: bytes) -> None:
    with its:
        its.sendall(words)
