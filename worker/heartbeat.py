"""The heartbeat: one call for all that a worker holds, which renews it and brings what is to be done."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from service.wire.lease import Directive
from service.wire.worker import GpuUse, Heartbeat, HeartbeatAnswer
from service.wire.worker import Held as HeldNow
from worker.client import Client, Held


class Running(Protocol):
    """An attempt that runs here."""

    @property
    def obeyed(self) -> int | None:
        """The id of the last directive that it has done."""

    @property
    def gpu(self) -> str | None:
        """The GPU it runs on."""

    def hear(self, directive: Directive) -> None:
        """What the server wants of it."""

    def gone(self, why: str) -> None:
        """It is for nothing."""


class Pulse:
    """Beats as long as it runs, and hands on what the server answers."""

    def __init__(
        self,
        client: Client,
        worker: str,
        instance: str,
        running: Callable[[], Mapping[Held, Running]],
        gpus: Callable[[], tuple[GpuUse, ...]],
        now: Callable[[], datetime],
        hear: Callable[[HeartbeatAnswer], None],
    ) -> None:
        self._client = client
        self._worker = worker
        self._instance = instance
        self._running = running
        self._gpus = gpus
        self._now = now
        self._hear = hear
        self.every = 10.0
        self._rest: float | None = None
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """Beat as often as the server wants it of one who trains: something has begun to run."""
        self._begun.set()

    async def run(self) -> None:
        """Beat until cancelled; what the server refuses is raised."""
        while True:
            await self._pause()
            await self.beat()

    async def _pause(self) -> None:
        """Wait for the next beat: with nothing to hold as long as the server allows, until something begins."""
        if self._rest is not None and not self._running():
            self._begun.clear()
            try:
                async with asyncio.timeout(self._rest):
                    await self._begun.wait()
            except TimeoutError:
                return
        await asyncio.sleep(self.every)

    async def beat(self, *, leaving: bool = False) -> None:
        """Beat once. What begins while the answer is on its way is not in it, and is left alone."""
        told = dict(self._running())
        gpus = await asyncio.to_thread(self._gpus)
        answer = await self._client.heartbeat(self._worker, lambda: self._body(gpus, leaving=leaving))
        self._rest = answer.heartbeat_seconds if not answer.leases else None
        self._hear(answer)
        for one in answer.leases:
            for held, attempt in told.items():
                if (held.study, held.trial, held.attempt) != (one.study, one.trial, one.attempt):
                    continue
                if one.state == "gone":
                    attempt.gone("the server gave the trial to another worker, or it has ended")
                else:
                    attempt.hear(one.directive)

    def _body(self, gpus: tuple[GpuUse, ...], *, leaving: bool) -> Heartbeat:
        leases = tuple(
            HeldNow(
                study=held.study,
                trial=held.trial,
                attempt=held.attempt,
                token=held.token,
                gpu=attempt.gpu,
                obeyed=attempt.obeyed,
            )
            for held, attempt in self._running().items()
        )
        return Heartbeat(
            instance=self._instance,
            leases=() if leaving else leases,
            gpus=gpus,
            clock=self._now(),
            leaving=leaving,
        )
