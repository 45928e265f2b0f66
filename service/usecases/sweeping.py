"""Sweeping: artifacts that no row speaks of any more are removed, and those of deleted studies."""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from service.domain.errors import BasinError
from service.usecases.artifacts import Artifacts
from service.usecases.ports import Store, Transaction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Looks through the artifact store. What is younger than `seconds` may be an upload that is going on."""

    artifacts: Artifacts
    seconds: float = 6 * 3_600.0
    every_seconds: float = 60.0
    orphans_every_seconds: float = 3_600.0

    async def run(self, store: Store) -> None:
        """Sweep again and again, until cancelled. A place that is away is waited for."""
        looked = -self.orphans_every_seconds
        while True:
            try:
                await self.remove_deleted(store)
                if time.monotonic() - looked >= self.orphans_every_seconds:
                    await self.remove_orphans(store)
                    looked = time.monotonic()
            except BasinError as error:
                _log.warning("sweeping artifacts was put off: %s", error)
            await asyncio.sleep(self.every_seconds)

    async def remove_deleted(self, store: Store) -> int:
        """Remove the folders of studies that are no more; answers how many.

        Folders are listed before studies are: one that is made in between is not looked at.
        """
        folders = await self.artifacts.studies()
        living = await store.read(lambda tx: set(tx.studies.find(folders)))
        gone = [study_id for study_id in folders if study_id not in living]
        for study_id in gone:
            await self.artifacts.remove_study(study_id)
        return len(gone)

    async def remove_orphans(self, store: Store) -> int:
        """Remove what is left of uploads that broke off, or were committed and then replaced; answers how many."""
        removed = 0
        for study_id in await self.artifacts.studies():
            names = await self.artifacts.older(study_id, self.seconds)
            if not names:
                continue
            kept = await store.read(partial(_kept, study_id))
            orphans = [name for name in names if name not in kept]
            await self.artifacts.remove(orphans)
            removed += len(orphans)
        return removed


def _kept(study_id: int, tx: Transaction) -> set[str | None]:
    return {one.artifact for one in tx.checkpoints.stored(study_id)}
