"""What the server does by itself every few seconds: it finds leases that have run out, and workers that are silent."""

import asyncio
import logging
from dataclasses import dataclass, replace

from service.domain.errors import BasinError
from service.usecases import leasing, settling
from service.usecases.ports import Store, Transaction
from service.usecases.record import worker_event

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks at all studies and workers, whether anybody asks for trials or not."""

    every_seconds: float = 5.0

    async def run(self, store: Store) -> None:
        """Look again and again, until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self.look(store)
            except BasinError as error:
                _log.warning("looking for lost trials was put off: %s", error)
            await asyncio.sleep(self.every_seconds)

    async def look(self, store: Store) -> int:
        """Look once; where nothing is to be done nothing is written. Answers how many leases were taken back."""
        lost = 0
        while some := await store.write(_act):
            lost += some
        return lost


def _act(tx: Transaction) -> int:
    for worker in tx.workers.silent():
        tx.workers.save([replace(worker, present=False)])
        worker_event(tx, worker, "worker.offline", reason="it has not been heard of")
    overdue = tx.attempts.overdue(None, leasing.OVERDUE_AT_ONCE)
    studies = tx.studies.find(sorted({attempt.key.study_id for attempt in overdue}))
    for attempt in overdue:
        study = studies.get(attempt.key.study_id)
        if study is None:
            # The study was deleted; its rows go one by one.
            tx.attempts.save([attempt.moved("lost", tx.now)])
        else:
            leasing.lose(tx, study, attempt, "the lease ran out without a report")
    for study in studies.values():
        settling.settle(tx, study.name)
    return len(overdue)
