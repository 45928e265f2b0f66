"""Listeners to a server's stream of messages, as browsers are: raw connections that count what comes."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(slots=True)
class Heard:
    """What all of them have heard together."""

    messages: int = 0
    bytes: int = 0


async def listen(port: int, path: str, count: int, seconds: float) -> Heard:
    """So many listeners for so long."""
    heard = Heard()
    opened = [await _open(port, path) for _ in range(count)]
    ends = time.monotonic() + seconds
    await asyncio.gather(*[_count(reader, heard, ends) for reader, _ in opened])
    for _, writer in opened:
        writer.close()
    return heard


async def _open(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n".encode())
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(head.decode())
    return reader, writer


async def _count(reader: asyncio.StreamReader, heard: Heard, ends: float) -> None:
    while (left := ends - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                told = await reader.read(65_536)
        except TimeoutError:
            return
        if not told:
            raise ConnectionError("the server closed the stream")
        heard.messages += told.count(b"event: points")
        heard.bytes += len(told)
