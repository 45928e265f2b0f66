"""The process of an attempt, as the agent holds it: started, listened to, told what to do, and ended for certain.

A process is the leader of a group and of a session of its own. Once its end has been told, nothing that it started
is left: neither its group, nor what has left the group.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker import isolation, launch, messages
from worker.launch import Launch
from worker.line import Line
from worker.messages import Agreed, Command, Ended, Message, Reported, Task
from worker.zygotes import ANY, CannotFork, Exit, Forked, Zygotes

LOG = "log"
_TAIL = 16_000
_LONGEST_LINE = 8 << 20
_WAITING = 1_000
_PIECE = 1 << 18
_TO_EXIT = 10.0
_TO_DUMP = 2.0
_LOOK = 0.05
# Who reports each step of some milliseconds would wake the agent at each, and pay for it: his points gather so long.
_GATHER = 0.05
_MUCH = 1 << 14


class ProcessProblem(OSError):
    """No process could be started for an attempt."""


class TrainerProblem(Exception):
    """A trainer that cannot be used: with file, line and exception where there is one."""

    def __init__(self, message: str, tail: str = "") -> None:
        super().__init__(message)
        self.tail = tail


class Processes:
    """Starts the processes of attempts. What trainers need is loaded once, ahead of them, in a process beside.

    `trainers` are those that it will be asked for, as `Launch.trainer` names them; commands need nothing. Where they
    are not named, torch is loaded in any case.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], trainers: Sequence[str] = ANY) -> None:
        self._zygotes = Zygotes(log, environment, trainers)
        self._log = log

    def open(self) -> None:
        """Begin to load the libraries; a start waits for that, if it has to."""
        self._zygotes.open()

    async def start(self, task: Task, start: Launch) -> "Process":
        """Start the process of an attempt in the task's folder, which is there. Its log is `log` in it."""
        folder = Path(task.folder)
        channel, forked = await self._fork(folder / LOG)
        process = Process(forked, folder / LOG, is_command=bool(start.command))
        await process.begin(channel, launch.encode(start) + messages.encode(task))
        return process

    async def check(self, start: Launch) -> None:
        """Look whether a trainer can be used, in a process of its own: TrainerProblem says why not."""
        channel, forked = await self._fork(self._log)
        process = Process(forked, self._log, is_command=True)
        await process.begin(channel, launch.encode(replace(start, check=True)) + b"\n")
        async for message in process.messages():
            if isinstance(message, Ended) and message.outcome != "completed":
                raise TrainerProblem(message.message, message.tail)

    async def close(self) -> None:
        """End everything that still runs."""
        await self._zygotes.close()

    async def _fork(self, log: Path) -> tuple[socket.socket, Forked]:
        ours, its = socket.socketpair()
        try:
            with its:
                descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
                try:
                    return ours, await self._zygotes.fork(its, descriptor)
                finally:
                    os.close(descriptor)
        except CannotFork as error:
            ours.close()
            raise ProcessProblem(f"{error} (more in {self._log})") from error
        except BaseException:
            ours.close()
            raise


class Process:
    """A running process. Its messages must be read for it to come to its end."""

    def __init__(
        self,
        forked: Forked,
        log: Path,
        *,
        is_command: bool,
        killed_for_memory: Callable[[], int] = isolation.killed_for_memory,
    ) -> None:
        self.log = log
        self.exit: Exit | None = None
        """How it ended, once it has: its status or signal, its CPU seconds and its peak of memory."""
        self._forked = forked
        self._is_command = is_command
        self._killed_for_memory = killed_for_memory
        self._kills_before = killed_for_memory()
        self._killed = False
        self._heard: asyncio.Queue[Message] = asyncio.Queue(_WAITING)
        self._over = asyncio.Event()

    @property
    def pid(self) -> int:
        """The leader of its group."""
        return self._forked.pid

    async def begin(self, channel: socket.socket, first: bytes) -> None:
        """Hand over what it reads first, and begin to listen."""
        self._line = await Line.over(channel)
        self._line.begin(first)
        self._listening = asyncio.ensure_future(self._listen())

    async def messages(self) -> AsyncIterator[Message]:
        """What it says. The last is always `Ended`, whether it said so or not, and comes when nothing of it is left."""
        while True:
            message = await self._heard.get()
            yield message
            if isinstance(message, Ended):
                return

    async def send(self, command: Command | Agreed) -> None:
        """Tell it something; for nothing if it has ended."""
        self._line.say(messages.encode(command))

    async def end(self, *, stacks: bool = False, term: float = _TO_EXIT) -> None:
        """SIGTERM to its group, and SIGKILL after `term` seconds; with `stacks` its stacks go to its log before.

        Its trainer is ended by an exception at SIGTERM, so that it can tidy up. Returns when nothing is left of it.
        """
        if stacks and not self._over.is_set():
            await self._dump()
        if term > 0:
            self._forked.signal(signal.SIGTERM)
            if not self._is_command:
                self._forked.signal(signal.SIGUSR2, group=False)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), term)
        self._kill()
        await self._over.wait()

    def log_tail(self, size: int = _TAIL) -> str:
        """The last of its log, from the beginning of a line."""
        try:
            with self.log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - size))
                held = file.read(size)
        except OSError:
            return ""
        if end > size:
            held = held.partition(b"\n")[2] or held
        return held.decode(errors="replace")

    def _kill(self) -> None:
        if not self._forked.exited.done():
            self._killed = True
            self._forked.signal(signal.SIGKILL)

    async def _listen(self) -> None:
        """Read until the line is closed, and a little longer than the process lives if something holds it open."""
        said: Ended | None = None
        trouble = ""
        buffer = bytearray()
        while data := await self._read():
            buffer += data
            points = True
            try:
                for line in messages.lines(buffer):
                    message = messages.decode(line)
                    points = points and isinstance(message, Reported)
                    if isinstance(message, Ended):
                        said = said or message
                    else:
                        await self._heard.put(message)
                if len(buffer) > _LONGEST_LINE:
                    raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
            except ValueError as error:
                trouble = f"what it said could not be read: {error}"
                break
            if points and len(data) < _MUCH:
                await self._let_gather()
        await self._last(said, trouble)

    async def _read(self) -> bytes:
        """What comes next; nothing once the line is closed, or held open by something that outlives the process."""
        reading = asyncio.ensure_future(self._line.read(_PIECE))
        exited = self._forked.exited
        if not exited.done():
            either: list[asyncio.Future[Any]] = [reading, exited]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        try:
            return await asyncio.wait_for(reading, _TO_EXIT)
        except TimeoutError:
            return b""

    async def _let_gather(self) -> None:
        """Leave the line alone for a moment. What is sent meanwhile is with the kernel, also if the process dies."""
        self._line.rest()
        await asyncio.wait([self._forked.exited], timeout=_GATHER)
        self._line.listen()

    async def _last(self, said: Ended | None, trouble: str) -> None:
        """It has said all that it will: see it go, and say how."""
        exited = self._forked.exited
        await asyncio.wait([exited], timeout=0 if trouble else _TO_EXIT)
        self._kill()
        self.exit = await exited
        self._line.close()
        self._over.set()
        await self._heard.put(said or self._silent(self.exit, trouble))

    def _silent(self, how: Exit, trouble: str) -> Ended:
        """How it ended, when it did not say so."""
        kind: messages.Class = "crash"
        sent: int | None = None
        if how.code is None:
            kind, message = "infra", "the process that started it ended, and it with it"
        elif trouble:
            message = trouble[:500]
        elif how.code >= 0:
            message = f"the process ended by itself with status {how.code}, and the trainer did not come back"
        else:
            name = signal.Signals(-how.code).name if -how.code in set(signal.Signals) else f"signal {-how.code}"
            message = f"the process was ended by {name}"
            sent = None if self._killed else -how.code
            if how.code == -signal.SIGKILL and self._killed:
                message = "the process was killed by its worker"
            elif how.code == -signal.SIGKILL and self._killed_for_memory() > self._kills_before:
                kind, message, sent = "oom", "the process was killed by the kernel, for the memory was used up", None
            elif how.code == -signal.SIGKILL:
                message += ", which this worker did not send: most often memory was used up"
        return Ended(outcome="failed", failure_class=kind, message=message, tail=self.log_tail(), signal=sent)

    async def _dump(self) -> None:
        """Have it write the stack of each thread to its log, and wait for that as long as it takes to come in full."""
        if self._is_command:
            return
        before = self._size()
        self._forked.signal(signal.SIGUSR1, group=False)
        loop = asyncio.get_running_loop()
        deadline, last = loop.time() + _TO_DUMP, before
        while loop.time() < deadline and not self._over.is_set():
            await asyncio.sleep(_LOOK)
            now = self._size()
            if now == last and now > before:
                return
            last = now

    def _size(self) -> int:
        try:
            return self.log.stat().st_size
        except OSError:
            return 0
