"""Sends what a trainer prints: the log file of one attempt, from where the server's copy ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from worker.client import Client, Held
from worker.retry import Denied, Gone, Refused
from worker.timing import Timing

CHUNK = 1 << 18


class LogUpload:
    """The log of one attempt. That it cannot be sent is said once, and ends nothing else."""

    def __init__(self, path: Path, client: Client, held: Held, say: Callable[[str], None], timing: Timing) -> None:
        self._path = path
        self._client = client
        self._held = held
        self._say = say
        self._timing = timing
        self._offset = 0
        self._refused = False
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Send it as it grows, until cancelled."""
        while not self._refused:
            await asyncio.sleep(self._timing.log)
            await self.push()

    async def push(self) -> None:
        """Send what there is up to now."""
        async with self._one_at_a_time:
            while not self._refused and (content := await asyncio.to_thread(self._read)):
                await self._send(content)

    async def _send(self, content: bytes) -> None:
        try:
            written = await self._client.send_log(self._held, self._offset, content)
        except (Gone, Denied):
            raise
        except Refused as refused:
            known = refused.problem.get("next_offset")
            if refused.code == "offset_gap" and isinstance(known, int) and known != self._offset:
                self._offset = known
                return
            self._refused = True
            self._say(f"the log of {self._held} is not sent on: {refused.detail} (it stays in {self._path})")
            return
        self._offset = max(written.next_offset, self._offset)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                return file.read(CHUNK)
        except OSError:
            return b""
