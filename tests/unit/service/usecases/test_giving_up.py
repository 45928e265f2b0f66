"""What becomes of a trial that its trainer gives up, and what the samplers learn of it."""

from typing import Any

import pytest

from service.domain.health import VIOLATION
from service.usecases import trials
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Lease, Report
from service.wire.trial import NewPoint
from tests.unit.service.usecases.conftest import TTL, Desk

REASON = "not learning: the training loss 2.3 is no better than guessing (2.3) after 4 epochs"


def begun(desk: Desk, **health: float) -> Lease:
    """A trial with one point, and what its trainer says of its health."""
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    metrics = {"loss": 2.3, **{f"health.{name}": value for name, value in health.items()}}
    body = Report(token=lease.token, first_seq=1, points=(NewPoint(step=4, metrics=metrics),))
    item = ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)
    assert desk.run(desk.store.write_together(report_together, item)).answer.acked_seq == 1
    return lease


def decisions(desk: Desk) -> list[tuple[int, str, str | None, Any]]:
    study = desk.read(lambda tx: tx.studies.get("s")).id
    return [(one.step, one.act, one.reason, one.basis) for one in desk.read(lambda tx: tx.decisions.list(study, 0))]


def test_the_reason_is_kept_as_a_decision(desk: Desk) -> None:
    lease = begun(desk)
    assert desk.complete(lease, outcome="pruned", reason=REASON).state == "pruned"
    assert decisions(desk) == [(4, "stop", REASON, {"rule": "trainer"})]
    desk.complete(lease, outcome="pruned", reason=REASON)
    assert len(decisions(desk)) == 1


def test_one_that_was_told_to_stop_has_given_nothing_up(desk: Desk) -> None:
    lease = begun(desk)
    desk.write(lambda tx: trials.cancel(tx, "s", 0))
    desk.complete(lease, outcome="pruned", reason="cancelled by a user")
    assert decisions(desk) == []


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ({"outcome": "completed"}, "completed"),
        ({"outcome": "failed", "failure": {"class": "nan", "message": "diverged"}}, "infeasible"),
    ],
)
def test_how_far_it_was_from_the_border_of_stability_is_kept(desk: Desk, ending: Any, state: str) -> None:
    lease = begun(desk, violation=0.4, grad_norm=2500.0)
    assert desk.complete(lease, **ending).state == state
    assert desk.trial().system == {VIOLATION: 0.4}


def test_a_trainer_that_does_not_tell_leaves_no_trace(desk: Desk) -> None:
    desk.complete(begun(desk), outcome="completed")
    assert desk.trial().system == {}
