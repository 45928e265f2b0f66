"""Workers of a test, over its desk: one verb a line."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from service.domain.trial import Attempt
from service.domain.worker import Worker
from service.usecases import workers
from service.usecases.acquiring import Acquirer
from service.usecases.beating import Beat, beat_together
from service.usecases.lobby import Lobby
from service.usecases.ports import Transaction
from service.wire.lease import Lease
from service.wire.worker import Acquire, Acquired, Drain, Heartbeat, HeartbeatAnswer, NewWorker
from tests.conformance.samples import worker_id
from tests.patience import PATIENCE
from tests.unit.service.usecases.conftest import TTL, Desk


def instance(number: int) -> str:
    """What a worker draws at a start."""
    return f"{number:032x}"


class Fleet:
    """Workers by their numbers; each is a node of its own."""

    def __init__(self, desk: Desk, lobby: Lobby | None = None, *, drain_bad_machines: bool = True) -> None:
        self.desk = desk
        self.lobby = lobby
        self.acquirer = Acquirer(desk.store, lobby, ttl_seconds=TTL, drain_bad_machines=drain_bad_machines)
        self._requests = 0

    def join(self, number: int = 1, **fields: Any) -> Worker:
        given = {"instance": instance(1), "name": f"node-{number}", "protocol": 1, "agent_version": "1"}
        new = NewWorker.model_validate({**given, "slots": 4, "trainers": ["cnn"], **fields})
        return self.desk.write(lambda tx: workers.register(tx, worker_id(number), new, ttl_seconds=TTL))

    def acquiring(self, number: int = 1, **fields: Any) -> Any:
        self._requests += 1
        given = {"instance": instance(1), "request_id": f"r{self._requests}", "wait_seconds": 0}
        return self.acquirer.acquire(worker_id(number), Acquire.model_validate({**given, **fields}))

    def acquire(self, number: int = 1, **fields: Any) -> Acquired:
        answer: Acquired = self.desk.run(self.acquiring(number, **fields))
        return answer

    def leases(self, number: int = 1, **fields: Any) -> tuple[Lease, ...]:
        return self.acquire(number, **fields).leases

    def beat(self, number: int = 1, *leases: Lease, **fields: Any) -> HeartbeatAnswer:
        held = [held_of(lease, **fields.pop("held", {})) for lease in leases]
        body = Heartbeat.model_validate({"instance": instance(1), "leases": held, **fields})
        beat = Beat(worker_id(number), body, TTL)
        answer: HeartbeatAnswer = self.desk.run(self.desk.store.write_together(beat_together, beat))
        return answer

    def drain(self, number: int = 1, **fields: Any) -> Worker:
        return self.desk.write(lambda tx: workers.drain(tx, worker_id(number), Drain.model_validate(fields)))

    def undrain(self, number: int = 1) -> Worker:
        return self.desk.write(lambda tx: workers.undrain(tx, worker_id(number)))

    def state(self, number: int = 1) -> str:
        return self.desk.read(lambda tx: tx.workers.get(worker_id(number)).state(tx.now))

    def attempts(self, trial: int = 0, study: str = "s") -> Sequence[Attempt]:
        return self.desk.read(lambda tx: tx.attempts.list(tx.studies.get(study).id, trial))

    def told(self) -> list[tuple[str, str]]:
        """What has happened to workers: the kind of each event, and to whom."""
        events = self.desk.read(lambda tx: tx.events.list(0, None, 1000))
        return [(event.type.removeprefix("worker."), event.data["name"]) for event in events if event.worker]


def held_of(lease: Lease, **fields: Any) -> dict[str, Any]:
    """A lease as a heartbeat names it."""
    return {"study": lease.study, "trial": lease.trial, "attempt": lease.attempt, "token": lease.token, **fields}


async def until(true: Callable[[], bool]) -> None:
    """Let others go on until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.001)


def counting(desk: Desk) -> list[str]:
    """Count what is asked of a store from now on: a word for each call."""
    calls: list[str] = []
    store = desk.store

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def carry_out(work: Callable[[Transaction], Any], **how: bool) -> Any:
            calls.append(name)
            return await call(work, **how)

        return carry_out

    store.read = counted("read", store.read)  # type: ignore[method-assign]
    store.write = counted("write", store.write)  # type: ignore[method-assign]
    return calls
