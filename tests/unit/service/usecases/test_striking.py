"""The same crash at several points pauses a study."""

from typing import Any

import pytest

from service.usecases import studies, trials
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk


def fail(desk: Desk, lr: float, message: str = "KeyError: 'lr'", kind: str = "crash", **more: Any) -> str:
    """A trial at a point that fails; answers the study's state."""
    desk.write(lambda tx: trials.add(tx, "s", NewTrial(params={"lr": lr})))
    (lease,) = desk.ask()
    desk.complete(lease, outcome="failed", failure={"class": kind, "message": message, **more})
    return desk.state()


def reason(desk: Desk) -> str | None:
    return desk.read(lambda tx: tx.studies.get("s")).reason


@pytest.mark.parametrize("kind", ["crash", "user_error"])
def test_the_third_time_pauses_the_study_and_says_why(desk: Desk, kind: str) -> None:
    desk.study()
    assert fail(desk, 0.1, "bad shape (3, 4)", kind) == "active"
    assert fail(desk, 0.2, "something else", kind) == "active"
    assert fail(desk, 0.2, "bad shape (9, 12)", kind) == "active"
    assert fail(desk, 0.3, "bad shape (5, 6)", kind) == "paused"
    assert reason(desk) == (
        f"trials 0, 2 and 3 failed alike ({kind}: bad shape (5, 6)): fix the trainer, then basin study resume s"
    )
    told = desk.read(lambda tx: tx.events.list(0, "s", 1000))[-1]
    assert (told.type, told.data["state"], told.data["reason"]) == ("study.state", "paused", reason(desk))


def test_the_same_point_is_no_proof(desk: Desk) -> None:
    desk.study()
    for _ in range(5):
        assert fail(desk, 0.1) == "active"


@pytest.mark.parametrize("kind", ["oom", "nan", "timeout", "cancelled"])
def test_other_failures_are_the_points_own(desk: Desk, kind: str) -> None:
    desk.study()
    for lr in (0.1, 0.2, 0.3, 0.4):
        assert fail(desk, lr, kind=kind) == "active"


def test_infra_is_nobodys_fault(desk: Desk) -> None:
    desk.study(retry={"max_attempts": 1})
    for lr in (0.1, 0.2, 0.3, 0.4):
        assert fail(desk, lr, kind="infra") == "active"


def test_after_a_resume_it_takes_as_many_again(desk: Desk) -> None:
    desk.study(retry={"strikes": 2})
    assert fail(desk, 0.1) == "active"
    assert fail(desk, 0.2) == "paused"
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert reason(desk) is None
    assert fail(desk, 0.3) == "active"
    assert fail(desk, 0.4) == "paused"
    assert reason(desk) is not None
    assert "trials 2 and 3 " in str(reason(desk))


def test_it_can_be_switched_off(desk: Desk) -> None:
    desk.study(retry={"strikes": 0})
    for lr in (0.1, 0.2, 0.3, 0.4):
        assert fail(desk, lr) == "active"


def test_one_strike_is_possible_too(desk: Desk) -> None:
    desk.study(retry={"strikes": 1})
    assert fail(desk, 0.1, "", tail="Traceback\nValueError: no\n") == "paused"
    assert reason(desk) == "trial 0 failed (crash: ValueError: no): fix the trainer, then basin study resume s"


def test_running_trials_go_on_and_a_paused_study_is_left_as_it_is(desk: Desk) -> None:
    desk.study(retry={"strikes": 1})
    for lr in (0.1, 0.2, 0.3):
        new = NewTrial(params={"lr": lr})
        desk.write(lambda tx, new=new: trials.add(tx, "s", new))  # type: ignore[misc]
    first, second, third = desk.ask(3)
    desk.complete(first, outcome="failed", failure={"class": "crash", "message": "one"})
    before = reason(desk)
    desk.complete(second, outcome="failed", failure={"class": "crash", "message": "two"})
    assert (desk.state(), reason(desk)) == ("paused", before)
    assert desk.complete(third, values={"loss": 1}).state == "completed"


def test_a_trial_that_is_tried_again_counts_once_more_only_if_it_fails(desk: Desk) -> None:
    desk.study(retry={"strikes": 2, "max_attempts": 2})
    new = NewTrial(params={"lr": 0.1})
    desk.write(lambda tx: trials.add(tx, "s", new))
    for _ in range(2):
        (lease,) = desk.ask()
        desk.complete(lease, outcome="failed", failure={"class": "infra", "message": "KeyError: 'lr'"})
    assert fail(desk, 0.2) == "active"
