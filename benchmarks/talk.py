"""A client that costs little and reads its answers: HTTP/1.1 over one kept connection, one request at a time."""

import asyncio
import json
import time
from functools import partial
from typing import Any, Self, cast

_IDLE_SECONDS = 60.0


class Talk(asyncio.Protocol):
    """One connection to a server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._used = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect."""
        talk = cls(port)
        await talk.connect()
        return talk

    async def connect(self) -> None:
        """Connect, again if need be."""
        self.close()
        await asyncio.get_running_loop().create_connection(partial(_itself, self), "127.0.0.1", self._port)
        self._used = time.perf_counter()

    async def post(self, path: str, body: object) -> Any:
        """Send a body as JSON; answers what is answered. A refusal raises."""
        return await self._call("POST", path, json.dumps(body).encode())

    async def put(self, path: str, body: object) -> Any:
        """The same with the other verb."""
        return await self._call("PUT", path, json.dumps(body).encode())

    async def get(self, path: str) -> Any:
        """Read."""
        return await self._call("GET", path, b"")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are write transports without being derived from asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head) or self._answer is None:
            return
        received, self._received = self._received, b""
        if not self._answer.done():  # nobody waits for it any more
            self._answer.set_result(received)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    async def _call(self, method: str, path: str, body: bytes) -> Any:
        if time.perf_counter() - self._used > _IDLE_SECONDS:
            # The server hangs up on those who have been silent for a minute.
            await self.connect()
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        self._transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        head_back, _, told = (await self._answer).partition(b"\r\n\r\n")
        self._used = time.perf_counter()
        if head_back[9:10] != b"2":
            raise RuntimeError(f"{method} {path}: {told.decode()}")
        return json.loads(told)


def _itself(talk: Talk) -> Talk:
    return talk


def _length(head: bytes) -> int:
    place = head.lower().index(b"content-length:") + 15
    return int(head[place : head.find(b"\r", place) if b"\r" in head[place:] else None])
