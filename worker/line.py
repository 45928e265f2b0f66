"""The agent's end of the line to an attempt's process: what was said there is heard, however the line ends.

A stream of asyncio's throws away what it holds when its other end is closed in the middle of a word from here: an
order that crosses with the end of training would cost the last point and the result.
"""

import asyncio
import socket
from typing import Self, cast

_MUCH = 1 << 20


class Line(asyncio.Protocol):
    """One line. What is said waits here until it is read."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._held = bytearray()
        self._ended = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(cls, channel: socket.socket) -> Self:
        """A line over one end of a pair of sockets, which is the line's from now on."""
        channel.setblocking(False)
        _, line = await asyncio.get_running_loop().create_connection(lambda: cls(channel), sock=channel)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line stands."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Something was said."""
        self._held += data
        self._news.set()
        if len(self._held) > _MUCH:
            self.rest()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # how it ended says nothing of why
        """Nothing more will be said."""
        self._ended = True
        self._news.set()

    async def read(self, most: int) -> bytes:
        """What was said, as soon as there is something; nothing once the line has ended and all of it was read."""
        while not self._held and not self._ended:
            self.listen()
            self._news.clear()
            await self._news.wait()
        said = bytes(self._held[:most])
        del self._held[:most]
        return said

    def begin(self, words: bytes) -> None:
        """Say what the other end waits for first, however long it is."""
        assert self._transport is not None
        self._transport.write(words)

    def say(self, word: bytes) -> None:
        """Say something; for nothing if nobody is there any more. What does not go at once waits its turn."""
        if self._transport is None or self._transport.is_closing():
            return
        sent = 0 if self._transport.get_write_buffer_size() else self._sent_at_once(word)
        if sent < len(word):
            self._transport.write(word[sent:])

    def _sent_at_once(self, word: bytes) -> int:
        """Past the transport, which would close the line over a word that nobody takes, with what it has not read."""
        try:
            return self._channel.send(word, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError:
            return len(word)

    def rest(self) -> None:
        """Leave what is said with the kernel for now; it stays there also if the process dies."""
        if self._transport is not None:
            self._transport.pause_reading()

    def listen(self) -> None:
        """Take in again what is said."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Be done with it."""
        if self._transport is not None:
            self._transport.close()
