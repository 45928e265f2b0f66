"""The tables of states: every pair, and what every failure leads to."""

from itertools import product
from typing import Any, get_args

import pytest

from service.domain import states
from service.domain.errors import WrongState
from service.wire.study import StudyState
from service.wire.trial import AttemptState, FailureClass, TrialState

STUDY = {
    ("active", "paused"),
    ("active", "stopping"),
    ("active", "stopped"),
    ("active", "completed"),
    ("paused", "active"),
    ("paused", "stopping"),
    ("paused", "stopped"),
    ("paused", "completed"),
    ("stopping", "stopped"),
    ("stopping", "active"),
    ("stopped", "active"),
    ("completed", "active"),
}
TRIAL = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "paused"),
    ("running", "completed"),
    ("running", "pruned"),
    ("running", "failed"),
    ("running", "infeasible"),
    ("running", "cancelled"),
    ("paused", "queued"),
    ("paused", "pruned"),
    ("paused", "cancelled"),
    ("failed", "queued"),
    ("infeasible", "queued"),
    ("cancelled", "queued"),
}
ENDS = ("completed", "pruned", "paused", "preempted", "failed", "lost")
# One that was lost is heard of again, before its trial was granted to another.
HEARD_OF = {("lost", "leased"), ("lost", "running")}
ATTEMPT = {("leased", "running"), *product(("leased", "running"), ENDS), *HEARD_OF}


@pytest.mark.parametrize(
    ("what", "kind", "move", "allowed"),
    [
        ("study", StudyState, states.move_study, STUDY),
        ("trial", TrialState, states.move_trial, TRIAL),
        ("attempt", AttemptState, states.move_attempt, ATTEMPT),
    ],
)
def test_every_pair(what: str, kind: Any, move: Any, allowed: set[tuple[str, str]]) -> None:
    names = get_args(kind)
    for now, to in product(names, names):
        if (now, to) in allowed:
            assert move(now, to) == to
            continue
        with pytest.raises(WrongState) as caught:
            move(now, to)
        assert caught.value.message.startswith(f"the {what} is {now} and cannot become {to}: ")


def test_what_is_said_of_a_move_that_cannot_be() -> None:
    with pytest.raises(WrongState) as caught:
        states.move_study("stopping", "paused")
    assert str(caught.value) == "the study is stopping and cannot become paused: it can only become active, stopped"
    with pytest.raises(WrongState) as caught:
        states.move_trial("completed", "queued")
    assert str(caught.value) == "the trial is completed and cannot become queued: that is final"


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (states.STUDY, StudyState),
        (states.TRIAL, TrialState),
        (states.ATTEMPT, AttemptState),
        (states.AFTER_FAILURE, FailureClass),
    ],
)
def test_every_state_has_its_row(table: Any, kind: Any) -> None:
    assert set(table) == set(get_args(kind))


def test_nothing_stays_where_it_is_by_a_move() -> None:
    tables: tuple[Any, ...] = (states.STUDY, states.TRIAL, states.ATTEMPT)
    for table in tables:
        assert not any(now in ways for now, ways in table.items())


def test_what_a_failure_makes_of_a_running_trial_can_be() -> None:
    assert set(states.AFTER_FAILURE.values()) <= states.TRIAL["running"]


def test_finished_trials_run_again_only_through_the_queue() -> None:
    assert set(get_args(TrialState)) - states.FINISHED == {"queued", "running", "paused"}
    assert all(states.TRIAL[state] <= {"queued"} for state in states.FINISHED)


def test_attempts_that_are_not_live_have_ended_for_good_unless_they_were_only_lost() -> None:
    assert set(get_args(AttemptState)) - states.LIVE == set(ENDS)
    assert [state for state, ways in states.ATTEMPT.items() if ways and state not in states.LIVE] == ["lost"]
