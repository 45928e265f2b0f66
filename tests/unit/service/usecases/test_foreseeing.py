"""Verdicts that are thought of before their report is stored: one commit for both, and none where it came otherwise."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from service.domain.trial import Trial
from service.usecases import trials
from service.usecases.engine import Basis, Curve, History, Latest, Suggestion, Verdict
from service.usecases.judging import Judge
from service.usecases.mirrors import Mirrors
from service.usecases.reporting import ReportItem
from service.wire.lease import Directive, Lease, Report, Reported
from tests.unit.service.usecases.conftest import TTL, Desk

RUNGS = {"type": "asha", "min_resource": 1, "reduction_factor": 2}


class Noting:
    """An engine that lets every trial go on and says why; it remembers the curves it was shown."""

    name = "noting"

    def __init__(self) -> None:
        self.shown: list[list[int]] = []

    def suggest(self, history: History, number: int) -> Suggestion:
        raise NotImplementedError

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        raise NotImplementedError

    def promote(self, history: History, number: int) -> None:
        raise NotImplementedError

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        self.shown.append(list(curve.steps))
        return Verdict(act="continue", basis=Basis(rung=latest.step, step=latest.step, value=curve.values[-1]))


class Server:
    """A process that takes reports in; it counts its commits, and `meanwhile` happens while it thinks."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = Noting()
        self.commits: list[str] = []
        self.meanwhile: Callable[[], Any] | None = None
        self._desk = desk

        async def think(work: Callable[[], Any]) -> Any:
            verdict = work()
            happens, self.meanwhile = self.meanwhile, None
            if happens is not None:
                await happens()
            return verdict

        self.judge = Judge(desk.store, self.engine, Mirrors(1_000), think)
        for name in ("write", "write_together"):
            self._count(name, getattr(desk.store, name), monkeypatch)

    def _count(self, name: str, write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        async def counted(*given: Any) -> Any:
            self.commits.append(name)
            return await write(*given)

        monkeypatch.setattr(self._desk.store, name, counted)

    def report(self, lease: Lease, *steps: int, first: int) -> Reported:
        self.commits.clear()
        answer: Reported = self._desk.run(self.judge.report(item(lease, *steps, first=first)))
        return answer


def item(lease: Lease, *steps: int, first: int) -> ReportItem:
    points = [{"step": step, "metrics": {"loss": 1 / step}} for step in steps]
    body = Report.model_validate({"token": lease.token, "first_seq": first, "points": points})
    return ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)


def begun(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Server, Lease]:
    """A trial that was judged at its first step."""
    desk.study(scheduler=RUNGS)
    desk.enqueue()
    (lease,) = desk.ask()
    server = Server(desk, monkeypatch)
    server.report(lease, 1, first=1)
    assert server.commits == ["write_together", "write"], "whose curve is not known yet is stored, then judged"
    return server, lease


def decided(desk: Desk) -> list[int]:
    made = desk.read(lambda tx: tx.decisions.list(1, 0))
    return [one.step for one in made]


def stored(desk: Desk) -> list[int]:
    found = desk.read(lambda tx: tx.points.curves(1, [0], "loss"))
    return [step for step, _ in found[0]]


def test_a_report_and_its_decision_are_one_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, lease = begun(desk, monkeypatch)
    assert server.report(lease, 2, first=2) == Reported(acked_seq=2, directive=Directive(type="continue"))
    assert server.commits == ["write_together"]
    assert (stored(desk), decided(desk), server.engine.shown[-1]) == ([1, 2], [1, 2], [1, 2])


def test_so_is_the_first_report_of_a_study_s_next_trial(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = begun(desk, monkeypatch)
    desk.enqueue()
    (second,) = desk.ask()
    assert server.report(second, 1, first=1).directive.type == "continue"
    assert server.commits == ["write_together"]
    assert [one.step for one in desk.read(lambda tx: tx.decisions.list(1, 1))] == [1]
    assert server.report(second, 2, first=2).directive.type == "continue"
    assert server.engine.shown == [[1], [1], [1, 2]]


def test_a_trial_that_began_elsewhere_is_judged_by_all_of_its_curve(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first report here looks like the first of all, until it is stored."""
    server, _ = begun(desk, monkeypatch)
    desk.enqueue()
    (second,) = desk.ask()
    desk.report(second, 0.5, first=1)
    assert server.report(second, 1, 2, first=1).acked_seq == 2
    assert [one.step for one in desk.read(lambda tx: tx.decisions.list(1, 1))] == [2]
    assert server.engine.shown[-1] == [1, 2]


def test_between_rungs_nobody_thinks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, lease = begun(desk, monkeypatch)
    server.report(lease, 2, first=2)
    server.report(lease, 3, first=3)
    assert server.commits == ["write_together"]
    assert (stored(desk), decided(desk), len(server.engine.shown)) == ([1, 2, 3], [1, 2], 2)


def test_what_another_server_took_in_is_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, lease = begun(desk, monkeypatch)
    desk.report(lease, 0.5, first=2)
    assert server.report(lease, 4, first=3).acked_seq == 3
    assert (stored(desk), decided(desk), server.engine.shown[-1]) == ([1, 2, 4], [1, 4], [1, 2, 4])


def test_what_was_stored_meanwhile_is_not_decided_by_what_was_thought_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, lease = begun(desk, monkeypatch)
    other = Judge(desk.store, server.engine, Mirrors(1_000), _at_once)

    async def elsewhere() -> None:
        await other.report(item(lease, 2, first=2))

    server.meanwhile = elsewhere
    # Half of it is known by then: what is new is judged with all that stands.
    assert server.report(lease, 2, 4, first=2).acked_seq == 3
    assert (stored(desk), decided(desk)) == ([1, 2, 4], [1, 2, 4])
    assert server.engine.shown == [[1], [1, 2, 4], [1, 2], [1, 2, 4]]


def test_a_stop_that_came_meanwhile_is_told_and_nothing_is_decided(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, lease = begun(desk, monkeypatch)

    async def cancelled() -> None:
        await desk.store.write(lambda tx: trials.cancel(tx, "s", 0))

    server.meanwhile = cancelled
    assert server.report(lease, 2, first=2).directive.type == "stop"
    assert (stored(desk), decided(desk)) == ([1, 2], [1])


def test_an_engine_that_fails_loses_no_point(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server, lease = begun(desk, monkeypatch)

    def broken(*_given: Any) -> Verdict:
        raise RuntimeError("no verdict")

    monkeypatch.setattr(server.engine, "judge", broken)
    with pytest.raises(RuntimeError, match="no verdict"):
        server.report(lease, 2, first=2)
    assert stored(desk) == [1, 2]


async def _at_once(work: Callable[[], Any]) -> Any:
    return work()
