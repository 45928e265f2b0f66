"""The server's API as a worker uses it: one method for each call, and no policy (that is in `retry`)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel

from service.wire.lease import Complete, Completed, Lease, Report, Reported
from service.wire.worker import (
    Acquire,
    Acquired,
    Heartbeat,
    HeartbeatAnswer,
    LogWritten,
    NewWorker,
    Stored,
    WorkerAccepted,
)
from worker.retry import Again, Link, judge

JSON = "application/json"
BYTES = "application/octet-stream"
CHUNK = 1 << 18
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt that this worker holds, and the token that proves it."""

    study: str
    trial: int
    attempt: int
    token: int

    @classmethod
    def of(cls, lease: Lease) -> "Held":
        """What a lease gives the right to."""
        return cls(lease.study, lease.trial, lease.attempt, lease.token)

    @property
    def path(self) -> str:
        """The address of the attempt."""
        return _attempt(self.study, self.trial, self.attempt)

    def __str__(self) -> str:
        return f"{self.study} trial {self.trial} attempt {self.attempt}"


class Client:
    """One server, as one worker sees it."""

    def __init__(
        self,
        server: str,
        token: Callable[[], str | None],
        link: Link,
        *,
        version: str,
        seconds: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.server = server.rstrip("/")
        self.link = link
        self._token = token
        self._seconds = seconds
        url = urlsplit(self.server)
        self.http = httpx2.AsyncClient(
            headers={"User-Agent": f"basin-worker/{version}", "Accept": JSON},
            timeout=httpx2.Timeout(seconds, connect=min(seconds, 10.0), pool=None),
            # The server hangs up a little later: a call never meets a connection that is being closed.
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60.0),
            transport=transport,
            # A proxy of the environment cannot reach this machine's own addresses.
            trust_env=url.hostname not in _HERE,
            verify=url.scheme == "https",
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self.http.aclose()

    async def introduce(self, worker: str, body: NewWorker) -> WorkerAccepted:
        """Say who we are."""
        return await self._json("PUT", f"/v1/workers/{worker}", lambda: body, WorkerAccepted)

    async def acquire(self, worker: str, body: Acquire) -> Acquired:
        """Wait for trials. Sent again after a lost answer, the same leases are answered."""
        patience = body.wait_seconds + self._seconds
        return await self._json("POST", f"/v1/workers/{worker}:acquire", lambda: body, Acquired, read=patience)

    async def heartbeat(self, worker: str, body: Callable[[], Heartbeat]) -> HeartbeatAnswer:
        """Say that we are alive. The body is made for each try: what was true a minute ago is no heartbeat."""
        return await self._json("POST", f"/v1/workers/{worker}:heartbeat", body, HeartbeatAnswer)

    async def report(self, held: Held, body: Report) -> Reported:
        """Send points of a curve."""
        return await self._json("POST", f"{held.path}:report", lambda: body, Reported)

    async def complete(self, held: Held, body: Complete) -> Completed:
        """Write down the end of an attempt."""
        return await self._json("POST", f"{held.path}:complete", lambda: body, Completed)

    async def send_log(self, held: Held, offset: int, content: bytes) -> LogWritten:
        """Append to an attempt's log."""
        query = {"offset": offset, "token": held.token}
        return await self._send("POST", f"{held.path}/logs", LogWritten, query=query, content=lambda: content)

    async def upload(self, held: Held, step: int, file: Path, sha256: str) -> Stored:
        """Stream a checkpoint to the server."""
        size = file.stat().st_size
        return await self._send(
            "PUT",
            f"{held.path}/checkpoints/{step}",
            Stored,
            query={"token": held.token, "sha256": sha256},
            content=lambda: _chunks(file),
            headers={"Content-Length": str(size)},
            seconds=max(self._seconds, 120.0),
        )

    @asynccontextmanager
    async def checkpoint(self, study: str, trial: int, attempt: int, step: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the bytes of a checkpoint. Failures are raised, also those that may pass."""
        request = self._request("GET", f"{_attempt(study, trial, attempt)}/checkpoints/{step}", {"Accept": "*/*"})
        response = await self.http.send(request, stream=True)
        try:
            if not response.is_success:
                await response.aread()
                verdict = judge(response)
                raise httpx2.ReadError(verdict.cause) if isinstance(verdict, Again) else _known(verdict)
            yield response.aiter_bytes(CHUNK)
        finally:
            await response.aclose()

    async def _json(
        self, method: str, path: str, body: Callable[[], BaseModel], kind: type[M], *, read: float | None = None
    ) -> M:
        return await self._send(
            method,
            path,
            kind,
            content=lambda: body().model_dump_json(exclude_none=True, by_alias=True).encode(),
            headers={"Content-Type": JSON},
            seconds=read,
        )

    async def _send(
        self,
        method: str,
        path: str,
        kind: type[M],
        *,
        content: Callable[[], bytes | AsyncIterator[bytes]],
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> M:
        async def once() -> httpx2.Response:
            given = {"Content-Type": BYTES, **(headers or {})}
            request = self._request(method, path, given, query=query, content=content(), seconds=seconds)
            return await self.http.send(request)

        return await self.link.send(once, kind.model_validate_json)

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str | int] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        seconds: float | None = None,
    ) -> httpx2.Request:
        token = self._token()
        identity = {"Authorization": f"Bearer {token}"} if token else {}
        extra: dict[str, Any] = {}
        if seconds is not None:
            extra["timeout"] = httpx2.Timeout(seconds, connect=min(self._seconds, 10.0), pool=None)
        return self.http.build_request(
            method, self.server + path, params=query, headers={**headers, **identity}, content=content, **extra
        )


def _attempt(study: str, trial: int, attempt: int) -> str:
    return f"/v1/studies/{quote(study, safe='')}/trials/{trial}/attempts/{attempt}"


def _known(verdict: Exception | None) -> Exception:
    assert verdict is not None
    return verdict


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    """The bytes of a file, read beside the event loop."""
    with await asyncio.to_thread(file.open, "rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, CHUNK):
            yield chunk
