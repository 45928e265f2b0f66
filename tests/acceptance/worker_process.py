"""A real worker in a process of its own, that tests may signal, kill and start again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import psutil

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """`basin worker` with plain lines in a file."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        gpus: str = "none",
    ) -> None:
        self.folder = folder
        self.workdir = folder / "work"
        self.log = folder / "worker.log"
        self._prefix = prefix
        self._arguments = ["worker", "--workdir", str(self.workdir), "--gpus", gpus, *arguments]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASIN_")}
        path = os.pathsep.join([str(ROOT), *filter(None, [inherited.get("PYTHONPATH")])])
        self._environ = {**inherited, "PYTHONPATH": path, "COLUMNS": "200", **(environ or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._prefix,
                sys.executable,
                "-m",
                "service.cli",
                *self._arguments,
                env=self._environ,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The agent, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """What it has said until now."""
        return self.log.read_text() if self.log.exists() else ""

    def descendants(self) -> list[psutil.Process]:
        """Every process that it has started, and they in their turn."""
        return psutil.Process(self.pid).children(recursive=True)

    def signal(self, number: signal.Signals) -> None:
        """Send the agent a signal, and nobody else."""
        os.kill(self.pid, number)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; answers its exit code."""
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"it goes on after {seconds} s:\n{self.said}") from None

    async def stop(self) -> None:
        """Kill it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def worker(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    gpus: str = "none",
) -> AsyncIterator[WorkerProcess]:
    """A worker that is gone when the test is over."""
    process = WorkerProcess(folder, *arguments, environ=environ, prefix=prefix, gpus=gpus)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def gone(processes: list[psutil.Process], seconds: float = PATIENCE) -> None:
    """Wait until none of them is left."""
    async with asyncio.timeout(seconds):
        while [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
            await asyncio.sleep(0.02)
