"""What a study may spend, and how it comes to its end."""

import pytest

from service.domain.errors import BudgetSpent
from service.usecases import settling, studies, trials
from service.wire.study import StudyPatch
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk

ELSEWHERE = NewTrial.model_validate({"params": {"lr": 0.1}, "state": "completed", "values": {"loss": 1}})


def test_no_trial_too_many_is_added_and_none_from_elsewhere_is_counted(desk: Desk) -> None:
    desk.study(budget={"max_trials": 2})
    desk.write(lambda tx: trials.add(tx, "s", ELSEWHERE))
    desk.enqueue(2)
    with pytest.raises(BudgetSpent, match="all of its 2 trials"):
        desk.enqueue()
    desk.write(lambda tx: trials.add(tx, "s", ELSEWHERE))
    for lease in desk.ask(5):
        assert desk.state() == "active"
        desk.complete(lease, values={"loss": 1})
    assert desk.state() == "completed"


def test_a_larger_budget_lets_a_completed_study_go_on(desk: Desk) -> None:
    desk.study(budget={"max_trials": 1})
    desk.enqueue()
    desk.complete(*desk.ask(), values={"loss": 1})
    assert desk.state() == "completed"
    patch = StudyPatch.model_validate({"budget": {"max_trials": 2}})
    desk.write(lambda tx: studies.change(tx, "s", patch, None))
    desk.write(lambda tx: studies.resume(tx, "s", None))
    desk.enqueue()
    assert len(desk.ask()) == 1


def test_no_more_run_than_may_complete(desk: Desk) -> None:
    desk.study(budget={"max_completed": 3})
    desk.enqueue(10)
    first, second, third = desk.ask(10)
    assert desk.ask() == ()
    desk.complete(first, outcome="failed")
    (fourth,) = desk.ask()
    for lease in (second, third, fourth):
        desk.complete(lease, values={"loss": 1})
    assert desk.state() == "completed"
    assert desk.trial(9).state == "queued"


@pytest.mark.parametrize("running", [0, 1])
def test_the_wall_time_ends_a_study_when_nothing_runs(desk: Desk, running: int) -> None:
    desk.study(budget={"wall_time": "1h"})
    desk.enqueue(3)
    leases = desk.ask(running) if running else ()
    desk.later(minutes=61)
    for lease in leases:
        desk.report(lease, 0.5)
    assert desk.ask() == ()
    desk.write(lambda tx: settling.settle(tx, "s"))
    assert desk.state() == ("active" if running else "completed")
    for lease in leases:
        desk.complete(lease)
    assert desk.state() == "completed"


def test_gpu_hours_are_counted_over_all_attempts(desk: Desk) -> None:
    desk.study(budget={"gpu_hours": 1})
    desk.enqueue(3)
    for _ in range(2):
        assert desk.state() == "active"
        desk.complete(*desk.ask(), outcome="failed", usage={"gpu_seconds": 1800})
    assert desk.state() == "completed"


@pytest.mark.parametrize(("direction", "reaches"), [("minimize", 0.1), ("maximize", 0.3)])
def test_a_target_that_is_reached_ends_a_study(desk: Desk, direction: str, reaches: float) -> None:
    desk.study(objectives=[{"metric": "loss", "direction": direction, "target": 0.2}])
    desk.enqueue(4)
    first, second, third = desk.ask(3)
    desk.complete(first, values={"loss": 0.4 - reaches})
    assert desk.state() == "active"
    desk.complete(second, values={"loss": reaches})
    assert desk.state() == "stopping"
    desk.complete(third, values={"loss": 0.9})
    assert desk.state() == "stopped"


def test_cancelling_the_last_running_trial_stops_a_stopping_study(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    desk.ask()
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    desk.write(lambda tx: trials.cancel(tx, "s", 0))
    assert desk.state() == "stopped"


def test_an_ask_for_nothing_is_not_remembered(desk: Desk) -> None:
    desk.study()
    assert desk.ask(request_id="r") == ()
    desk.enqueue()
    assert len(desk.ask(request_id="r")) == 1
