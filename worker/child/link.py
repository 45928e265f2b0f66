"""The line to the agent. A thread sends what could not be sent at once, another one listens.

Telling never waits. An agent that does not read costs memory up to a bound, and disk beyond it.
"""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from trainers.api import Orders
from trainers.checkpoint import Written
from worker import messages
from worker.child.backlog import Backlog

_AT_ONCE = 500
_WAIT_MS = 50
_PIECE = 1 << 18
_AGREE_SECONDS, _LOOK_SECONDS = 15.0, 0.2


class Link:
    """One process's line. It is the channel of a trial."""

    def __init__(self, sock: socket.socket, orders: Orders, spill: Path, *, waits: bool = False) -> None:
        """`waits` has training wait until its data are agreed to."""
        self._sock = sock
        self._orders = orders
        self._waiting: deque[messages.Message] = deque()
        self._backlog = Backlog(spill)
        self._awake = threading.Event()
        self._agreed = threading.Event()
        self._waits = waits
        self._lock = threading.Lock()
        self._finishing = False
        self._broken = False
        self._seq = 0
        self._sender = threading.Thread(target=self._send, name="basin-send", daemon=True)
        self._receiver = threading.Thread(target=self._receive, name="basin-receive", daemon=True)
        # A process that the trainer forks has neither thread: it must not keep the line open either.
        os.register_at_fork(after_in_child=sock.close)

    def start(self) -> None:
        """Begin to send and to listen."""
        self._sender.start()
        self._receiver.start()

    def tell(self, message: messages.Message) -> None:
        """Send a message, if that can be done at once: then it is told, whatever happens next. Else let it wait."""
        if not self._lock.acquire(blocking=False):
            self._waiting.append(message)
        else:
            try:
                if self._waiting or self._backlog:
                    self._waiting.append(message)
                elif self._sent_at_once(messages.encode(message)):
                    return
            finally:
                self._lock.release()
        self._awake.set()

    def _sent_at_once(self, line: bytes) -> bool:
        """Send what is all there is; what does not go at once waits its turn. It is the way of nearly all reports."""
        try:
            sent = self._sock.send(line, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._broken = True
            return False
        if sent == len(line):
            return True
        self._backlog.add(line[sent:])
        return False

    def reported(self, step: int, metrics: Mapping[str, float], elapsed: float, cost: float | None) -> None:
        """One point of the curve."""
        self._seq += 1
        self.tell(messages.Reported(seq=self._seq, step=step, metrics=metrics, elapsed=elapsed, cost=cost))

    def saved(self, step: int, file: Written) -> None:
        """A checkpoint that stands."""
        self.tell(messages.Saved(step=step, path=str(file.path), sha256=file.sha256, size=file.size))

    def read(self, fingerprint: str) -> None:
        """Which data it is trained on; waits for the server's word, but not for a server that is away."""
        self.tell(messages.Read(fingerprint=fingerprint))
        until = time.monotonic() + _AGREE_SECONDS
        while self._waits and self._orders.end is None and time.monotonic() < until and not self._broken:
            if self._agreed.wait(_LOOK_SECONDS):
                return

    def finish(self) -> None:
        """Return once everything is sent, or nobody is there to take it."""
        self._finishing = True
        self._awake.set()
        self._sender.join()

    def _send(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        while not self._broken:
            if self._backlog:
                poll.poll(_WAIT_MS)
            elif not self._waiting:
                if self._finishing:
                    return
                self._awake.wait()
            self._awake.clear()
            with self._lock:
                self._push()
                while self._waiting:
                    many = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                    self._backlog.add(b"".join(map(messages.encode, many)))
                    self._push()

    def _push(self) -> None:
        try:
            while first := self._backlog.first():
                with memoryview(first) as view:
                    sent = self._sock.send(view[:_PIECE], socket.MSG_DONTWAIT)
                self._backlog.remove(sent)
        except BlockingIOError:
            return
        except OSError:
            self._broken = True

    def _receive(self) -> None:
        buffer = bytearray()
        while True:
            try:
                data = self._sock.recv(_PIECE)
            except OSError:
                return
            if not data:
                return
            buffer += data
            for line in messages.lines(buffer):
                told = messages.decode(line)
                if isinstance(told, messages.Agreed):
                    self._agreed.set()
                if isinstance(told, messages.Command):
                    self._orders.give(told.order, told.reason)
