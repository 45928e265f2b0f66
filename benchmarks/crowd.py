"""A thousand workers with nothing to do, in one process: they wait for trials and say that they live.

`python -m benchmarks.crowd PORT COUNT SEED` reads lines: `introduce`, `go`, `stop`; each is answered by a line.
"""

import asyncio
import random
import resource
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from benchmarks.talk import Talk

AT_ONCE = 16
SPREAD = 10.0
"""The seconds over which they come: nobody starts a thousand workers in one moment."""
_CONNECTIONS_EACH = 2
_WAITS = (49.0, 50.0)


@dataclass(slots=True)
class Idle:
    """One worker, and how often it was answered."""

    id: str
    instance: str
    place: int
    every: float = 10.0
    beats: int = 0
    polls: int = 0

    async def introduce(self, talk: Talk) -> None:
        """Say who it is."""
        body = {
            "instance": self.instance,
            "name": f"node-{self.place}",
            "protocol": 1,
            "agent_version": "1",
            "slots": 1,
            "trainers": ["idle"],
        }
        self.every = (await talk.put(f"/v1/workers/{self.id}", body))["heartbeat_seconds"]

    async def beat(self, talk: Talk, begin: float, chance: random.Random) -> None:
        """Say that it lives, as often as it was told to."""
        await asyncio.sleep(begin)
        rest = chance.random()  # as far as it is on the way to its next one: they came at all times
        while True:
            body = {"instance": self.instance, "clock": datetime.now(UTC).isoformat()}
            self.every = (await talk.post(f"/v1/workers/{self.id}:heartbeat", body))["heartbeat_seconds"]
            self.beats += 1
            await asyncio.sleep(rest * self.every)
            rest = 1.0

    async def poll(self, talk: Talk, begin: float, chance: random.Random) -> None:
        """Wait for trials, again and again."""
        await asyncio.sleep(begin)
        rest = chance.random()
        while True:
            body = {
                "instance": self.instance,
                "request_id": f"{chance.getrandbits(128):032x}",
                "wait_seconds": rest * chance.uniform(*_WAITS),
            }
            rest = 1.0
            told = await talk.post(f"/v1/workers/{self.id}:acquire", body)
            if told["leases"]:
                raise RuntimeError("an idle worker was given a trial")
            self.polls += 1


class Crowd:
    """All of them."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self._port = port
        self._chance = random.Random(seed)
        draw = self._chance.getrandbits
        self.workers = [Idle(str(uuid.UUID(int=draw(128))), f"{draw(128):032x}", place) for place in range(count)]
        self._talks: list[Talk] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def introduce(self) -> None:
        """Introduce all, a few at a time."""
        left = list(self.workers)

        async def some() -> None:
            talk = await Talk.to(self._port)
            while left:
                await left.pop().introduce(talk)
            talk.close()

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def go(self) -> None:
        """Let them come."""
        for worker in self.workers:
            beating, polling = Talk(self._port), Talk(self._port)
            self._talks += [beating, polling]
            begin = self._chance.uniform(0, SPREAD)
            self._tasks.append(asyncio.create_task(worker.beat(beating, begin, self._chance)))
            self._tasks.append(asyncio.create_task(worker.poll(polling, begin, self._chance)))

    async def stop(self) -> str:
        """Let them vanish; answers how often they were answered, and what went wrong with one."""
        wrong = [one.exception() for one in self._tasks if one.done() and not one.cancelled()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for talk in self._talks:
            talk.close()
        self._tasks, self._talks = [], []
        if wrong:
            return f"{len(wrong)} failed: {wrong[0]!r}"
        beats, polls = sum(one.beats for one in self.workers), sum(one.polls for one in self.workers)
        for worker in self.workers:
            worker.beats = worker.polls = 0
        return f"{beats} {polls}"


async def _serve(crowd: Crowd) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).strip():
        answer = ""
        if line == b"introduce":
            await crowd.introduce()
        elif line == b"go":
            await crowd.go()
        else:
            answer = await crowd.stop()
        print(answer, flush=True)


def may_open(files: int) -> None:
    """Raise what this process may open, as far as it is let."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))


if __name__ == "__main__":
    wanted = int(sys.argv[2])
    may_open(wanted * _CONNECTIONS_EACH + 200)
    uvloop.run(_serve(Crowd(int(sys.argv[1]), wanted, int(sys.argv[3]))))
