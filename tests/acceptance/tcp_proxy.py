"""The way between a worker and its server, that tests may cut, stall, and make swallow the answers."""

import asyncio
import contextlib
from typing import Literal, Self

Way = Literal["open", "cut", "stalled", "deaf"]
_PIECE = 1 << 16


class Proxy:
    """Hands bytes on between a port of 127.0.0.1 and another one, in the way that it is told.

    `cut`: what is open is broken off, what comes is refused. `stalled`: nothing goes on its way, and nobody is told;
    it goes on later. `deaf`: what is asked arrives, the answers do not, and in the end the connections are broken off.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._way: Way = "open"
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._break_off()
        for one in self._serving:
            one.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def become(self, way: Way) -> None:
        """Be open, cut, stalled or deaf from now on."""
        if way == "cut" or self._way == "deaf":
            self._break_off()
        self._way = way
        if way == "stalled":
            self._flows.clear()
        else:
            self._flows.set()

    def _break_off(self) -> None:
        self._flows.set()
        for writer in tuple(self._open):
            writer.transport.abort()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._way == "cut":
            writer.transport.abort()
            return
        try:
            answers, asks = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, asks}
        try:
            await asyncio.gather(self._pass_on(reader, asks), self._pass_on(answers, writer, back=True))
        finally:
            for one in (writer, asks):
                self._open.discard(one)
                one.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool = False) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._flows.wait()
                if back and self._way == "deaf":
                    continue
                writer.write(piece)
                await writer.drain()
        # When one side has ended, so does the other: nobody here closes only half of a connection.
        writer.transport.abort()
