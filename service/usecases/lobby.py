"""The lobby: workers who wait for a trial of any study that they can serve.

It hears what the board hears, and wakes one worker where there may be a trial for it: a thousand that wait cost nothing
more than one.
Which studies there are is read once, and again only where one of them has changed.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial

from service.domain.errors import BasinError
from service.domain.event import Event
from service.domain.query import StudyQuery, TrialQuery
from service.domain.states import RERUNS_RUN
from service.domain.study import Study
from service.domain.worker import Worker, chosen, serves
from service.usecases.ports import Store, Transaction
from service.usecases.suggester import Suggester
from service.wire.worker import Selectors

_log = logging.getLogger(__name__)
_MOST_STUDIES = 100_000
_RETRY_SECONDS = 1.0
# The queue of a study grows with those who ask, up to about so many: one more changes nothing, and wakes nobody.
_WORTH_TELLING = 20
_RERUNS = TrialQuery(states=("queued",), purposes=("confirm", "refit", "reproduce"), size=1_000)


class Guest:
    """A worker that waits. `called` when it is to look; `up_to` is the event up to which the lobby had heard."""

    def __init__(self, worker: Worker, selectors: Selectors, up_to: int) -> None:
        self.worker = worker
        self.selectors = selectors
        self.up_to = up_to
        self.called = False
        self.called_for: set[str] = set()
        self._awake = asyncio.Event()

    def wants(self, study: Study) -> bool:
        """Whether a study is one for this worker."""
        return serves(self.worker, study.definition) and chosen(self.selectors, study.definition)

    def call(self) -> None:
        """It is to look."""
        self.called = True
        self._awake.set()

    async def wait(self, seconds: float) -> None:
        """Wait to be called, or so long."""
        # Not asyncio.timeout(), which cancels and catches: a thousand of these end in vain all the time.
        alarm = asyncio.get_running_loop().call_later(seconds, self._awake.set)
        try:
            await self._awake.wait()
        finally:
            alarm.cancel()
        self._awake.clear()

    def look(self) -> None:
        """Use the call: whoever looks now sees all that it was called for."""
        self.called = False
        self.called_for.clear()


class Lobby:
    """Those who wait, by the studies that they can serve."""

    def __init__(self, store: Store, suggester: Suggester) -> None:
        self._store = store
        self._suggester = suggester
        self._board = suggester.board
        self._board.listeners.append(self)
        self._studies: dict[str, Study] = {}
        self._guests: dict[Guest, None] = {}
        self._of_study: defaultdict[str, dict[Guest, None]] = defaultdict(dict)
        self._changed: set[str] = set()
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._heard = 0
        self._heard_of_workers: Counter[str] = Counter()

    def asking(self, study: str) -> int:
        """How many wait for a trial of a study."""
        return len(self._of_study.get(study, ()))

    @asynccontextmanager
    async def wait(self, worker: Worker, selectors: Selectors) -> AsyncIterator[Guest]:
        """Wait for trials. What happens behind the guest's `up_to` calls it; look, if you have not seen so far."""
        async with self._board.there():
            await self._open()
            guest = Guest(worker, selectors, self._board.read_up_to)
            self._guests[guest] = None
            for study in self._studies.values():
                self._seat(guest, study)
            try:
                yield guest
            finally:
                self._leave(guest)

    def heard_of(self, worker_id: str) -> tuple[int, int]:
        """Counts all that might bring this worker a trial. Who found nothing finds nothing until it has grown.

        What is told of one worker is nothing to the others: thousands may come back at once after a restart.
        """
        return self._heard, self._heard_of_workers[worker_id]

    def call_all(self) -> None:
        """Call everybody who waits."""
        for guest in self._guests:
            guest.call()

    def heard(self, event: Event) -> None:
        """Look again at a study that has changed; call a worker that has; hand on what a trial's end makes room for."""
        if event.worker is not None:
            self._heard_of_workers[event.worker] += 1
            for guest in self._guests:
                if guest.worker.id == event.worker:
                    guest.call()
            return
        self._heard += 1
        if event.study is not None and event.type.startswith("study."):
            self._changed.add(event.study)
            self._news.set()
        elif event.study is not None and event.type == "trial.state" and self._makes_room(event):
            self.queued(event.study, None)

    def queued(self, study: str, avoid: str | None) -> None:
        """Call one worker that can serve the study and has not been called, rather on another node than this one."""
        self._heard += 1
        if study not in self._studies and self._guests:
            # It hands out nothing, as far as is known: perhaps it has reruns now.
            self._changed.add(study)
            self._news.set()
        free = [guest for guest in self._of_study.get(study, ()) if not guest.called]
        guest = next((one for one in free if one.worker.name != avoid), free[0] if free else None)
        if guest is not None:
            guest.called_for.add(study)
            guest.call()

    def _makes_room(self, event: Event) -> bool:
        study = self._studies.get(event.study or "")
        budget = study.definition.budget if study is not None else None
        limited = budget is not None and (budget.max_running is not None or budget.max_completed is not None)
        return limited and event.data.get("state") not in {"queued", "running"}

    def _seat(self, guest: Guest, study: Study) -> None:
        if guest.wants(study):
            guests = self._of_study[study.name]
            guests[guest] = None
            if study.state != "active":
                return
            self._suggester.want(study.name)
            if len(guests) <= _WORTH_TELLING:
                self._board.tell_watchers(study.name)

    def _leave(self, guest: Guest) -> None:
        del self._guests[guest]
        for name in self._studies:
            self._of_study[name].pop(guest, None)
        for name in guest.called_for:
            # The turn was given and perhaps not used: the next one may look.
            self.queued(name, None)
        if not self._guests and self._reader is not None:
            self._close()

    def claim(self) -> AbstractContextManager[None]:
        """Claim trials: those who suggest new ones stand back meanwhile."""
        return self._board.claim()

    async def _open(self) -> None:
        """Have the studies read, if nobody waited until now."""
        if self._reader is None:
            # While nobody waited nothing was heard.
            self._heard += 1
            self._ready.clear()
            self._reader = asyncio.create_task(self._read(), name="basin-lobby")
        await self._ready.wait()

    def _close(self) -> None:
        assert self._reader is not None
        self._reader.cancel()
        self._reader = None
        self._studies.clear()
        self._of_study.clear()
        self._changed.clear()
        self._heard_of_workers.clear()

    async def _read(self) -> None:
        """Know all studies that hand out trials, then look again at each that changes."""
        whole = False
        while True:
            # Taken out before they are read: one that changes while they are is read once more.
            names = frozenset(self._changed)
            self._changed.clear()
            try:
                if not whole:
                    found = await self._store.read(_open)
                    self._take(found, {}, set(found))
                    whole = True
                    self._ready.set()
                elif names:
                    found, waiting = await self._store.read(partial(_named, names=names))
                    self._take(found, waiting, names)
            except BasinError as error:
                _log.warning("the studies cannot be read: %s", error)
                self._changed |= names
                # Nobody is kept waiting for a database that is away: they look for themselves, and are told so.
                self._ready.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not self._changed:
                self._news.clear()
                await self._news.wait()

    def _take(self, found: Mapping[str, Study], waiting: Mapping[str, int], names: frozenset[str] | set[str]) -> None:
        """Take in what has changed, and call as many workers as there are trials for them."""
        for name in names:
            self._studies.pop(name, None)
            self._of_study.pop(name, None)
            if name not in found:
                continue
            self._studies[name] = found[name]
            for guest in self._guests:
                self._seat(guest, found[name])
            for _ in range(min(waiting.get(name, 0), self.asking(name))):
                self.queued(name, None)


def _open(tx: Transaction) -> dict[str, Study]:
    """Those that are active, and those that have reruns, whatever their search has come to."""
    page = tx.studies.list(StudyQuery(states=("active",), archived=False, size=_MOST_STUDIES))
    return {study.name: study for study in (*page.items, *(offer.study for offer in tx.studies.offering()))}


def _named(tx: Transaction, names: frozenset[str]) -> tuple[dict[str, Study], dict[str, int]]:
    """Of the studies of these names those that hand out trials, and how many are queued."""
    found: dict[str, Study] = {}
    waiting: dict[str, int] = {}
    for name in names:
        try:
            study = tx.studies.get(name)
        except BasinError:
            continue
        if study.state not in RERUNS_RUN or study.archived:
            continue
        reruns = len(tx.trials.list(study.id, _RERUNS).items)
        if study.state == "active" or reruns:
            found[name] = study
            searched = tx.trials.counts([study.id]).get(study.id, {}) if study.state == "active" else {}
            waiting[name] = searched.get("queued", 0) + reruns
    return found, waiting
