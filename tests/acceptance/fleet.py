"""A server, its database and some workers, each a real process, and each worker behind a way of its own."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.acceptance.server_process import ServerProcess
from tests.acceptance.tcp_proxy import Proxy
from tests.acceptance.worker_process import WorkerProcess
from tests.conformance.postgres import PostgresServer
from tests.patience import PATIENCE

MARK = "FLEET_OF_A_TEST"
TTL = 5.0
_LOOK = 0.05


@dataclass
class Member:
    """A worker, and its way to the server."""

    name: str
    process: WorkerProcess
    proxy: Proxy

    def zygotes(self) -> list[psutil.Process]:
        """What it has started itself: the process that forks those of its attempts."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self.process.pid).children())
        return []

    def attempts(self) -> list[psutil.Process]:
        """The processes of its attempts."""
        found = []
        for zygote in self.zygotes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += zygote.children()
        return found

    @property
    def starts(self) -> int:
        """How often the server has let it in."""
        return self.process.said.count("is known to http")

    @property
    def spools(self) -> list[Path]:
        """What it still has for the server."""
        folder = self.process.workdir / "attempts"
        return sorted(folder.iterdir()) if folder.is_dir() else []


class Fleet:
    """All of it."""

    def __init__(self, server: ServerProcess, database: PostgresServer | None, members: Sequence[Member]) -> None:
        self.server = server
        self.database = database
        self.members = members

    async def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        """Ask the server itself, past all ways that may be cut; again until somebody answers."""
        # Certificates, which nobody here shows, would take longer to load than most answers to arrive.
        client = httpx2.AsyncClient(base_url=self.server.address, timeout=30, verify=False)
        async with asyncio.timeout(PATIENCE), client:
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    answer = await client.request(method, path, json=body)
                    if answer.status_code != 503:
                        return answer
                await asyncio.sleep(_LOOK)

    async def read(self, path: str) -> Any:
        """What an address answers."""
        return (await self.call("GET", path)).raise_for_status().json()

    async def create(self, name: str, **fields: Any) -> None:
        """Create a study of one loss; one that is there already was created by a call whose answer was lost."""
        given = {"name": name, "objectives": [{"metric": "loss"}], "sampler": "random", "scheduler": "none", **fields}
        answer = await self.call("POST", "/v1/studies", given)
        assert answer.status_code == 201 or answer.json()["code"] == "name_taken", answer.text

    async def until(self, path: str, holds: Callable[[Any], object], seconds: float = PATIENCE) -> Any:
        """Wait until there is something at an address, and it is so; answers it."""
        found: Any = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    answer = await self.call("GET", path)
                    found = answer.json()
                    if answer.is_success and holds(found):
                        break
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            said = "\n\n".join(one.process.said[-4_000:] for one in self.members)
            raise AssertionError(f"{path} answers after {seconds:g} s:\n{found}\n\n{said}") from None
        return found


def marked(mark: str) -> list[psutil.Process]:
    """The processes that a fleet has started, and all that they have."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@contextlib.asynccontextmanager
async def fleet(
    folder: Path,
    database_url: str,
    members: Mapping[str, Sequence[str]],
    *,
    database: PostgresServer | None = None,
    environ: Mapping[str, str] | None = None,
    ttl: float = TTL,
    **settings: str,
) -> AsyncIterator[Fleet]:
    """A server and workers of these names, each with its arguments; all of them are gone when the test is over."""
    mark = uuid.uuid4().hex
    chosen = {"lease_ttl_seconds": str(ttl), "log_level": "warning", **settings}
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(ServerProcess(database_url, folder, **chosen))
        made = []
        for name, arguments in members.items():
            proxy = await stack.enter_async_context(Proxy(server.port))
            (folder / name).mkdir()
            given = ["--server", proxy.address, "--name", name, "--output", "json", *arguments]
            process = WorkerProcess(folder / name, *given, environ={MARK: mark, **(environ or {})})
            stack.push_async_callback(process.stop)
            made.append(Member(name, process, proxy))
        for one in made:
            await one.process.start()
        stack.callback(_end, mark)
        yield Fleet(server, database, made)
        # What is left when all has gone well would be left on somebody's machine.
        for one in made:
            await one.process.stop()
        async with asyncio.timeout(PATIENCE):
            while marked(mark):
                await asyncio.sleep(_LOOK)


def _end(mark: str) -> None:
    """A test that failed leaves nothing behind, stopped or not."""
    for process in marked(mark):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
