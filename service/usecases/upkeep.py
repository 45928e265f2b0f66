"""What the server does by itself now and then: forget what is old, and remove what deleted studies left.

And it lets studies stop whose last trials are held by workers that are gone: nobody asks them for trials any more, and
leases that have run out are otherwise found by those who ask.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from service.domain.errors import BasinError
from service.domain.query import StudyQuery
from service.usecases import leasing, settling
from service.usecases.ports import Store, Transaction

_log = logging.getLogger(__name__)
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """How long things are kept, and how often the server looks."""

    event_days: float
    request_hours: float
    audit_days: float = 365.0
    every_seconds: float = 60.0

    async def run(self, store: Store) -> None:
        """Tidy up again and again, until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self.tidy(store)
            except BasinError as error:
                _log.warning("tidying up was put off: %s", error)
            await asyncio.sleep(self.every_seconds)

    async def tidy(self, store: Store) -> int:
        """Tidy up once, in pieces small enough not to be noticed by other writers; answers how many rows went."""
        await store.write(_let_stop)
        removed = await store.write(self._prune)
        while piece := await store.write(lambda tx: tx.studies.purge(_ROWS_AT_ONCE)):
            removed += piece
        return removed

    def _prune(self, tx: Transaction) -> int:
        removed = tx.events.prune(tx.now - timedelta(days=self.event_days))
        removed += tx.requests.prune(tx.now - timedelta(hours=self.request_hours))
        # A token is kept as long as what was done with it.
        long_ago = tx.now - timedelta(days=self.audit_days)
        return removed + tx.audit.prune(long_ago) + tx.tokens.prune(long_ago) + tx.sessions.prune(tx.now)


def _let_stop(tx: Transaction) -> None:
    for study in tx.studies.list(StudyQuery(states=("stopping",), archived=None)).items:
        leasing.expire(tx, study)
        settling.settle(tx, study.name)
