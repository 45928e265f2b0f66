"""Requests made by hand, message by message: what a client library cannot show."""

import asyncio
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

from tests.patience import PATIENCE


class Exchange:
    """One request to an application, under way."""

    def __init__(
        self, app: FastAPI, method: str, path: str, query: str = "", headers: dict[str, str] | None = None
    ) -> None:
        given = {"host": "localhost", **(headers or {})}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8420),
        }
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.received: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.ensure_future(app(self.scope, self.received.get, self.sent.put))

    def give(self, body: bytes = b"", *, more: bool = False) -> None:
        """Send a piece of the body."""
        self.received.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leave(self) -> None:
        """Go away."""
        self.received.put_nowait({"type": "http.disconnect"})

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        message = await self._next()
        assert message["type"] == "http.response.start"
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def piece(self) -> bytes | None:
        """The next piece of the answer's body; None at its end."""
        message = await self._next()
        assert message["type"] == "http.response.body"
        body: bytes = message.get("body", b"")
        return body if body or message.get("more_body") else None

    async def _next(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            return await self.sent.get()

    async def end(self) -> None:
        """Wait until the application is done with it."""
        async with asyncio.timeout(PATIENCE):
            await self.task
