"""Who waits for trials lives: that is written down of many at once, so that the idle need hardly any heartbeats."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from service.domain.errors import BasinError
from service.domain.worker import Worker
from service.usecases.ports import Store, Transaction
from service.usecases.record import worker_event

_log = logging.getLogger(__name__)
REST_TTLS = 4.0
"""A worker whose waiting is seen need not beat for so many times to live: it does so to tell of its GPUs."""
AGAIN_TTLS = 0.85
"""Who waits for longer than so many times to live is noted again, before he is thought to be gone.

The 50 s that workers usually wait are shorter than that: each of their polls is noted once, and wakes nobody between.
"""


@dataclass(slots=True)
class Attendance:
    """Notes who waits, and writes it down `seconds` later with all who came meanwhile."""

    store: Store
    ttl_seconds: float
    seconds: float
    _new: dict[str, str] = field(default_factory=dict, init=False)
    _seen: dict[str, float] = field(default_factory=dict, init=False)
    _writing: "asyncio.Task[None] | None" = field(default=None, init=False)

    def waits(self, worker_id: str, instance: str) -> None:
        """Note that a worker waits for trials from now on."""
        if not self._new:
            asyncio.get_running_loop().call_later(self.seconds, self._write_soon)
        self._new[worker_id] = instance
        self._seen[worker_id] = time.monotonic()

    def knows(self, worker_id: str) -> bool:
        """Whether a worker waits, or did so lately: its heartbeats say nothing new then."""
        return time.monotonic() - self._seen.get(worker_id, -self.ttl_seconds) < self.ttl_seconds

    def _write_soon(self) -> None:
        noted, self._new = self._new, {}
        now = time.monotonic()
        if len(self._seen) > 2 * len(noted) + 1_000:
            self._seen = {one: at for one, at in self._seen.items() if now - at < self.ttl_seconds}
        self._writing = asyncio.create_task(self._write(noted))

    async def _write(self, noted: Mapping[str, str]) -> None:
        try:
            await self.store.write(partial(seen, instances=noted, ttl_seconds=self.ttl_seconds))
        except BasinError as refused:
            # They come again before anybody misses them.
            _log.info("that %d workers wait could not be written down: %s", len(noted), refused)


def seen(tx: Transaction, instances: Mapping[str, str], ttl_seconds: float) -> None:
    """Write down that these workers live; those of another instance are left alone."""
    until = tx.now + timedelta(seconds=ttl_seconds)
    gone = instances.keys() - tx.workers.seen(instances, until)
    after: list[Worker] = []
    for worker in tx.workers.lock(sorted(gone)).values():
        if worker.instance == instances[worker.id]:
            here = replace(worker, present=True, last_seen_at=tx.now, expires_at=until)
            worker_event(tx, here, "worker.online")
            after.append(here)
    tx.workers.save(after)
