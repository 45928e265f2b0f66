"""The agent's side of the zygote: starts it, has it fork, hears how its forks have ended, starts another if it dies."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANY = ("any.py:function",)
"""Stands for functions of the user's own, whatever they are."""
_PATIENCE = 10.0
_HOME = str(Path(__file__).resolve().parent.parent)
# The folder that it is started in is not where it imports from: a file there called like a library would be loaded.
_START = (
    "import json, sys; sys.path.append(sys.argv[1]); from worker.zygote import main; "
    "main(int(sys.argv[2]), json.loads(sys.argv[3]))"
)
# Pools of threads that libraries start when they are loaded: none may run in what is forked. The forks set their own.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class CannotFork(Exception):
    """No process could be made for an attempt, and why."""


class Unfit(CannotFork):
    """The zygote may not fork any more; another one may."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its status, or minus the signal's number; None if nobody could see it."""

    code: int | None
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class Forked:
    """A process that the zygote has forked."""

    def __init__(self, zygote: "Zygote", key: int, pid: int, exited: "asyncio.Future[Exit]") -> None:
        self._zygote = zygote
        self._key = key
        self.pid = pid
        self.exited = exited

    def signal(self, number: int, *, group: bool = True) -> None:
        """Send a signal, to its whole group if not told otherwise. One that has ended is left in peace."""
        if not self.exited.done():
            self._zygote.signal(self._key, self.pid, number, group=group)


class Zygote:
    """One zygote process."""

    def __init__(self, process: "subprocess.Popen[bytes]", sock: socket.socket) -> None:
        self._process = process
        self._sock = sock
        self._keys = 0
        self._forking: dict[int, asyncio.Future[int]] = {}
        self._living: dict[int, tuple[int, asyncio.Future[Exit]]] = {}
        self.missing: dict[str, str] = {}
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[int] = loop.create_future()
        self._watched = os.pidfd_open(process.pid)
        loop.add_reader(self._sock, self._read)
        loop.add_reader(self._watched, self._died)

    @classmethod
    def start(cls, log: Path, environment: Mapping[str, str], trainers: Sequence[str]) -> "Zygote":
        """Start one; it loads what these trainers need while the caller goes on."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with its, log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, _HOME, str(its.fileno()), json.dumps(list(trainers))],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**_open_to_all(environment), **_ONE_THREAD, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def fork(self, channel: socket.socket, log: int) -> Forked:
        """Have it fork a process that talks over the channel and writes to the log."""
        either: list[asyncio.Future[Any]] = [self.ready, self.gone]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self.gone.done():
            raise Unfit(f"the process that forks ended with status {self.gone.result()}")
        self._keys += 1
        key = self._keys
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._forking[key] = answer
        self._living[key] = (0, exited)
        try:
            socket.send_fds(self._sock, [json.dumps({"fork": key}).encode()], [channel.fileno(), log])
            pid = await answer
        except (CannotFork, OSError) as error:
            self._living.pop(key, None)
            raise error if isinstance(error, CannotFork) else Unfit(str(error)) from error
        finally:
            self._forking.pop(key, None)
        return Forked(self, key, pid, exited)

    def signal(self, key: int, pid: int, number: int, *, group: bool) -> None:
        """Through the zygote, which knows whether the number is still that process's; directly where it is no more."""
        try:
            self._sock.send(json.dumps({"signal": key, "number": number, "group": group}).encode())
        except OSError:
            _signal(pid, number, group=group)

    async def close(self) -> None:
        """End it, and all that it has forked."""
        self._stop_reading()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.gone), _PATIENCE)
        if not self.gone.done():
            self._process.kill()
            await self.gone

    def _read(self) -> None:
        while True:
            try:
                data = self._sock.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._stop_reading()
                return
            self._hear(json.loads(data))

    def _hear(self, told: Mapping[str, Any]) -> None:
        if "ready" in told:
            self.missing = told["ready"]
            self.ready.set_result(None)
        elif "forked" in told:
            key, pid = told["forked"], told["pid"]
            self._living[key] = (pid, self._living[key][1])
            _answer(self._forking.get(key), pid)
        elif "refused" in told:
            kind = Unfit if told["unfit"] else CannotFork
            _answer(self._forking.get(told["refused"]), kind(f"no process could be made: {told['reason']}"))
        elif "ended" in told:
            _, exited = self._living.pop(told["ended"])
            _answer(exited, Exit(told["code"], told["cpu"], told["peak"]))

    def _died(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._watched)
        os.close(self._watched)
        status = self._process.wait()
        if self._sock.fileno() >= 0:
            self._read()
        self._stop_reading()
        self.gone.set_result(status)
        for answer in self._forking.values():
            _answer(answer, Unfit(f"the process that forks ended with status {status}"))
        for pid, exited in self._living.values():
            # The kernel kills what was forked when its parent ends, but not what that has started in its turn.
            if pid:
                _signal(pid, signal.SIGKILL, group=True)
            _answer(exited, Exit(None))
        self._living.clear()

    def _stop_reading(self) -> None:
        if self._sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()


class Zygotes:
    """The zygote that forks now. One that is unfit is replaced, and ends when the last that it forked has ended."""

    def __init__(self, log: Path, environment: Mapping[str, str], trainers: Sequence[str]) -> None:
        self._log = log
        self._environment = environment
        self._trainers = tuple(trainers)
        self._current: Zygote | None = None
        self._older: list[Zygote] = []

    def open(self) -> Zygote:
        """The zygote, started if there is none."""
        if self._current is None or self._current.gone.done():
            self._current = Zygote.start(self._log, self._environment, self._trainers)
        return self._current

    async def fork(self, channel: socket.socket, log: int) -> Forked:
        """Fork a process; a zygote that cannot is replaced once, and by one that has loaded nothing if it is unfit."""
        zygote = self.open()
        try:
            return await zygote.fork(channel, log)
        except Unfit:
            if not zygote.gone.done():
                self._older.append(zygote)
                self._trainers = ()
            self._current = None
        return await self.open().fork(channel, log)

    async def close(self) -> None:
        """End them all, and all that they have forked."""
        for zygote in (*self._older, *([self._current] if self._current else [])):
            if not zygote.gone.done():
                await zygote.close()
        self._current = None
        self._older.clear()


def _answer(future: "asyncio.Future[Any] | None", what: Any) -> None:
    if future is None or future.done():
        return
    if isinstance(what, Exception):
        future.set_exception(what)
    else:
        future.set_result(what)


def _open_to_all(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the worker's own settings: its token could be read in /proc by what is forked."""
    return {name: value for name, value in environment.items() if not name.startswith("BASIN_")}


def _signal(pid: int, number: int, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)
