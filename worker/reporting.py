"""Sends the points of one attempt: in batches, one report at a time, never a point twice and never one too few."""

import asyncio
from collections.abc import Callable

from service.wire.lease import Directive, Report
from worker.client import Client, Held
from worker.retry import Gone, Refused
from worker.spool import MAX_BATCH, Spool
from worker.timing import Timing

MANY = 500
"""So many points go out without waiting for more."""


class Reporter:
    """What lies in the spool goes to the server, and what the server says of it to `hear`."""

    def __init__(
        self, spool: Spool, client: Client, held: Held, hear: Callable[[Directive], None], timing: Timing
    ) -> None:
        self._spool = spool
        self._client = client
        self._held = held
        self._hear = hear
        self._timing = timing
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._limit = MAX_BATCH

    @property
    def _missing(self) -> int:
        return self._spool.last - self._spool.acked

    def look(self) -> None:
        """There are new points in the spool."""
        self._some.set()
        if self._missing >= MANY:
            self._many.set()

    async def run(self) -> None:
        """Send points as they come. Ends by being cancelled, or with what the server refuses."""
        pause = self._timing.first_point
        while True:
            await self._some.wait()
            self._some.clear()
            await self._more(pause)
            while self._missing:
                await self._send()
                if self._missing < MANY:
                    break
            if self._missing:
                self._some.set()
            pause = self._timing.between_reports

    async def agree(self) -> None:
        """Tell which data these are before there is a point; raises what the server refuses of them."""
        async with self._one_at_a_time:
            if self._spool.acked:
                return
            data = self._spool.data_fingerprint
            body = Report(token=self._held.token, first_seq=1, points=(), data_fingerprint=data)
            try:
                answer = await self._client.report(self._held, body)
            except Refused as refused:
                # An older server wants a point: it compares the data then.
                if refused.status == 422:
                    return
                raise
        self._hear(answer.directive)

    async def reach(self, seq: int) -> None:
        """Return when the server has all points up to this one."""
        while self._spool.acked < seq:
            await self._send(until=seq)

    async def _more(self, pause: float) -> None:
        """Give further points the time to come along."""
        self._many.clear()
        if self._missing < MANY:
            try:
                await asyncio.wait_for(self._many.wait(), pause)
            except TimeoutError:
                return

    async def _send(self, until: int | None = None) -> None:
        async with self._one_at_a_time:
            if not self._missing or (until is not None and self._spool.acked >= until):
                return
            first, points = self._spool.batch(self._limit)
            try:
                data = self._spool.data_fingerprint
                body = Report(token=self._held.token, first_seq=first, points=tuple(points), data_fingerprint=data)
                answer = await self._client.report(self._held, body)
            except Gone:
                raise
            except Refused as refused:
                self._mend(refused, first, len(points))
                return
            self._limit = MAX_BATCH
            self._spool.acknowledge(answer.acked_seq)
        self._hear(answer.directive)

    def _mend(self, refused: Refused, first: int, count: int) -> None:
        """Go on behind what the server has, or with smaller batches; anything else is the attempt's end."""
        acked = refused.problem.get("acked_seq")
        if refused.code == "seq_gap" and isinstance(acked, int):
            self._spool.acknowledge(acked)
            again, _ = self._spool.batch(1)
            if not self._missing or acked + 1 == again < first:
                return
            raise refused  # what it misses is not here either
        if refused.status == 413 and count > 1:
            self._limit = count // 2
            return
        raise refused
