"""The zygote: a process that has the libraries of training loaded, and forks an attempt's process from itself.

It computes nothing, starts no thread and never touches CUDA: none of them would survive a fork. Modules of the user's
are not loaded here, but in the fork. It ends with the agent, and takes with it whatever it has started: the agent's
end of their socket is closed by the kernel, however the agent dies.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from worker import isolation
from worker.child import main as child

_LONGEST = 4096
_LOOK_AT_PARENT = 2_000
_LOOK_AT_ORPHANS = 20
_PATIENCE = 5.0


class Unfit(Exception):
    """This process may not fork any more, and why."""


def main(descriptor: int, trainers: Sequence[str]) -> NoReturn:
    """Serve the agent at the other end of the socket, for trials of these trainers."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        # What is sent to everything on a node is the agent's to answer.
        signal.signal(number, signal.SIG_IGN)
    isolation.no_core_files()
    isolation.adopt_orphans()
    with socket.socket(fileno=descriptor) as sock:
        preload = child.preload(trainers)
        missing = load(preload)
        try:
            check()
        except Unfit as error:
            if not preload:
                raise
            _start_bare(sock, str(error))
        gc.collect()
        # What is loaded is shared with the forks as long as nobody writes to it, and the collector would.
        gc.freeze()
        Zygote(sock).serve(missing)
    os._exit(0)


def load(names: Sequence[str]) -> dict[str, str]:
    """Import what is installed; answer what is not, and why."""
    missing = {}
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001
            # A library that breaks while it is loaded is told by the trainer that needs it.
            missing[name] = f"{type(error).__name__}: {error}"[:200]
    return missing


def check() -> None:
    """Refuse to fork where the fork would be broken."""
    if (count := isolation.threads()) != 1:
        raise Unfit(f"{count} threads run in it")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise Unfit("torch has initialised CUDA in it")
    if isolation.cuda_is_initialised():
        raise Unfit("the CUDA driver is initialised in it")


class Zygote:
    """What it has forked, and what it owes the agent."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._agent = os.getppid()
        self._living: dict[int, int] = {}
        self._ended: list[dict[str, Any]] = []
        self._deadline = 0.0

    def serve(self, missing: dict[str, str]) -> None:
        """Answer the agent until it is gone."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._inner = (woken, wake)
        self._tell({"ready": missing})
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while os.getppid() == self._agent:
            ready = poll.poll(_LOOK_AT_ORPHANS if self._ended else _LOOK_AT_PARENT)
            with contextlib.suppress(BlockingIOError):
                os.read(woken, _LONGEST)
            self._reap()
            if any(descriptor == self._sock.fileno() for descriptor, _ in ready) and not self._answer():
                break
        self._end()

    def _answer(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._sock, _LONGEST, 2)
        except ConnectionError:
            return False
        if not data:
            return False
        asked = json.loads(data)
        if "fork" in asked:
            self._fork(asked["fork"], *descriptors)
        elif "signal" in asked:
            self._signal(asked["signal"], asked["number"], group=asked["group"])
        return True

    def _fork(self, key: int, channel: int, log: int) -> None:
        try:
            check()
            pid = os.fork()
        except (Unfit, OSError) as error:
            self._tell({"refused": key, "unfit": isinstance(error, Unfit), "reason": str(error)})
        else:
            if pid == 0:
                self._become(channel, log)
            self._living[pid] = key
            self._tell({"forked": key, "pid": pid})
        finally:
            os.close(channel)
            os.close(log)

    def _become(self, channel: int, log: int) -> NoReturn:
        """Be the attempt's process from here on: nothing of the zygote is left open."""
        try:
            signal.set_wakeup_fd(-1)
            for number in range(1, signal.NSIG):
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, signal.SIG_DFL)
            parent = os.getppid()
            os.setsid()
            isolation.die_with(parent)
            isolation.adopt_orphans()
            self._sock.close()
            for descriptor in self._inner:
                os.close(descriptor)
            child.begin(channel, log)
        finally:
            os._exit(70)

    def _signal(self, key: int, number: int, *, group: bool) -> None:
        """Only what is not yet waited for is signalled: its number cannot have been given to another."""
        for pid, known in self._living.items():
            if known == key:
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if group else isolation.interrupt)(pid, number)

    def _reap(self) -> None:
        for pid in self._zombies():
            key = self._living.pop(pid, None)
            if key is not None:
                # Before it is waited for, so that the group's number is still its own.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            _, status, used = os.wait4(pid, 0)
            if key is not None:
                code = os.waitstatus_to_exitcode(status)
                cpu = round(used.ru_utime + used.ru_stime, 3)
                self._ended.append({"ended": key, "code": code, "cpu": cpu, "peak": used.ru_maxrss * 1024})
                self._deadline = time.monotonic() + _PATIENCE
        self._sweep()

    def _sweep(self) -> None:
        """Kill what an attempt has left behind, and tell its end once nothing of it is there any more."""
        if not self._ended:
            return
        orphans = isolation.children() - self._living.keys()
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not orphans or time.monotonic() > self._deadline:
            for message in self._ended:
                self._tell(message)
            self._ended.clear()

    def _zombies(self) -> Iterator[int]:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            yield found.si_pid

    def _end(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (left := isolation.children() | self._living.keys()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if pid in self._living else os.kill)(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                self._living.pop(os.wait4(-1, 0)[0], None)

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            self._sock.send(json.dumps(message).encode())


def _start_bare(sock: socket.socket, reason: str) -> NoReturn:
    """Begin again without what was loaded: forks are then as slow as a fresh Python, and as safe."""
    sys.stderr.write(f"basin: nothing is loaded ahead of the trials, for {reason}\n")
    sys.stderr.flush()
    os.set_inheritable(sock.fileno(), True)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:-2], str(sock.fileno()), "[]"])
