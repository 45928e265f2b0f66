"""Brings checkpoints to the server and back: those that are needed, streamed, and checked by their sum."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2

from service.wire.lease import Lease
from worker.client import CHUNK, Client, Held
from worker.messages import Saved
from worker.reporting import Reporter
from worker.retry import Denied, Gone, Refused
from worker.spool import Kept, Spool
from worker.timing import Timing

_TRIES = 3


class Checkpoints:
    """The checkpoints of one attempt: now and then the newest goes to the server, and always when it is asked for."""

    def __init__(
        self,
        spool: Spool,
        client: Client,
        held: Held,
        reporter: Reporter,
        say: Callable[[str], None],
        timing: Timing,
    ) -> None:
        self._spool = spool
        self._client = client
        self._held = held
        self._reporter = reporter
        self._say = say
        self._timing = timing
        self._new = asyncio.Event()
        self._wanted = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.committed = spool.kept is not None and spool.kept.committed
        """Whether the server has one of this attempt."""

    @property
    def up_to_date(self) -> bool:
        """Whether the server has the newest, if there is one."""
        return self._spool.kept is None or self._spool.kept.committed

    def saved(self, saved: Saved, seq: int) -> None:
        """The trainer has saved one, after so many points."""
        self._spool.keep(Kept.of(saved, seq))
        self._new.set()

    def want(self) -> None:
        """The next one is to go to the server at once."""
        self._wanted.set()

    async def run(self) -> None:
        """Send the newest now and then, until cancelled."""
        while True:
            await self._new.wait()
            self._new.clear()
            await self.commit()
            self._wanted.clear()
            try:
                await asyncio.wait_for(self._wanted.wait(), self._timing.checkpoint)
            except TimeoutError:
                continue

    async def commit(self) -> bool:
        """Send the newest if the server does not have it; answers whether it now has one of this attempt."""
        async with self._one_at_a_time:
            kept = self._spool.kept
            if kept is not None and not kept.committed:
                # A checkpoint lies at a step that the server knows.
                await self._reporter.reach(kept.seq)
                if await self._sent(kept):
                    self.committed = True
                    if self._spool.kept == kept:
                        self._spool.keep(replace(kept, committed=True))
        return self.committed

    async def _sent(self, kept: Kept) -> bool:
        """Send one. False, and said, if that cannot be: training goes on all the same."""
        for _ in range(_TRIES):
            try:
                await self._client.upload(self._held, kept.step, Path(kept.path), kept.sha256)
            except FileNotFoundError:
                return False  # a newer one has taken its place
            except OSError as error:
                self._say(f"the checkpoint {kept.path} cannot be read: {error.strerror or error}")
                return False
            except (Gone, Denied):
                raise
            except Refused as refused:
                found = await asyncio.to_thread(_sum, Path(kept.path))
                if found == kept.sha256 and refused.status == 400:
                    continue  # it was damaged on the way
                why = refused.detail if found == kept.sha256 else "the file has changed since it was saved"
                self._say(f"the checkpoint of {self._held} at step {kept.step} was not taken: {why}")
                return False
            return True
        self._say(f"the checkpoint of {self._held} at step {kept.step} was damaged on the way {_TRIES} times")
        return False


class CheckpointLost(Exception):
    """A trial cannot go on from its checkpoint; says why."""


async def fetch(client: Client, lease: Lease, folder: Path) -> Path | None:
    """Bring the checkpoint that a trial goes on from; None for one that begins. Only one that is whole is kept."""
    if lease.resume_step is None:
        return None
    if lease.resume_attempt is None:
        raise CheckpointLost(f"the server names no attempt for the checkpoint at step {lease.resume_step}")
    path = folder / f"resume-{lease.resume_step}"
    lost = damaged = 0
    while True:
        try:
            found = await _stream(client, lease, path)
        except (Denied, httpx2.RequestError):
            await asyncio.sleep(client.link.delay(lost, None))
            lost += 1
            continue
        except Refused as refused:
            raise CheckpointLost(
                f"the checkpoint at step {lease.resume_step} cannot be had: {refused.detail}"
            ) from None
        except OSError as error:
            raise CheckpointLost(f"the checkpoint cannot be written to {folder}: {error.strerror or error}") from None
        if lease.resume_sha256 is None or found == lease.resume_sha256.lower():
            return path
        path.unlink(missing_ok=True)
        damaged += 1
        if damaged == _TRIES:
            raise CheckpointLost(
                f"the checkpoint at step {lease.resume_step} is not what was saved: its SHA-256 is {found}, "
                f"and should be {lease.resume_sha256}"
            )


async def _stream(client: Client, lease: Lease, path: Path) -> str:
    """Write a checkpoint to a file; answers the sum of what came."""
    digest = hashlib.sha256()
    assert lease.resume_attempt is not None
    assert lease.resume_step is not None
    opened = client.checkpoint(lease.study, lease.trial, lease.resume_attempt, lease.resume_step)
    async with opened as chunks:
        with path.open("wb") as file:
            async for chunk in chunks:
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
    return digest.hexdigest()


def _sum(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
