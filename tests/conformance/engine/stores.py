"""The server's side: the use cases themselves over a real database, by one replica or by several that take turns."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import TypeVar

from service.store.opening import open_store
from service.usecases import completing, leasing, studies, suggesting, trials
from service.usecases.engine import Engine
from service.usecases.judging import Judge
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.reporting import ReportItem
from service.wire.lease import Ask, Complete, Lease, Report
from service.wire.study import StudyDefinition
from service.wire.trial import Failure, FailureClass, NewPoint, NewTrial
from tests.conformance.engine.play import Ending, Params

T = TypeVar("T")
Turns = Callable[[], "Replica"]
TTL = 3600.0
_MANY = 100_000


async def at_once(work: Callable[[], T]) -> T:
    """Think where we are: whoever plays many studies side by side has enough to do meanwhile."""
    return work()


@dataclass(frozen=True, slots=True)
class Replica:
    """What one server process has."""

    name: str
    store: Store
    engine: Engine
    mirrors: Mirrors
    judge: Judge

    @classmethod
    def open(cls, url: str, engine: Engine, *, name: str, run: Callable[..., Awaitable[T]] = at_once) -> "Replica":
        """A replica over a database that has its schema."""
        store, mirrors = open_store(url, migrate=False), Mirrors(_MANY)
        return cls(name, store, engine, mirrors, Judge(store, engine, mirrors, run))


class StoreDriver:
    """A study in a database. Each call goes to the next replica, which knows of the others' by the database alone.

    A suggestion is made when it is asked for, none ahead: as Optuna does it.
    """

    def __init__(self, replicas: Sequence[Replica], definition: StudyDefinition) -> None:
        self._turns = cycle(replicas)
        self._definition = definition
        self._leases: dict[int, Lease] = {}
        self._points: dict[int, int] = {}
        self.notes: dict[int, str] = {}

    async def create(self) -> None:
        """Create the study."""
        await next(self._turns).store.write(lambda tx: studies.create(tx, self._definition, seed=0))

    async def ask(self) -> tuple[int, Params]:
        """Suggest, queue, claim."""
        replica, name = next(self._turns), self._definition.name
        seen = await replica.store.read(lambda tx: suggesting.situation(tx, replica.mirrors, name))
        number = seen.study.next_number
        suggestion = replica.engine.suggest(seen.history, number)
        if suggestion.note:
            self.notes[number] = suggestion.note

        def queue(tx: Transaction) -> Lease:
            assert suggesting.put(tx, seen, [suggestion], "test")
            return _claim(tx, name)

        lease = await next(self._turns).store.write(queue)
        self._begun(lease, number)
        return number, {param: value for param, value in lease.params.items() if param in suggestion.params}

    async def begin(self, params: Params) -> int:
        """Enqueue, claim."""
        name = self._definition.name

        def queue(tx: Transaction) -> tuple[int, Lease]:
            return trials.add(tx, name, NewTrial(params=dict(params))).number, _claim(tx, name)

        number, lease = await next(self._turns).store.write(queue)
        self._begun(lease, number)
        return number

    async def report(self, number: int, step: int, value: float) -> bool:
        """Report one point, and hear what was decided."""
        self._points[number] += 1
        point = NewPoint(step=step, metrics={self._metric: value})
        report = Report(token=self._leases[number].token, first_seq=self._points[number], points=(point,))
        item = ReportItem(self._definition.name, number, 1, report, TTL)
        told = await next(self._turns).judge.report(item)
        assert told.directive.type in {"continue", "stop"}
        return told.directive.type == "stop"

    async def end(self, number: int, ending: Ending, values: Sequence[float] | None) -> None:
        """Complete the attempt. What cannot be trained runs out of memory, or ends as NaN."""
        body = Complete(
            token=self._leases[number].token,
            outcome="failed" if ending == "infeasible" else ending,
            values=dict(zip(self._metrics, values, strict=True)) if values else None,
            failure=_failure("crash") if ending == "failed" else None,
        )
        if ending == "infeasible":
            ended = {"failure": _failure("oom")} if number % 2 else {"outcome": "completed", "values": self._nan}
            body = body.model_copy(update=ended)
        complete = partial(completing.complete, study=self._definition.name, number=number, attempt=1, body=body)
        told = await next(self._turns).store.write(complete)
        assert told.state == ending

    @property
    def _metrics(self) -> list[str]:
        return [objective.metric for objective in self._definition.objectives]

    @property
    def _metric(self) -> str:
        return self._metrics[0]

    @property
    def _nan(self) -> dict[str, float]:
        return dict.fromkeys(self._metrics, float("nan"))

    def _begun(self, lease: Lease, number: int) -> None:
        assert lease.trial == number
        self._leases[number], self._points[number] = lease, 0


def _claim(tx: Transaction, study: str) -> Lease:
    (lease,) = leasing.ask(tx, study, Ask(worker="test"), ttl_seconds=TTL)
    return lease


def _failure(kind: FailureClass) -> Failure:
    return Failure.model_validate({"class": kind, "message": "in the script"})
