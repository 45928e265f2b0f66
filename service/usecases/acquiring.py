"""How a worker gets trials: of all studies that it can serve, or as soon as one of them has some."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from service.domain.actor import LOCAL, Actor
from service.domain.errors import NotFound, WrongState
from service.domain.worker import Worker, chosen, serves
from service.usecases import ailing, leasing, settling, workers
from service.usecases.attendance import AGAIN_TTLS, Attendance
from service.usecases.leasing import LEASES, Taker
from service.usecases.lobby import Guest, Lobby
from service.usecases.once import once
from service.usecases.ports import Store, Transaction
from service.wire.lease import Lease
from service.wire.worker import Acquire, Acquired, Selectors

_TRUSTED_SECONDS = 600.0
"""For so long a worker that found nothing need not look again: should it ever not be called, it is not for ever."""
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker finds: itself, whether something is to be had or was given, and up to which event that is known."""

    worker: Worker
    worth_it: bool
    up_to: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """That a worker has waited in vain: how it asked, and how much the lobby had heard when it was last looked."""

    instance: str
    selectors: Selectors
    worker: Worker
    heard_of: tuple[int, int]
    looked_at: float


class Acquirer:
    """Grants trials to workers. Without a lobby nobody waits."""

    def __init__(
        self,
        store: Store,
        lobby: Lobby | None,
        *,
        ttl_seconds: float,
        drain_bad_machines: bool,
        attendance: Attendance | None = None,
    ) -> None:
        self._store = store
        self._attendance = attendance
        self._lobby = lobby
        self._ttl_seconds = ttl_seconds
        self._drain_bad_machines = drain_bad_machines
        self._nothing: dict[str, Nothing] = {}
        self._closing = False

    def close(self) -> None:
        """Let nobody wait any more: all who do are answered that there is nothing."""
        self._closing = True
        if self._lobby is not None:
            self._lobby.call_all()

    async def acquire(self, worker_id: str, body: Acquire, actor: Actor = LOCAL) -> Acquired:
        """Trials of the studies that a worker can serve; if there are none, wait as long as it is willing to."""
        until = time.monotonic() + body.wait_seconds
        before = self._nothing.pop(worker_id, None)
        if self._lobby is not None and body.wait_seconds and before is not None and _same(before, body):
            async with self._lobby.wait(before.worker, body.selectors) as guest:
                if self._lobby.heard_of(worker_id) == before.heard_of:
                    return await self._wait(self._lobby, guest, before, until, worker_id, body, actor)
        looked_at, heard_of = time.monotonic(), self._lobby.heard_of(worker_id) if self._lobby is not None else (0, 0)
        seen, answer = await self._try(worker_id, body, actor)
        if _done(answer) or self._lobby is None or not body.wait_seconds:
            return answer
        async with self._lobby.wait(seen.worker, body.selectors) as guest:
            if guest.up_to > seen.up_to:
                # Something happened in between, and calls nobody any more.
                looked_at, heard_of = time.monotonic(), self._lobby.heard_of(worker_id)
                seen, answer = await self._try(worker_id, body, actor)
                if _done(answer):
                    return answer
            found = Nothing(body.instance, body.selectors, seen.worker, heard_of, looked_at)
            return await self._wait(self._lobby, guest, found, until, worker_id, body, actor)

    async def _wait(
        self,
        lobby: Lobby,
        guest: Guest,
        found: Nothing,
        until: float,
        worker_id: str,
        body: Acquire,
        actor: Actor,
    ) -> Acquired:
        """Wait, and look when called. Who waited in vain and comes again need not look, if nothing has happened."""
        answer = Acquired(leases=(), directive=workers.told(found.worker))
        # Only the waiting is cut short, never a claim: its leases would belong to nobody.
        while not _done(answer) and (left := until - time.monotonic()) > 0:
            if self._attendance is not None:
                self._attendance.waits(worker_id, body.instance)
            if self._closing:
                break
            await guest.wait(min(left, AGAIN_TTLS * self._ttl_seconds))
            if guest.called and not self._closing:
                guest.look()
                looked_at, heard_of = time.monotonic(), lobby.heard_of(worker_id)
                seen, answer = await self._try(worker_id, body, actor)
                found = Nothing(body.instance, body.selectors, seen.worker, heard_of, looked_at)
        if not _done(answer):
            if len(self._nothing) >= _MOST_KNOWN:
                self._nothing.clear()
            self._nothing[worker_id] = found
        return answer

    async def _try(self, worker_id: str, body: Acquire, actor: Actor) -> tuple[Look, Acquired]:
        """Look, which disturbs nobody; and only if there is something, write."""
        seen = await self._store.read(partial(_look, worker_id=worker_id, body=body, scope=_scope(worker_id, actor)))
        if not seen.worth_it:
            return seen, Acquired(leases=(), directive=workers.told(seen.worker))
        grant = partial(self._grant, worker_id=worker_id, body=body, actor=actor)
        with self._lobby.claim() if self._lobby is not None else nullcontext():
            return seen, await self._store.write(grant, urgent=True)

    def _grant(self, tx: Transaction, worker_id: str, body: Acquire, actor: Actor) -> Acquired:
        worker = workers.expect(tx.workers.lock([worker_id]).get(worker_id), worker_id, body.instance)
        if self._drain_bad_machines:
            worker = ailing.look(tx, worker)

        def work() -> tuple[Lease, ...]:
            return _take(tx, worker, body, self._ttl_seconds, actor) if worker.drain is None else ()

        leases = once(tx, _scope(worker_id, actor), body.request_id, body, LEASES, work)
        return Acquired(leases=leases, directive=workers.told(worker))


def _same(before: Nothing, body: Acquire) -> bool:
    fresh = time.monotonic() - before.looked_at < _TRUSTED_SECONDS
    return fresh and (before.instance, before.selectors) == (body.instance, body.selectors)


def _done(answer: Acquired) -> bool:
    return bool(answer.leases) or answer.directive.type == "drain"


def _scope(worker_id: str, actor: Actor) -> str:
    """What one token was given, another that guesses its request_id is not shown."""
    return f"acquire:{worker_id}:{actor.token}" if actor.token else f"acquire:{worker_id}"


def _look(tx: Transaction, worker_id: str, body: Acquire, scope: str) -> Look:
    worker = workers.expect(tx.workers.get(worker_id), worker_id, body.instance)
    _, up_to = tx.events.bounds()
    given = tx.requests.get(scope, body.request_id) is not None
    return Look(worker, given or (worker.drain is None and bool(_offers(tx, worker, body))), up_to)


def _offers(tx: Transaction, worker: Worker, body: Acquire) -> dict[str, tuple[int, int]]:
    """The studies that have trials for the worker: the greater the priority, the fewer run, the sooner it is served."""
    return {
        offer.study.name: (-offer.study.definition.priority, offer.running)
        for offer in tx.studies.offering()
        if serves(worker, offer.study.definition) and chosen(body.selectors, offer.study.definition)
    }


def _take(tx: Transaction, worker: Worker, body: Acquire, ttl_seconds: float, actor: Actor) -> tuple[Lease, ...]:
    """Grant one trial after the other, each of the study whose turn it is."""
    offers = _offers(tx, worker, body)
    taker = Taker(name=worker.name, resumes=body.resumes, holder=actor.token, worker_id=worker.id)
    leases: list[Lease] = []
    while offers and len(leases) < body.max_trials:
        name = min(offers, key=lambda one: (offers[one], one))
        granted = _grant_one(tx, name, taker, ttl_seconds)
        if granted:
            leases += granted
            priority, running = offers[name]
            offers[name] = priority, running + 1
        else:
            del offers[name]
    return tuple(leases)


def _grant_one(tx: Transaction, name: str, taker: Taker, ttl_seconds: float) -> Sequence[Lease]:
    try:
        granted = leasing.grant(tx, tx.studies.get(name), 1, taker, ttl_seconds)
    except NotFound:
        return ()
    except WrongState:
        # It has been moved since it was looked at, or its last rerun was taken.
        granted = ()
    if not granted:
        # It has trials and hands out none: perhaps its time is over, or all is spent.
        settling.settle(tx, name)
    return granted
