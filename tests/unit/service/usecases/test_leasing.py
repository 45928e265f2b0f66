"""Who may run what, and for how long."""

import pytest

from service.domain.errors import StaleLease, WrongState
from service.domain.trial import AttemptKey, Checkpoint
from service.usecases import studies, trials
from service.usecases.upkeep import Upkeep
from tests.unit.service.usecases.conftest import Desk


def test_trials_are_handed_out_in_order_and_once(desk: Desk) -> None:
    desk.study()
    desk.enqueue(3)
    first, second = desk.ask(2), desk.ask(2)
    assert [lease.trial for lease in (*first, *second)] == [0, 1, 2]
    assert desk.ask() == ()
    assert desk.trial().state == "running"
    assert desk.trial().started_at == desk.time


def test_a_lease_that_ran_out_goes_to_the_next_and_the_late_one_is_refused(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (old,) = desk.ask()
    desk.later(seconds=61)
    (new,) = desk.ask()
    assert (new.trial, new.attempt, new.token) == (0, 2, old.token + 1)
    with pytest.raises(StaleLease):
        desk.report(old, 0.5)
    with pytest.raises(StaleLease):
        desk.complete(old, values={"loss": 1})
    attempts = desk.read(lambda tx: tx.attempts.list(1, 0))
    assert [(attempt.state, attempt.ended_at == desk.time) for attempt in attempts] == [
        ("lost", True),
        ("leased", False),
    ]
    assert attempts[0].failure is not None
    assert attempts[0].failure.failure_class == "infra"


def test_a_late_report_is_welcome_while_nobody_else_has_the_trial(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.later(seconds=600)
    assert desk.report(lease, 0.5).acked_seq == 1
    assert desk.ask() == (), "the report has renewed the lease"


def test_a_report_renews_the_lease(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    for seq in range(1, 4):
        desk.later(seconds=59)
        desk.report(lease, 0.5, first=seq)
        assert desk.ask() == ()


def test_a_trial_that_is_lost_too_often_fails(desk: Desk) -> None:
    desk.study(retry={"max_attempts": 2})
    desk.enqueue()
    for _ in range(2):
        assert len(desk.ask()) == 1
        desk.later(seconds=61)
    assert desk.ask() == ()
    trial = desk.trial()
    assert trial.state == "failed"
    assert trial.failure is not None
    assert trial.failure.failure_class == "infra"


def test_an_attempt_goes_on_from_the_newest_checkpoint_and_the_curve_too(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.9, 0.8, 0.7, 0.6)
    key = AttemptKey(1, 0, 1)
    saved = Checkpoint(key=key, step=2, uri="file:///c", sha256="0" * 64, size=1, committed_at=desk.time)
    desk.write(lambda tx: tx.checkpoints.add(saved))
    desk.later(seconds=61)
    (again,) = desk.ask()
    assert (again.resume_step, again.resume_checkpoint) == (2, "file:///c")
    desk.report(again, 0.65, step=3)
    points = desk.read(lambda tx: tx.points.list(1, 0, (0, 0), 10))
    assert [(point.step, point.superseded) for point in points] == [
        (1, False),
        (2, False),
        (3, True),
        (4, True),
        (3, False),
    ]
    assert desk.complete(again).values == {"loss": 0.65}


def test_no_more_run_than_the_budget_allows(desk: Desk) -> None:
    desk.study(budget={"max_running": 2})
    desk.enqueue(5)
    leases = desk.ask(5)
    assert len(leases) == 2
    assert desk.ask() == ()
    desk.complete(leases[0], values={"loss": 1})
    assert len(desk.ask(5)) == 1


def test_a_study_that_is_not_active_hands_out_nothing(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    desk.write(lambda tx: tx.studies.save(tx.studies.lock("s").moved("paused")))
    with pytest.raises(WrongState, match="study 's' is paused"):
        desk.ask()


def test_the_seed_is_common_or_one_for_each_trial(desk: Desk) -> None:
    desk.study()
    desk.study("i", seeds="independent")
    for name in ("s", "i"):
        desk.enqueue(2, name)
    assert [lease.seed for lease in desk.ask(2)] == [7, 7]
    assert [lease.seed for lease in desk.ask(2, "i")] == [7, 8]


def test_a_stopping_study_does_not_wait_for_workers_that_are_gone(desk: Desk) -> None:
    upkeep = Upkeep(event_days=1, request_hours=1)
    desk.study()
    desk.enqueue(2)
    first, _ = desk.ask(2)
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    desk.later(seconds=50)
    desk.report(first, 0.5)
    desk.later(seconds=30)
    desk.run(upkeep.tidy(desk.store))
    assert (desk.state(), desk.trial(0).state, desk.trial(1).state) == ("stopping", "running", "queued")
    desk.later(seconds=31)
    desk.run(upkeep.tidy(desk.store))
    assert (desk.state(), desk.trial(0).state) == ("stopped", "queued")
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert [lease.trial for lease in desk.ask(2)] == [0, 1]


def test_a_cancelled_trial_ends_at_once_and_its_worker_is_told(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.write(lambda tx: trials.cancel(tx, "s", 0))
    assert desk.trial().state == "cancelled"
    assert desk.report(lease, 0.5).directive.type == "stop"
    assert desk.complete(lease, outcome="failed", failure={"class": "cancelled"}).state == "cancelled"
