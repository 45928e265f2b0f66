"""Studies of a test that are finished: one verb a line."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from service.domain.audit import AuditQuery
from service.domain.query import TrialQuery
from service.domain.trial import Trial
from service.usecases import studies, trials
from service.usecases.finishing import reading as reports
from service.usecases.finishing import starting
from service.usecases.judging import Judge
from service.usecases.mirrors import Mirrors
from service.usecases.reporting import ReportItem
from service.wire import finish as wire
from service.wire.finish import FinishStudy
from service.wire.lease import Directive, Lease, Report
from service.wire.trial import NewPoint, NewTrial
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.test_judging import Pausing

ALL = TrialQuery(purposes=(), size=1_000)
TEST = {"test_loss": 0.31, "test_accuracy": 0.9}


def searched(desk: Desk, *losses: float, state: str = "completed", **fields: Any) -> None:
    """A study whose search has ended: its trials 0, 1, ... had these losses."""
    desk.study(**{"budget": {"max_trials": len(losses)}, "trainer": {"name": "cnn"}, **fields})
    for place, loss in enumerate(losses):
        desk.write(partial(trials.add, study="s", new=NewTrial(params={"lr": (place + 1) / 100})))
        (lease,) = desk.ask()
        desk.report(lease, loss + 1, loss)
        desk.complete(lease)
    if state == "stopped":
        desk.write(lambda tx: studies.resume(tx, "s", None))
        desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert desk.state() == state


def begin(desk: Desk, **fields: Any) -> None:
    body = FinishStudy.model_validate({"top": 2, "seeds": 2, **fields})
    desk.write(lambda tx: starting.start(tx, "s", body))


def report(desk: Desk) -> wire.Finish:
    return desk.read(lambda tx: reports.report(tx, "s"))


def reruns(desk: Desk) -> Sequence[Trial]:
    found = desk.read(lambda tx: tx.trials.list(tx.studies.get("s").id, ALL)).items
    return [one for one in found if not one.searches]


def run(desk: Desk, lease: Lease, *losses: float, test: Mapping[str, float] | None = None, **fields: Any) -> None:
    """Train what a lease is for, and complete it."""
    if losses:
        desk.report(lease, *losses)
    if test is not None:
        judged(desk, lease, {90: test}, first=len(losses) + 1)
    desk.complete(lease, **fields)


def judged(desk: Desk, lease: Lease, points: Mapping[int, Mapping[str, float]], first: int = 1) -> Directive:
    """Report points to a judge whose scheduler would pause every trial; answers what it said."""

    async def now(work: Callable[[], Any]) -> Any:
        return work()

    judge = Judge(desk.store, Pausing(), Mirrors(1_000), now)
    told = tuple(NewPoint(step=step, metrics=dict(metrics)) for step, metrics in points.items())
    body = Report(token=lease.token, first_seq=first, points=told)
    answer: Directive = desk.run(judge.report(ReportItem("s", lease.trial, lease.attempt, body, TTL))).directive
    return answer


def confirm(desk: Desk, *losses: float) -> None:
    """Complete the runs that wait, in their order, with these losses."""
    for loss in losses:
        (lease,) = desk.ask()
        assert lease.purpose == "confirm"
        desk.later(seconds=10)
        run(desk, lease, loss + 1, loss)


def refit(desk: Desk, **fields: Any) -> Lease:
    (lease,) = desk.ask()
    assert lease.purpose == "refit"
    run(desk, lease, **{"test": TEST, **fields})
    return lease


def audited(desk: Desk) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = desk.read(lambda tx: tx.audit.list(AuditQuery(size=100)))
    return [(one.operation, one.actor, one.detail) for one in found.items if one.operation == "evaluate_test"]
