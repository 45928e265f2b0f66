"""A study with a clock that stands still until a test moves it."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from service.domain.study import Study
from service.domain.trial import Trial
from service.store.memory import MemoryStore
from service.usecases import completing, leasing, studies, trials
from service.usecases.ports import Transaction
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Ask, Complete, Completed, Lease, Report, Reported
from service.wire.study import StudyDefinition
from service.wire.trial import NewPoint, NewTrial

T = TypeVar("T")
TTL = 60.0
SPACE = {"lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True}}


class Desk:
    """What a test does to one store, one verb a line."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.store = MemoryStore(clock=lambda: self.time)
        self._runner = runner

    def later(self, **much: float) -> None:
        self.time += timedelta(**much)

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self._runner.run(self.store.write(work))

    def read(self, work: Callable[[Transaction], T]) -> T:
        return self._runner.run(self.store.read(work))

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def study(self, name: str = "s", **fields: Any) -> Study:
        # A trial that was lost may go on at once, where a test does not say that it waits.
        retry = {"backoff": 0, **fields.pop("retry", {})}
        given = {"name": name, "objectives": [{"metric": "loss"}], "space": SPACE, "retry": retry, **fields}
        definition = StudyDefinition.model_validate(given)
        return self.write(lambda tx: studies.create(tx, definition, seed=7))

    def enqueue(self, count: int = 1, study: str = "s") -> None:
        for _ in range(count):
            self.write(lambda tx: trials.add(tx, study, NewTrial(params={"lr": 0.1})))

    def ask(self, count: int = 1, study: str = "s", **fields: Any) -> tuple[Lease, ...]:
        body = Ask(worker="w", max_trials=count, **fields)
        return self.write(lambda tx: leasing.ask(tx, study, body, ttl_seconds=TTL))

    def report(self, lease: Lease, *losses: float, first: int = 1, **fields: Any) -> Reported:
        points = tuple(
            NewPoint(step=fields.get("step", first) + place, metrics={"loss": loss})
            for place, loss in enumerate(losses)
        )
        body = Report(token=fields.get("token", lease.token), first_seq=first, points=points)
        item = ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)
        return self._runner.run(self.store.write_together(report_together, item)).answer

    def complete(self, lease: Lease, **fields: Any) -> Completed:
        body = Complete.model_validate({"token": lease.token, "outcome": "completed", **fields})
        return self.write(lambda tx: completing.complete(tx, lease.study, lease.trial, lease.attempt, body))

    def trial(self, number: int = 0, study: str = "s") -> Trial:
        return self.read(lambda tx: tx.trials.get(tx.studies.get(study).id, number))

    def state(self, study: str = "s") -> str:
        return self.read(lambda tx: tx.studies.get(study)).state

    def events(self) -> list[tuple[str, int | None, object]]:
        told = self.read(lambda tx: tx.events.list(0, None, 1000))
        return [(event.type, event.trial, event.data.get("state")) for event in told]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with asyncio.Runner() as runner:
        yield Desk(runner)
