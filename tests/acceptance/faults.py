"""What may go wrong in a fleet, drawn at random: each fault lasts a while and ends by itself, and several overlap."""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import psutil

from tests.acceptance.fleet import Fleet, Member
from tests.acceptance.tcp_proxy import Way

# How often each is drawn, beside the others.
WEIGHTS: Mapping[str, int] = {
    "child killed": 30,
    "zygote killed": 3,
    "agent killed": 10,
    "agent stopped": 6,
    "node stopped": 4,
    "way cut": 12,
    "way stalled": 10,
    "answers lost": 10,
    "server killed": 7,
    "server restarted": 3,
    "PostgreSQL stopped": 3,
    "PostgreSQL killed": 3,
    "PostgreSQL hangs": 2,
}
# Leases run out soon: what is killed or frozen is to be another's before the test has lost its patience.
TTL = 2.5
_WAYS: Mapping[str, Way] = {"way cut": "cut", "way stalled": "stalled", "answers lost": "deaf"}


class Faults:
    """Lets things go wrong. A thing that is not itself again is left alone until it is."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self._fleet = fleet
        self._rng = rng
        self._ailing: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self.done: Counter[str] = Counter()
        self._kinds = [one for one in WEIGHTS if fleet.database is not None or not one.startswith("PostgreSQL")]

    async def happen(self) -> None:
        """Let one thing go wrong; it goes on for a while after this has returned."""
        kind = self._rng.choices(self._kinds, [WEIGHTS[one] for one in self._kinds])[0]
        while True:
            member = self._rng.choice(self._fleet.members)
            what, act = self._drawn(kind, member)
            # There may be nothing to kill yet, or nobody who is well: it is waited for, or only the ill would be hit.
            if what not in self._ailing and (not kind.startswith(("child", "zygote")) or member.attempts()):
                break
            await asyncio.sleep(0.02)
        self.done[kind] += 1
        self._ailing.add(what)
        task = asyncio.ensure_future(self._run(what, act))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # The load goes on meanwhile: no wait for something, but how far apart things go wrong.
        await asyncio.sleep(self._rng.uniform(0.1, 0.9))

    async def over(self) -> None:
        """Wait until everything is itself again."""
        await asyncio.gather(*self._running)

    def _drawn(self, kind: str, member: Member) -> tuple[str, Callable[[], Awaitable[None]]]:
        """What is to suffer, and how."""
        long = self._rng.random() < 0.05
        seconds = self._rng.uniform(4, 20) if long else self._rng.uniform(0.1, 3)
        match kind:
            case "child killed" | "zygote killed":
                return f"{member.name}'s process", lambda: self._kill_process(member, zygote=kind.startswith("zygote"))
            case "agent killed":
                return f"{member.name}'s process", lambda: self._kill_agent(member)
            case "agent stopped" | "node stopped":
                return f"{member.name}'s process", lambda: self._freeze(member, whole=kind.startswith("node"))
            case "server killed" | "server restarted":
                return "the server", lambda: self._restart_server(kill=kind.endswith("killed"))
            case "PostgreSQL stopped" | "PostgreSQL killed" | "PostgreSQL hangs":
                return "PostgreSQL", lambda: self._fail_database(kind.rpartition(" ")[2])
            case _:
                return f"{member.name}'s way", lambda: self._break_way(member, _WAYS[kind], seconds)

    async def _run(self, what: str, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        finally:
            self._ailing.discard(what)

    async def _kill_process(self, member: Member, *, zygote: bool) -> None:
        victims = member.zygotes() if zygote else member.attempts()
        if victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._rng.choice(victims).kill()

    async def _kill_agent(self, member: Member) -> None:
        member.process.signal(signal.SIGKILL)
        await member.process.ended()
        # Some come back at once, some only when others have their trials.
        await asyncio.sleep(self._rng.choice([0.0, 0.0, 0.5, 1.2 * TTL]))
        before = member.starts
        await member.process.start()
        # Killed again before it has done anything it would show nothing.
        await _until(lambda: member.starts > before)

    async def _freeze(self, member: Member, *, whole: bool) -> None:
        """For longer than a lease lasts; with the whole node nothing trains meanwhile, else only nobody reports."""
        frozen = [psutil.Process(member.process.pid), *(member.process.descendants() if whole else [])]
        _send(frozen, signal.SIGSTOP)
        await asyncio.sleep(self._rng.uniform(1.1, 2.0) * TTL)
        _send(frozen, signal.SIGCONT)

    async def _break_way(self, member: Member, way: Way, seconds: float) -> None:
        member.proxy.become(way)
        await asyncio.sleep(seconds)
        member.proxy.become("open")

    async def _restart_server(self, *, kill: bool) -> None:
        server = self._fleet.server
        if kill:
            await asyncio.to_thread(server.kill)
        else:
            assert await asyncio.to_thread(server.stop) == 0
        await asyncio.sleep(self._rng.choice([0.0, 0.5]))
        await asyncio.to_thread(server.start)

    async def _fail_database(self, how: str) -> None:
        database = self._fleet.database
        assert database is not None
        seconds = self._rng.uniform(0.1, 1.5)
        if how == "hangs":
            database.pause()
            await asyncio.sleep(seconds)
            database.go_on()
            return
        await asyncio.to_thread(database.kill if how == "killed" else database.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(database.start)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait until something is so; what else goes wrong may make that long, and is no reason to wait for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.05)


def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        if process.is_running():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
