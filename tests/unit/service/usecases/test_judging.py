"""Verdicts after the commit: what a scheduler may tell whom, and what a rule makes of an end."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from service.domain.trial import Trial
from service.usecases import completing, judging, trials
from service.usecases.engine import Basis, Curve, History, Latest, Suggestion, Verdict
from service.usecases.judging import Judge
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.reporting import ReportItem, Taken, report_together
from service.wire.lease import Complete, Completed, Directive, Lease, Report
from tests.unit.service.usecases.conftest import TTL, Desk


class Pausing:
    """An engine that would pause every trial at each step, and writes down what it hears."""

    def __init__(self) -> None:
        self.asked: list[Latest] = []

    def suggest(self, history: History, number: int) -> Suggestion:
        raise NotImplementedError

    name = "judging"

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        raise NotImplementedError

    def promote(self, history: History, number: int) -> None:
        raise NotImplementedError

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        self.asked.append(latest)
        return Verdict(act="pause", reason="a rung", basis=Basis(rung=1, step=latest.step, value=curve.values[-1]))


class Bench:
    """A study whose reports are judged."""

    def __init__(self, desk: Desk, **fields: Any) -> None:
        self.desk = desk
        self.engine = Pausing()

        async def now(work: Callable[[], Any]) -> Any:
            return work()

        self._judge = Judge(desk.store, self.engine, Mirrors(1_000), now)
        desk.study(**fields)
        desk.enqueue(4)

    def report(self, lease: Lease, *losses: float, first: int = 1) -> Directive:
        points = [{"step": first + place, "metrics": {"loss": loss, "x": 1}} for place, loss in enumerate(losses)]
        body = Report.model_validate({"token": lease.token, "first_seq": first, "points": points})
        item = ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)
        answer: Directive = self.desk.run(self._judge.report(item)).directive
        return answer

    def complete(self, lease: Lease, **fields: Any) -> Completed:
        body = Complete.model_validate({"token": lease.token, "outcome": "completed", **fields})
        return self.desk.write(lambda tx: completing.complete(tx, lease.study, lease.trial, lease.attempt, body))

    def acts(self, number: int) -> list[tuple[int, str]]:
        made = self.desk.read(lambda tx: tx.decisions.list(1, number))
        return [(one.step, one.act) for one in made]


@pytest.mark.parametrize(
    ("scheduler", "resumes", "act"),
    [
        ("auto", False, "stop"),
        ("auto", True, "pause"),
        ({"type": "asha"}, False, "pause"),
        ({"type": "asha"}, True, "pause"),
    ],
)
def test_auto_pauses_only_what_can_go_on(desk: Desk, scheduler: Any, resumes: bool, act: str) -> None:
    bench = Bench(desk, scheduler=scheduler)
    (lease,) = desk.ask(resumes=resumes)
    assert bench.report(lease, 0.5) == Directive.model_validate({"type": act, "reason": "a rung", "id": 1})
    assert bench.acts(0) == [(1, act)]
    (latest,) = bench.engine.asked
    assert (latest.step, dict(latest.metrics), latest.resumes) == (1, {"loss": 0.5, "x": 1}, resumes)
    assert bench.report(lease, 0.5).type == act, "a report that is sent again is answered the same"


def test_a_rule_of_the_study_stands_before_its_scheduler(desk: Desk) -> None:
    bench = Bench(desk, stopping={"target": {"loss": 0.5}})
    (lease,) = desk.ask()
    assert bench.report(lease, 0.5).reason == "the trial's target is reached: loss 0.5 (target 0.5)"
    assert bench.engine.asked == []
    assert bench.acts(0) == [(1, "stop")]


def test_a_verdict_that_comes_after_a_stop_changes_nothing(desk: Desk) -> None:
    bench = Bench(desk, scheduler={"type": "asha"})
    (lease,) = desk.ask()
    stopped = Directive(type="stop", reason="cancelled by a user", id=1)

    async def cancelling(work: Callable[[], Any]) -> Any:
        verdict = work()
        await desk.store.write(lambda tx: trials.cancel(tx, "s", 0))
        return verdict

    bench._judge._cases._run = cancelling
    assert bench.report(lease, 0.5) == stopped
    assert bench.acts(0) == []


def test_a_verdict_does_not_undo_a_stop_of_the_next_report(desk: Desk) -> None:
    bench = Bench(desk, scheduler={"type": "asha"})
    (lease,) = desk.ask()
    later = Report.model_validate(
        {"token": lease.token, "first_seq": 2, "points": [{"step": 2, "metrics": {"loss": "nan"}}]}
    )

    async def overtaken(work: Callable[[], Any]) -> Any:
        verdict = work()
        await desk.store.write_together(bench._judge._take, (ReportItem("s", 0, 1, later, TTL), None))
        return verdict

    bench._judge._cases._run = overtaken
    assert bench.report(lease, 0.5) == Directive(type="stop", reason="loss is NaN at step 2", id=1)
    assert bench.acts(0) == [(2, "stop")]


def test_of_two_verdicts_on_one_trial_both_are_remembered(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    body = Report.model_validate(
        {"token": lease.token, "first_seq": 1, "points": [{"step": 1, "metrics": {"loss": 0.5}}]}
    )
    item = ReportItem("s", 0, 1, body, TTL)

    def noted(tx: Transaction) -> None:
        (taken,) = report_together(tx, [item])
        assert isinstance(taken, Taken)
        verdicts = [Verdict(act="continue", system=system) for system in ({"rung": 0}, {}, {"rung": 1}, {"kept": [1]})]
        judging._note(tx, [judging._going_on(taken, verdict) for verdict in verdicts])

    desk.write(noted)
    assert desk.trial(0).system == {"rung": 1, "kept": [1]}


def test_a_rule_that_told_an_attempt_to_stop_says_what_its_trial_becomes(desk: Desk) -> None:
    bench = Bench(desk, stopping={"patience": {"reports": 1}, "divergence": {"limit": 3}})
    for lease, losses in zip(desk.ask(3), ((0.5, 0.6), (0.5, 9.0), (0.5, float("inf"))), strict=True):
        assert bench.report(lease, *losses).type == "stop"
        bench.complete(lease, outcome="pruned")
    assert [desk.trial(number).state for number in range(3)] == ["completed", "pruned", "infeasible"]
