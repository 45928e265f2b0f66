"""A study ends that has stopped getting better."""

import pytest

from service.usecases import studies, trials
from service.wire.study import StudyPatch
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk


def run(desk: Desk, *losses: float) -> str:
    """Let trials complete one after another; answers the study's state."""
    for loss in losses:
        desk.enqueue()
        desk.complete(*desk.ask(), values={"loss": loss})
    return desk.state()


def reason(desk: Desk) -> str | None:
    return desk.read(lambda tx: tx.studies.get("s")).reason


def elsewhere(desk: Desk, loss: float) -> None:
    new = NewTrial.model_validate({"params": {"lr": 0.1}, "state": "completed", "values": {"loss": loss}})
    desk.write(lambda tx: trials.add(tx, "s", new))


def test_a_study_ends_after_so_many_trials_without_a_gain(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 3, "min_gain": 0.1}})
    assert run(desk, 0.9, 0.85, 0.7, 0.65, 0.61) == "active"
    assert run(desk, 0.605) == "completed"
    assert reason(desk) == "no gain of more than 0.1 in the last 3 completed trials"
    told = desk.read(lambda tx: tx.events.list(0, "s", 1000))[-1]
    assert (told.type, told.data["state"], told.data["reason"]) == ("study.state", "completed", reason(desk))


def test_running_trials_finish_first(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 1}})
    desk.enqueue(4)
    first, second, third = desk.ask(3)
    desk.complete(first, values={"loss": 0.5})
    desk.complete(second, values={"loss": 0.5})
    assert (desk.state(), reason(desk)) == ("stopping", "no gain in the last 1 completed trials")
    desk.complete(third, values={"loss": 0.1})
    assert (desk.state(), reason(desk)) == ("stopped", "no gain in the last 1 completed trials")
    assert desk.trial(3).state == "queued"


def test_only_completed_trials_are_counted(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 2}})
    run(desk, 0.5, 0.6)
    desk.enqueue(3)
    for lease, outcome in zip(desk.ask(3), ("pruned", "failed", "paused"), strict=True):
        desk.complete(lease, outcome=outcome)
    assert desk.state() == "active"
    assert run(desk, 0.7) == "completed"


def test_trials_from_elsewhere_set_the_mark(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 2}})
    elsewhere(desk, 0.4)
    assert run(desk, 0.5) == "active"
    for _ in range(5):
        elsewhere(desk, 0.9)
    assert desk.state() == "active"
    assert run(desk, 0.45) == "completed"


def test_a_resumed_study_counts_anew_from_the_same_mark(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 2}})
    assert run(desk, 0.3, 0.6, 0.6) == "completed"
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert reason(desk) is None
    assert run(desk, 0.5) == "active", "better than the last ones, not than the best"
    assert run(desk, 0.5) == "completed"


def test_a_rule_that_comes_later_counts_what_there_is(desk: Desk) -> None:
    desk.study()
    assert run(desk, 0.3, 0.6, 0.6) == "active"
    patch = StudyPatch.model_validate({"budget": {"no_gain": {"trials": 3}}})
    desk.write(lambda tx: studies.change(tx, "s", patch, None))
    assert run(desk, 0.6) == "completed"


@pytest.mark.parametrize(("min_gain", "state"), [(0.05, "completed"), (0.001, "active")])
def test_another_least_gain_is_counted_from_the_beginning(desk: Desk, min_gain: float, state: str) -> None:
    desk.study(budget={"no_gain": {"trials": 9, "min_gain": 0.5}})
    run(desk, 0.5, 0.495, 0.49, 0.485)
    patch = StudyPatch.model_validate({"budget": {"no_gain": {"trials": 2, "min_gain": min_gain}}})
    desk.write(lambda tx: studies.change(tx, "s", patch, None))
    assert run(desk, 0.48) == ("active" if min_gain < 0.005 else "completed") == state


def test_several_objectives(desk: Desk) -> None:
    desk.study(
        objectives=[{"metric": "loss"}, {"metric": "acc", "direction": "maximize"}],
        budget={"no_gain": {"trials": 2}},
    )
    for loss, acc, state in [(1, 0.5, "active"), (2, 0.6, "active"), (2, 0.6, "active"), (3, 0.1, "completed")]:
        desk.enqueue()
        desk.complete(*desk.ask(), values={"loss": loss, "acc": acc})
        assert desk.state() == state


def test_a_paused_study_ends_too(desk: Desk) -> None:
    desk.study(budget={"no_gain": {"trials": 1}})
    desk.enqueue(2)
    for lease in desk.ask(2):
        desk.write(lambda tx: studies.pause(tx, "s", None))
        desk.complete(lease, values={"loss": 0.5})
    assert desk.state() == "completed"
