"""A client that costs little: raw HTTP/1.1 over kept connections, one request at a time on each.

The client shares the machine's cores with the server that is measured, so every microsecond it takes is one that the
server does not have. It reads no more of an answer than its status and its length.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

MakeRequest = Callable[[int], bytes]
"""The n-th request of a connection, n = 1, 2, 3 …"""


@dataclass
class Load:
    """What a load saw."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    last_refusal: bytes = b""

    @property
    def rate(self) -> float:
        """Answers of success a second."""
        return self.answered / self.seconds


def post(path: str, body: bytes) -> bytes:
    """A request as it travels."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    )
    return head.encode() + b"\r\n" + body


def drive(port: int, connections: Sequence[MakeRequest], seconds: float) -> Load:
    """Keep each connection busy for some seconds."""
    load = Load()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        done = [loop.create_future() for _ in connections]
        begin = time.perf_counter()
        for make, end in zip(connections, done, strict=True):
            connection = _Connection(make, load, begin + seconds, end)
            await loop.create_connection(partial(_itself, connection), "127.0.0.1", port)
        await asyncio.wait_for(asyncio.gather(*done), seconds + 30)
        load.seconds = time.perf_counter() - begin

    uvloop.run(scene())
    return load


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, make: MakeRequest, load: Load, until: float, end: "asyncio.Future[None]") -> None:
        self._make, self._load, self._until, self._end = make, load, until, end
        self._n = 0
        self._sent = 0.0
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are write transports without being derived from asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._received = b""
        self._load.waits.append(time.perf_counter() - self._sent)
        if head[9:10] == b"2":
            self._load.answered += 1
        else:
            self._load.refused += 1
            self._load.last_refusal = body
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._end.done():
            self._end.set_exception(exc or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._end.set_result(None)
            self._transport.close()
            return
        self._n += 1
        self._transport.write(self._make(self._n))


def _itself(connection: _Connection) -> _Connection:
    return connection


def _length(head: bytes) -> int:
    place = head.lower().index(b"content-length:") + 15
    return int(head[place : head.find(b"\r", place) if b"\r" in head[place:] else None])
