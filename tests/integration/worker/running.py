"""Real processes of attempts for tests: trainers are written to files, started, and listened to."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

from tests.patience import PATIENCE
from worker.launch import Launch
from worker.messages import Command, Ended, Message, Order, Reported, Saved, Task
from worker.process import Process, Processes

T = TypeVar("T")


@dataclass
class Told:
    """What a process has said, all of it."""

    messages: list[Message]
    process: Process

    @property
    def ended(self) -> Ended:
        assert isinstance(self.messages[-1], Ended)
        return self.messages[-1]

    @property
    def points(self) -> list[tuple[int, dict[str, float]]]:
        return [(one.step, dict(one.metrics)) for one in self.messages if isinstance(one, Reported)]

    @property
    def saved(self) -> list[Saved]:
        return [one for one in self.messages if isinstance(one, Saved)]

    @property
    def log(self) -> str:
        return self.process.log.read_text()


class Running:
    """A set of processes, and one event loop for the tests that use it."""

    def __init__(self, folder: Path, trainers: Sequence[str] = (), **environment: str) -> None:
        self._runner = asyncio.Runner()
        self.folder = folder
        given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self.environment = {name: value for name, value in given.items() if not name.startswith("BASIN_")}
        self.processes = self.do(self._processes(given, trainers))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to its end."""
        return self._runner.run(work)

    def close(self) -> None:
        self.do(self.processes.close())
        self._runner.close()

    def run(
        self,
        spec: str | Sequence[str],
        params: Mapping[str, Any] | None = None,
        *,
        act: Callable[[Process, Message], Coroutine[Any, Any, None]] | None = None,
        pattern: str | None = None,
        **more: Any,
    ) -> Told:
        """Run one attempt; `act` is called for each message, and may do something about it."""

        async def all_of_it() -> Told:
            process = await self.start(spec, params, pattern=pattern, **more)
            told = Told([], process)
            doing = []
            async for message in process.messages():
                told.messages.append(message)
                if act is not None:
                    doing.append(asyncio.ensure_future(act(process, message)))
            await asyncio.gather(*doing)
            return told

        return self.do(asyncio.wait_for(all_of_it(), 2 * PATIENCE))

    async def start(
        self,
        spec: str | Sequence[str],
        params: Mapping[str, Any] | None = None,
        *,
        pattern: str | None = None,
        environment: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Process:
        """Start one attempt in a folder of its own."""
        folder = self.folder / f"attempt-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        is_command = not isinstance(spec, str)
        start = Launch(
            trainer="" if is_command else str(spec),
            command=tuple(spec) if is_command else (),
            pattern=pattern,
            environment={**self.environment, **(environment or {})},
            directory=str(self.folder),
        )
        fields = {"study": "s", "trial": 0, "attempt": 1, "seed": 1, "metric": "loss", "trainer": "named", **more}
        task = Task(params=dict(params or {}), folder=str(folder), **fields)
        return await self.processes.start(task, start)

    async def _processes(self, environment: Mapping[str, str], trainers: Sequence[str]) -> Processes:
        processes = Processes(self.folder / "zygote.log", environment, trainers)
        processes.open()
        return processes


def written(folder: Path, source: str, name: str = "training.py") -> str:
    """A trainer's file, and what names its function `train`."""
    path = folder / name
    path.write_text(dedent(source))
    return f"{path}:train"


def order(which: Order, after: int = 1) -> Callable[[Process, Message], Coroutine[Any, Any, None]]:
    """Give an order once so many points have come."""

    async def act(process: Process, message: Message) -> None:
        if isinstance(message, Reported) and message.seq == after:
            await process.send(Command(order=which, reason="the test says so"))

    return act


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def until(what: Callable[[], T], patience: float = PATIENCE) -> T:
    """Wait for something to be so."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.01)
    return found
