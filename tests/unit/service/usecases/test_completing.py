"""How an attempt ends, and what that makes of its trial and its study."""

import math

import pytest

from service.domain.errors import AlreadyCompleted, Invalid, SeqGap, StaleLease, StudyBusy
from service.domain.trial import AttemptKey, Checkpoint
from service.usecases import studies
from tests.unit.service.usecases.conftest import Desk


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        ({"value": "last"}, 0.4),
        ({"value": "best"}, 0.1),
        ({"value": "best", "direction": "maximize"}, 0.9),
        ({"value": "mean_last", "last_k": 2}, 0.25),
    ],
)
def test_a_curve_becomes_a_value(desk: Desk, objective: dict[str, object], value: float) -> None:
    desk.study(objectives=[{"metric": "loss", **objective}])
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.9, 0.1, 0.4)
    values = desk.complete(lease).values
    assert values is not None
    assert values["loss"] == pytest.approx(value)


def test_a_completion_is_written_once(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    first = desk.complete(lease, values={"loss": 1.0})
    assert desk.complete(lease, values={"loss": 1.0}) == first
    with pytest.raises(AlreadyCompleted):
        desk.complete(lease, values={"loss": 2.0})
    assert desk.trial().values == {"loss": 1.0}


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ({"outcome": "pruned"}, "pruned"),
        ({"outcome": "paused"}, "paused"),
        ({"outcome": "preempted"}, "queued"),
        ({"outcome": "failed"}, "failed"),
        ({"outcome": "failed", "failure": {"class": "oom"}}, "infeasible"),
        ({"outcome": "failed", "failure": {"class": "nan"}}, "infeasible"),
        ({"outcome": "failed", "failure": {"class": "timeout"}}, "failed"),
        ({"outcome": "failed", "failure": {"class": "crash"}}, "failed"),
        ({"outcome": "failed", "failure": {"class": "user_error"}}, "failed"),
        ({"outcome": "failed", "failure": {"class": "cancelled"}}, "cancelled"),
        ({"outcome": "failed", "failure": {"class": "preempted"}}, "queued"),
        ({"outcome": "failed", "failure": {"class": "infra"}}, "queued"),
        ({"outcome": "completed", "values": {"loss": math.nan}}, "infeasible"),
        ({"outcome": "completed", "values": {"loss": math.inf}}, "completed"),
    ],
)
def test_each_ending_has_its_state(desk: Desk, ending: dict[str, object], state: str) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    assert desk.complete(lease, **ending).state == state
    assert desk.trial().state == state
    assert (desk.trial().finished_at is not None) == desk.trial().finished


def test_infra_failures_are_tried_again_until_attempts_run_out(desk: Desk) -> None:
    desk.study(retry={"max_attempts": 2})
    desk.enqueue()
    for state in ("queued", "failed"):
        (lease,) = desk.ask()
        assert desk.complete(lease, outcome="failed", failure={"class": "infra"}).state == state


def test_a_value_that_is_neither_given_nor_reported_is_asked_for(desk: Desk) -> None:
    desk.study(objectives=[{"metric": "loss"}, {"metric": "cost"}])
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5)
    with pytest.raises(Invalid) as refused:
        desk.complete(lease, values={"speed": 1})
    assert {str(error) for error in refused.value.errors} == {
        "values.speed: is not an objective (they are cost, loss)",
        "values.cost: is missing: it was neither given nor reported",
    }
    assert desk.complete(lease, values={"cost": 3}).values == {"loss": 0.5, "cost": 3}


def test_reports_are_taken_once_in_order_and_without_gaps(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    assert desk.report(lease, 0.9, 0.8).acked_seq == 2
    assert desk.report(lease, 0.9, 0.8).acked_seq == 2
    assert desk.report(lease, 0.8, 0.7, first=2).acked_seq == 3
    with pytest.raises(SeqGap) as gap:
        desk.report(lease, 0.1, first=9)
    assert gap.value.context == {"acked_seq": 3}
    with pytest.raises(Invalid, match=r"points\[0\].step: must be greater than the step before it \(3; is 2\)"):
        desk.report(lease, 0.1, first=4, step=2)
    with pytest.raises(StaleLease, match="not granted with token 99"):
        desk.report(lease, 0.1, first=4, token=99)
    points = desk.read(lambda tx: tx.points.list(1, 0, (0, 0), 10))
    assert [point.metrics["loss"] for point in points] == [0.9, 0.8, 0.7]


def test_a_stopping_study_stops_with_its_last_trial(desk: Desk) -> None:
    desk.study()
    desk.enqueue(3)
    leases = desk.ask(2)
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert desk.state() == "stopping"
    desk.complete(leases[0], values={"loss": 1})
    assert desk.state() == "stopping"
    desk.complete(leases[1], outcome="failed")
    assert desk.state() == "stopped"
    assert desk.trial(2).state == "queued", "what was queued is kept for a resume"
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert len(desk.ask()) == 1


def test_a_stop_may_cancel_what_runs(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    (lease,) = desk.ask()
    assert desk.write(lambda tx: studies.stop(tx, "s", "cancel", None)).state == "stopped"
    assert desk.trial().state == "cancelled"
    assert desk.report(lease, 0.5).directive.type == "stop"


def test_a_stop_may_kill_what_runs(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    (lease,) = desk.ask()
    assert desk.write(lambda tx: studies.stop(tx, "s", "kill", None)).state == "stopped"
    assert desk.trial().state == "cancelled"
    with pytest.raises(StaleLease):
        desk.report(lease, 0.5)


def test_a_busy_study_is_deleted_only_by_force(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    desk.ask()
    with pytest.raises(StudyBusy, match="1 trial"):
        desk.write(lambda tx: studies.delete(tx, "s", force=False, revision=None))
    desk.write(lambda tx: studies.delete(tx, "s", force=True, revision=None))
    assert desk.study().id != 1


def test_what_happens_is_told_in_order(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.complete(lease, values={"loss": 1})
    assert desk.events() == [
        ("study.created", None, "active"),
        ("trial.created", 0, "queued"),
        ("trial.state", 0, "running"),
        ("trial.state", 0, "completed"),
    ]


def saved(desk: Desk, attempt: int, step: int = 0) -> None:
    key = AttemptKey(1, 0, attempt)
    made = Checkpoint(key=key, step=step, uri="file:///c", sha256="0" * 64, size=1, committed_at=desk.time)
    desk.write(lambda tx: tx.checkpoints.add(made))


@pytest.mark.parametrize("ending", [{"outcome": "preempted"}, {"outcome": "failed", "failure": {"class": "preempted"}}])
def test_preemption_uses_up_an_attempt_unless_it_left_a_checkpoint(desk: Desk, ending: dict[str, object]) -> None:
    desk.study(retry={"max_attempts": 2})
    desk.enqueue()
    for attempt in range(1, 6):
        (lease,) = desk.ask()
        saved(desk, attempt, step=attempt)
        assert desk.complete(lease, **ending).state == "queued"
    for state in ("queued", "failed"):
        (lease,) = desk.ask()
        assert lease.resume_step == 5, "the checkpoint of an earlier attempt is no excuse"
        assert desk.complete(lease, **ending).state == state
    failure = desk.trial().failure
    assert failure is not None
    assert failure.failure_class == "preempted"


def test_a_lost_attempt_is_used_up_with_a_checkpoint_too(desk: Desk) -> None:
    desk.study(retry={"max_attempts": 1})
    desk.enqueue()
    desk.ask()
    saved(desk, 1)
    desk.later(seconds=61)
    assert desk.ask() == ()
    assert desk.trial().state == "failed"


def test_a_study_says_why_it_is_in_its_state(desk: Desk) -> None:
    def reason() -> str | None:
        return desk.read(lambda tx: tx.studies.get("s")).reason

    desk.study(objectives=[{"metric": "loss", "target": 0.1}], budget={"max_trials": 2})
    assert reason() is None
    for move, why in ((studies.pause, "paused by a user"), (studies.resume, None)):
        desk.write(lambda tx, move=move: move(tx, "s", None))  # type: ignore[misc]
        assert reason() == why
    desk.enqueue(2)
    first, second = desk.ask(2)
    desk.complete(first, values={"loss": 0.05})
    assert (desk.state(), reason()) == ("stopping", "the target is reached")
    desk.complete(second, outcome="failed")
    assert (desk.state(), reason()) == ("stopped", "the target is reached")
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert (desk.state(), reason()) == ("active", None)
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert (desk.state(), reason()) == ("stopped", "stopped by a user")
    desk.study("t", budget={"max_trials": 1})
    desk.enqueue(study="t")
    desk.complete(*desk.ask(study="t"), values={"loss": 1})
    assert desk.read(lambda tx: tx.studies.get("t")).reason == "all 1 trials have ended"
