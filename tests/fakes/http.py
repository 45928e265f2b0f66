"""A small HTTP server over real sockets, with faults on demand: cut lines, lost answers, pages that are not ours."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Fault = Literal["cut", "lose", "503", "429", "500", "html", "page404"]
REASONS = {200: "OK", 204: "No Content"}

_TO_BEGIN = 5


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    gone: Callable[[], bool] = lambda: False
    """Whether the client has given up waiting."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"

    @classmethod
    def of(cls, body: object, status: int = 200) -> "Said":
        return cls(status, json.dumps(body).encode())

    @classmethod
    def problem(cls, status: int, code: str, detail: str, **more: object) -> "Said":
        body = {"title": code, "status": status, "code": code, "detail": detail, **more}
        return cls(status, json.dumps(body).encode(), kind="application/problem+json")


@dataclass
class Planned:
    """A fault that is to happen."""

    pattern: re.Pattern[str]
    fault: Fault
    times: int
    headers: Mapping[str, str]


class Listener:
    """Listens on a port of 127.0.0.1; can be away, and back on the same port."""

    def __init__(self, answer: Callable[[Asked], Awaitable[Said]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._port = 0
        self.faults: list[Planned] = []
        self.happened: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be away: nobody listens, and what was open is cut."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for _ in range(_TO_BEGIN):
                await asyncio.sleep(0)  # what was accepted and has not begun would be in nobody's list
            serving = [task for task in self._open.values() if task is not None]
            for writer in self._open:
                writer.transport.abort()
            for task in serving:
                task.cancel()  # a long poll would not notice
            await asyncio.gather(*serving, return_exceptions=True)
            await server.wait_closed()

    def plan(self, pattern: str, fault: Fault, times: int = 1, **headers: str) -> None:
        """Let something go wrong with the next requests that fit `METHOD path`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Planned(re.compile(pattern), fault, times, given))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            while (asked := await _read(reader)) is not None and await self._reply(asked, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            del self._open[writer]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        planned = self._planned(asked)
        if planned is not None:
            self.happened.append(f"{planned.fault} {asked.method} {asked.path}")
            if planned.fault == "cut":
                return False
            if planned.fault == "lose":
                await self._answer(asked)
                return False
            await _write(writer, _broken(planned))
            return True
        await _write(writer, await self._answer(asked))
        return True

    def _planned(self, asked: Asked) -> Planned | None:
        for planned in self.faults:
            if planned.times > 0 and planned.pattern.search(f"{asked.method} {asked.path}"):
                planned.times -= 1
                return planned
        return None


def _broken(planned: Planned) -> Said:
    page = b"<html><body>Please log in</body></html>"
    match planned.fault:
        case "html":
            return Said(200, page, planned.headers, "text/html")
        case "page404":
            return Said(404, page, planned.headers, "text/html")
        case _:
            said = Said.problem(int(planned.fault), "unavailable", "not now")
            return Said(said.status, said.body, planned.headers, said.kind)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Asked(method, unquote(url.path), dict(parse_qsl(url.query)), headers, body, reader.at_eof)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).strip(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


async def _write(writer: asyncio.StreamWriter, said: Said) -> None:
    lines = [
        f"HTTP/1.1 {said.status} {REASONS.get(said.status, 'Status')}",
        f"Content-Type: {said.kind}",
        f"Content-Length: {len(said.body)}",
        *(f"{name}: {value}" for name, value in said.headers.items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + said.body)
    await writer.drain()
