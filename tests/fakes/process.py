"""The process of an attempt without a process: a coroutine says what it would say, and hears what it would hear."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from worker.messages import Agreed, Command, Ended, Message, Order, Read, Reported, Saved, Started, Task
from worker.slots import Slot

Script = Callable[["Talk"], Awaitable[Ended | None]]


class Talk:
    """What a script can do: the trainer's side."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.seq = 0
        self.began = time.monotonic()
        self.commands: list[Command] = []
        self.told = asyncio.Event()
        self.agreed = asyncio.Event()
        self.said: asyncio.Queue[Message] = asyncio.Queue()

    def report(self, step: int, **metrics: float) -> None:
        self.seq += 1
        elapsed = time.monotonic() - self.began
        self.said.put_nowait(Reported(seq=self.seq, step=step, metrics=metrics, elapsed=elapsed))

    def read(self, fingerprint: str) -> None:
        self.said.put_nowait(Read(fingerprint=fingerprint))

    def save(self, step: int, content: bytes) -> None:
        path = Path(self.task.folder) / f"checkpoint-{step}"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        self.said.put_nowait(Saved(step=step, path=str(path), sha256=sha256, size=len(content)))

    def print(self, text: str) -> None:
        with (Path(self.task.folder) / "log").open("a") as log:
            log.write(text)

    async def order(self) -> Order:
        """The next thing it is told."""
        while not self.commands:
            self.told.clear()
            await self.told.wait()
        return self.commands.pop(0).order


class ScriptedProcess:
    """Runs a script until it returns how it ended, or it is killed."""

    def __init__(self, task: Task, script: Script) -> None:
        self.talk = Talk(task)
        self.ended_by: list[str] = []
        self._running = asyncio.ensure_future(self._run(script))

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            message = await self.talk.said.get()
            yield message
            if isinstance(message, Ended):
                return

    async def send(self, command: Command | Agreed) -> None:
        if isinstance(command, Agreed):
            self.talk.agreed.set()
            return
        self.talk.commands.append(command)
        self.talk.told.set()

    async def end(self, *, stacks: bool = False, term: float = 0.0) -> None:
        if not self._running.done():
            self.ended_by.append("stacks" if stacks else "kill")
            if stacks:
                self.talk.print("File train.py, line 3, in step\n")
            self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def log_tail(self) -> str:
        log = Path(self.talk.task.folder) / "log"
        return log.read_text() if log.exists() else ""

    async def _run(self, script: Script) -> None:
        self.talk.said.put_nowait(Started(pid=1))
        try:
            ended = await script(self.talk)
        except asyncio.CancelledError:
            killed = Ended(outcome="failed", failure_class="crash", message="the process was killed by its worker")
            self.talk.said.put_nowait(killed)
            raise
        self.talk.said.put_nowait(ended or Ended(outcome="completed"))


class ScriptedStarter:
    """Starts scripted processes, and keeps them for the test to look at."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.processes: list[ScriptedProcess] = []
        self.slots: list[Slot] = []

    async def __call__(self, task: Task, slot: Slot) -> ScriptedProcess:
        process = ScriptedProcess(task, self.script)
        self.processes.append(process)
        self.slots.append(slot)
        return process

    @property
    def tasks(self) -> list[Task]:
        return [process.talk.task for process in self.processes]


async def forever() -> None:
    """Train on until killed."""
    await asyncio.Event().wait()
