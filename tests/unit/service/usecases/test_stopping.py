"""Trials that the study's own rules stop: what is told, kept and made of them, by one process or several."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from service.domain.decision import Decision
from service.domain.errors import Invalid
from service.domain.trial import AttemptKey, Checkpoint
from service.usecases import trials
from service.usecases.ports import Transaction
from service.usecases.reporting import ReportItem, report_together
from service.usecases.stopping import Watches
from service.wire.lease import Directive, Lease, Report
from tests.unit.service.usecases.conftest import TTL, Desk

PATIENT = {"patience": {"reports": 3}}


class Server:
    """One process of several: its own memory, the same store. It counts how often it reads curves."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.read = 0
        self._take = partial(report_together, watches=Watches())

    def report(self, lease: Lease, *losses: float, first: int) -> Directive:
        points = [{"step": first + place, "metrics": {"loss": loss}} for place, loss in enumerate(losses)]
        body = Report.model_validate({"token": lease.token, "first_seq": first, "points": points})
        item = ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)

        def counted(tx: Transaction, items: Any) -> Any:
            listed = tx.points.list
            tx.points.list = lambda *where: self._counted(listed, *where)  # type: ignore[method-assign]
            return self._take(tx, items)

        return self._desk.run(self._desk.store.write_together(counted, item)).answer.directive

    def _counted(self, listed: Any, *where: Any) -> Any:
        self.read += 1
        return listed(*where)


def started(desk: Desk, **fields: Any) -> Lease:
    desk.study(**fields)
    desk.enqueue()
    (lease,) = desk.ask()
    return lease


def decisions(desk: Desk) -> list[Decision]:
    return list(desk.read(lambda tx: tx.decisions.list(1, 0)))


def test_a_stop_is_told_at_once_and_kept_with_its_basis(desk: Desk) -> None:
    lease = started(desk, stopping={"divergence": {"limit": 5}})
    assert desk.report(lease, 1.0, 2.0).directive.type == "continue"
    reason = "loss has diverged: 7 at step 4 is worse than the limit (5)"
    told = Directive(type="stop", reason=reason, id=1)
    assert desk.report(lease, 4.0, 7.0, 9.0, first=3).directive == told
    (found,) = decisions(desk)
    assert (found.key, found.step, found.act, found.reason) == (AttemptKey(1, 0, 1), 4, "stop", reason)
    assert found.basis == {"rule": "divergence", "step": 4, "value": 7.0, "cut": 5}
    points = desk.read(lambda tx: tx.points.list(1, 0, (0, 0), 10))
    assert len(points) == 5, "the points behind it are kept: they were measured"
    # Said again, to whoever goes on or asks again; nothing more is decided.
    assert desk.report(lease, 4.0, 7.0, 9.0, first=3).directive == told
    assert desk.report(lease, math.nan, first=6).directive == told
    assert decisions(desk) == [found]


def test_by_default_nan_stops_and_the_trial_is_infeasible(desk: Desk) -> None:
    lease = started(desk)
    assert desk.report(lease, 0.5, math.nan).directive == Directive(type="stop", reason="loss is NaN at step 2", id=1)
    assert desk.complete(lease, outcome="pruned").state == "infeasible"
    failure = desk.trial().failure
    assert failure is not None
    assert (failure.failure_class, failure.message) == ("nan", "loss is NaN at step 2")


def test_nan_may_be_ignored(desk: Desk) -> None:
    lease = started(desk, stopping={"nan": "ignore"})
    assert desk.report(lease, 0.5, math.nan, 0.4).directive.type == "continue"
    assert desk.complete(lease).values == {"loss": 0.4}


STOPPED: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "nan": ({}, (0.5, math.inf)),
    "divergence": ({"divergence": {"factor": 2}}, (0.5, 1.5)),
    "target": ({"target": {"loss": 0.3}}, (0.5, 0.25)),
    "patience": ({"patience": {"steps": 1}}, (0.5, 0.6)),
}
ENDS = {"nan": "infeasible", "divergence": "pruned", "target": "completed", "patience": "completed"}


@pytest.mark.parametrize("outcome", ["completed", "pruned", "paused", "preempted"])
@pytest.mark.parametrize("rule", list(STOPPED))
def test_what_becomes_of_a_trial_that_was_stopped(desk: Desk, rule: str, outcome: str) -> None:
    stopping, losses = STOPPED[rule]
    lease = started(desk, stopping=stopping)
    assert desk.report(lease, *losses).directive.type == "stop"
    done = desk.complete(lease, outcome=outcome)
    assert done.state == ENDS[rule] == desk.trial().state
    assert done.values == {"loss": losses[-1]}
    (attempt,) = desk.read(lambda tx: tx.attempts.list(1, 0))
    assert attempt.state == outcome, "the attempt is what its client said"


@pytest.mark.parametrize("rule", list(STOPPED))
def test_a_client_that_is_never_heard_of_again_changes_nothing_of_that(desk: Desk, rule: str) -> None:
    stopping, losses = STOPPED[rule]
    lease = started(desk, stopping=stopping)
    desk.report(lease, *losses)
    desk.later(seconds=61)
    assert desk.ask() == (), "nobody need train it again"
    assert desk.trial().state == ENDS[rule]


def test_a_stopped_trial_that_fails_has_failed(desk: Desk) -> None:
    lease = started(desk, stopping={"target": {"loss": 1}})
    desk.report(lease, 0.5)
    assert desk.complete(lease, outcome="failed", failure={"class": "oom"}).state == "infeasible"


def test_a_trial_that_a_user_cancelled_was_stopped_by_no_rule(desk: Desk) -> None:
    lease = started(desk)
    desk.write(lambda tx: trials.cancel(tx, "s", 0))
    assert desk.report(lease, math.nan).directive.reason == "cancelled by a user"
    assert desk.complete(lease, outcome="pruned").state == "cancelled"
    assert decisions(desk) == []


def test_the_value_is_read_as_the_objective_says_or_given(desk: Desk) -> None:
    lease = started(desk, objectives=[{"metric": "loss", "value": "best"}], stopping=PATIENT)
    assert desk.report(lease, 0.4, 0.5, 0.6, 0.7).directive.type == "stop"
    assert desk.complete(lease, outcome="pruned").values == {"loss": 0.4}
    desk.study("t", stopping=PATIENT)
    desk.enqueue(study="t")
    (lease,) = desk.ask(study="t")
    desk.report(lease, 0.4, 0.5, 0.6, 0.7)
    assert desk.complete(lease, values={"loss": 0.3}).values == {"loss": 0.3}


def test_a_stopped_trial_without_all_values_cannot_count_as_completed(desk: Desk) -> None:
    desk.study(objectives=[{"metric": "loss"}, {"metric": "cost"}], stopping=PATIENT)
    desk.enqueue(2)
    for lease in desk.ask(2):
        assert desk.report(lease, 0.4, 0.5, 0.6, 0.7).directive.type == "stop"
        if lease.trial:
            assert desk.complete(lease, outcome="pruned").state == "pruned"
            continue
        with pytest.raises(Invalid, match=r"values\.cost: is missing"):
            desk.complete(lease)
        assert desk.complete(lease, values={"cost": 1}).state == "completed"


def test_a_stop_wins_over_a_pause_that_was_told(desk: Desk) -> None:
    lease = started(desk)
    desk.report(lease, 0.5)

    def pause(tx: Transaction) -> None:
        (attempt,) = tx.attempts.list(1, 0)
        tx.attempts.save([replace(attempt, directive=Directive(type="pause", reason="a rung"))])

    desk.write(pause)
    assert desk.report(lease, 0.4, first=2).directive.type == "pause"
    assert desk.report(lease, math.nan, first=3).directive.type == "stop"


# --- what is remembered, by whom


def test_one_process_reads_no_curve_of_what_it_has_seen_from_the_start(desk: Desk) -> None:
    lease, server = started(desk, stopping=PATIENT), Server(desk)
    for seq, loss in enumerate((0.5, 0.6, 0.4, 0.41, 0.42), start=1):
        assert server.report(lease, loss, first=seq).type == "continue"
    assert server.report(lease, 0.42, first=5).type == "continue", "sent again, it is not counted again"
    assert server.report(lease, 0.43, first=6).type == "stop"
    assert server.read == 0


def test_a_process_that_starts_reads_the_curve_once(desk: Desk) -> None:
    lease = started(desk, stopping=PATIENT)
    Server(desk).report(lease, 0.5, 0.6, 0.7, first=1)
    server = Server(desk)
    assert server.report(lease, 0.4, first=4).type == "continue"
    assert server.report(lease, 0.5, 0.6, first=5).type == "continue"
    assert server.read == 1
    assert server.report(lease, 0.7, first=7).type == "stop"


def test_where_only_points_count_nobody_reads(desk: Desk) -> None:
    lease = started(desk, stopping={"target": {"loss": 0.1}, "divergence": {"limit": 9}})
    Server(desk).report(lease, 0.5, 0.6, first=1)
    server = Server(desk)
    assert server.report(lease, 0.7, first=3).type == "continue"
    assert server.report(lease, 0.05, first=4).type == "stop"
    assert server.read == 0


@pytest.mark.parametrize("turns", ["0101010", "0011001", "0000001", "0110110"])
def test_replicas_that_take_turns_agree(desk: Desk, turns: str) -> None:
    lease = started(desk, stopping={"patience": {"reports": 3, "min_delta": 0.1}})
    servers = [Server(desk), Server(desk)]
    losses = (0.9, 0.85, 0.7, 0.69, 0.68, 0.65, 0.1)
    told = [
        servers[int(turn)].report(lease, loss, first=seq).type
        for seq, (turn, loss) in enumerate(zip(turns, losses, strict=True), start=1)
    ]
    assert told == ["continue"] * 5 + ["stop"] * 2
    (found,) = decisions(desk)
    assert found.step == 6


def test_a_report_that_was_undone_is_not_remembered(desk: Desk) -> None:
    lease, watches = started(desk, stopping=PATIENT), Watches()

    def undone(tx: Transaction) -> None:
        points = [{"step": seq, "metrics": {"loss": 0.5}} for seq in (1, 2, 3)]
        body = Report.model_validate({"token": lease.token, "first_seq": 1, "points": points})
        report_together(tx, [ReportItem("s", 0, 1, body, TTL)], watches)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        desk.write(undone)
    server = Server(desk)
    server._take = partial(report_together, watches=watches)
    assert server.report(lease, 0.5, 0.5, 0.5, first=1).type == "continue"
    assert server.report(lease, 0.5, first=4).type == "stop"


def test_an_attempt_goes_on_with_the_curve_of_the_one_before(desk: Desk) -> None:
    lease, server = started(desk, stopping=PATIENT), Server(desk)
    server.report(lease, 0.5, 0.6, 0.7, first=1)
    key = AttemptKey(1, 0, 1)
    saved = Checkpoint(key=key, step=2, uri="file:///c", sha256="0" * 64, size=1, committed_at=desk.time)
    desk.write(lambda tx: tx.checkpoints.add(saved))
    desk.later(seconds=61)
    (again,) = desk.ask()
    points = [{"step": step, "metrics": {"loss": 0.8}} for step in (3, 4)]
    body = Report.model_validate({"token": again.token, "first_seq": 1, "points": points})
    item = ReportItem("s", 0, 2, body, TTL)
    taken = desk.run(desk.store.write_together(server._take, item))
    assert taken.answer.directive.reason == ("loss has not improved for 3 report(s): its best was 0.5 at step 1"), (
        "steps 1 and 2 count, the superseded step 3 does not"
    )
    (found,) = decisions(desk)
    assert (found.key.attempt, found.step) == (2, 4)


def test_two_reports_of_an_attempt_in_one_commit(desk: Desk) -> None:
    lease = started(desk, stopping=PATIENT)

    def item(first: int, *losses: float) -> ReportItem:
        points = [{"step": first + place, "metrics": {"loss": loss}} for place, loss in enumerate(losses)]
        body = Report.model_validate({"token": lease.token, "first_seq": first, "points": points})
        return ReportItem("s", 0, 1, body, TTL)

    together = [item(1, 0.5, 0.6), item(3, 0.7, 0.8), item(5, 0.9)]
    results = desk.write(lambda tx: report_together(tx, together))
    told = [one.answer.directive.type for one in results if not isinstance(one, BaseException)]
    assert told == ["continue", "stop", "stop"]
    (found,) = decisions(desk)
    assert found.step == 4


def test_a_refused_report_stops_nothing(desk: Desk) -> None:
    lease = started(desk)
    desk.report(lease, 0.5, step=3)
    with pytest.raises(Invalid):
        desk.report(lease, math.nan, first=2, step=3)
    assert decisions(desk) == []
    assert desk.report(lease, 0.4, first=2, step=4).directive.type == "continue"
