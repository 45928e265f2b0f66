"""How the application is served: its socket, its loop, and its end."""

import asyncio
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from service.domain.errors import BasinError
from service.http.app import Application

_GRACE_SECONDS = 10
_SILENT_SECONDS = 65
"""How long a connection without requests is kept: workers call again within a minute, and need no new one then."""
_LOOK_SECONDS = 1.0
_TICKS_A_LOOK = 10
"""What uvicorn counts in: it sees to its `Date` at each tenth, and would look ten times a second if it is to stop."""


class CannotServe(BasinError):
    """The server cannot start as it is told to."""

    code = "cannot_serve"


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections, though nobody answers them yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
    except OSError as error:
        listening.close()
        raise CannotServe(
            f"cannot listen on {host} port {port}: {error.strerror} (choose another with --port)"
        ) from error
    listening.listen(2048)
    return listening


def address_of(listening: socket.socket) -> str:
    """The address by which a browser on this machine finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_on(listening: socket.socket, app: Application, leaving: Callable[[], None]) -> None:
    """Serve until a signal; `leaving` is called when it is to stop and still answers."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_SILENT_SECONDS,
    )
    _open_many()
    for sign in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops gracefully at these and then raises them again: to be told to stop is no failure.
        signal.signal(sign, lambda *_: None)
    _Server(config, app, leaving).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that rests while there is nothing to do, and lets the streams of events end when it stops."""

    def __init__(self, config: uvicorn.Config, app: Application, leaving: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._leaving = leaving
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Look once a second whether it is to stop, and as soon as a signal says so."""
        self._loop = asyncio.get_running_loop()
        counter = 0
        while not await self.on_tick(counter):
            counter += _TICKS_A_LOOK
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let requests finish, then end."""
        await asyncio.to_thread(self._leaving)
        served = self._app.state.served
        served.feed.close()
        if served.services.acquirer is not None:
            served.services.acquirer.close()
        await super().shutdown(sockets)


def _open_many() -> None:
    """Open as many connections as the system lets us: each idle worker holds two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
