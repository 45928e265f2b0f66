"""Brings everything of one attempt to the server: its points, its log, its checkpoints, and at last its end.

The same for an attempt that runs and for one that an earlier agent left behind.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from service.wire.lease import Complete, Completed, Directive, Usage
from service.wire.trial import NewPoint
from worker.checkpoints import Checkpoints
from worker.client import Client, Held
from worker.log_upload import LogUpload
from worker.messages import Ended, Saved
from worker.outcome import as_it_was, complete, failed
from worker.reporting import Reporter
from worker.retry import Denied, Gone, Refused
from worker.spool import Spool
from worker.timing import Timing

# Outcomes that leave a trial to be gone on with, and need a checkpoint for it.
_GO_ON = frozenset({"paused", "preempted"})
# Failures after which another node takes the trial up, from as far as it came.
_GO_ON_ELSEWHERE = frozenset({"infra", "preempted"})


class Delivery:
    """What one attempt has for the server."""

    def __init__(
        self,
        spool: Spool,
        log: Path,
        client: Client,
        timing: Timing,
        *,
        hear: Callable[[Directive], None],
        say: Callable[[str], None],
    ) -> None:
        self.spool = spool
        self.held = Held.of(spool.lease)
        self._client = client
        self._timing = timing
        self._say = say
        self._new: list[tuple[int, NewPoint]] = []
        self.reporter = Reporter(spool, client, self.held, hear, timing)
        self.checkpoints = Checkpoints(spool, client, self.held, self.reporter, say, timing)
        self.log = LogUpload(log, client, self.held, say, timing)

    def add(self, points: Sequence[tuple[int, NewPoint]]) -> None:
        """Take points up. They are written together with those that come at the same moment."""
        if not self._new:
            asyncio.get_running_loop().call_soon(self._write)
        self._new += points

    def saved(self, saved: Saved) -> None:
        """Take a checkpoint up that was saved behind all the points until now."""
        self._write()
        self.checkpoints.saved(saved, self.spool.last)

    def _write(self) -> None:
        if self._new:
            self.spool.append(self._new)
            self._new = []
            self.reporter.look()

    async def run(self) -> None:
        """Send what comes, until cancelled; what the server refuses is raised."""
        loops = (self.reporter.run(), self.checkpoints.run(), self.log.run(), self._sync())
        running = [asyncio.ensure_future(one) for one in loops]
        try:
            await asyncio.gather(*running)
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def finish(self, ended: Ended, usage: Usage) -> Completed | None:
        """Send what is missing, then the end; None if the attempt had ended already. `Gone` if it was for nothing."""
        self._write()
        if self.spool.ended is None:
            self.spool.end(ended)
        if self.spool.complete is None:
            self.spool.completing(await self._conclusion(ended, usage))
        try:
            answer = await self._complete()
        finally:
            self.spool.close()
        self.spool.drop()
        return answer

    async def _conclusion(self, ended: Ended, usage: Usage) -> Complete:
        """Send all that belongs before the end; if the server does not want it, that is the end."""
        lease, there = self.spool.lease, False
        try:
            await self.reporter.reach(self.spool.last)
            await self.log.push()
            if ended.outcome in _GO_ON or ended.failure_class in _GO_ON_ELSEWHERE:
                there = await self.checkpoints.commit()
            elif lease.purpose == "refit" and ended.outcome == "completed":
                # Its last checkpoint is the model, for which all of it was done.
                await self.checkpoints.commit()
                if not self.checkpoints.up_to_date:
                    ended = failed("infra", "the server did not take the model", ended.tail)
        except (Gone, Denied):
            raise
        except Refused as refused:
            ended = failed("user_error", f"the server refused what it reported: {refused.detail}", ended.tail)
        if ended.failure_class == "preempted" and there:
            ended = Ended(outcome="preempted", message=ended.message)
        return complete(lease, ended, usage, checkpoint=there or lease.resume_step is not None)

    async def _complete(self) -> Completed | None:
        body = self.spool.complete
        assert body is not None
        try:
            return as_it_was(await self._client.complete(self.held, body), body)
        except (Gone, Denied):
            raise
        except Refused as refused:
            if refused.code == "already_completed":
                return None
            if body.outcome == "failed":
                raise
            self._say(f"{self.held}: the server does not take it as {body.outcome}: {refused.detail}")
            ended = failed("user_error", refused.detail)
            self.spool.completing(complete(self.spool.lease, ended, body.usage, checkpoint=False))
            return await self._complete()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(self._timing.sync)
            self.spool.flush()
            await asyncio.to_thread(self.spool.fsync)
