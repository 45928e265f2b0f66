"""Trials that came to nothing, and are tried once more under their numbers."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from service.domain import health
from service.domain.errors import TrialNotFound, WrongState
from service.domain.trial import Trial
from service.usecases import checkpointing, retrying, studies, trials
from service.usecases.finishing import starting
from service.wire.finish import FinishStudy
from service.wire.lease import Lease, NewCheckpoint
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import TTL, Desk

_POINT = {"step": 1, "metrics": {"loss": 1.0}}
CRASH = {"outcome": "failed", "failure": {"class": "crash", "message": "boom"}}
OOM = {"outcome": "failed", "failure": {"class": "oom"}}


def failed(desk: Desk, **how: Any) -> Lease:
    """A trial of the study that has failed after two points."""
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5, 0.4)
    desk.complete(lease, **(how or CRASH))
    return lease


def retry(desk: Desk, *numbers: int) -> None:
    desk.write(lambda tx: retrying.retry(tx, "s", numbers))


def refused(desk: Desk, *numbers: int) -> str:
    with pytest.raises(WrongState) as refusal:
        retry(desk, *numbers)
    return refusal.value.message


@pytest.mark.parametrize(("how", "state"), [(CRASH, "failed"), (OOM, "infeasible")])
def test_a_retried_trial_is_the_same_one_with_another_attempt(desk: Desk, how: dict[str, Any], state: str) -> None:
    desk.study()
    first = failed(desk, **how)
    assert desk.trial().state == state
    retry(desk, 0)
    again = desk.trial()
    assert (again.state, again.failure, again.values, again.finished_at) == ("queued", None, None, None)
    assert desk.events()[-1] == ("trial.state", 0, "queued")
    (lease,) = desk.ask()
    assert (lease.trial, lease.attempt, lease.params, lease.seed) == (0, 2, first.params, first.seed)
    desk.report(lease, 0.3)
    desk.complete(lease)
    assert (desk.trial().state, desk.trial().values) == ("completed", {"loss": 0.3})


def test_it_goes_on_from_its_newest_checkpoint(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5, 0.4)
    body = NewCheckpoint(token=lease.token, uri="file:///kept", sha256="0" * 64, size=1)
    desk.write(lambda tx: checkpointing.commit(tx, "s", 0, 1, 2, body, ttl_seconds=TTL))
    desk.complete(lease, **CRASH)
    retry(desk, 0)
    (again,) = desk.ask()
    assert (again.resume_step, again.resume_checkpoint) == (2, "file:///kept")


def test_what_a_failed_attempt_said_of_stability_is_forgotten(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.write(lambda tx: tx.trials.save(_with_memory(tx.trials.lock(tx.studies.get("s").id, 0))))
    desk.complete(lease, **CRASH)
    retry(desk, 0)
    assert dict(desk.trial().system) == {"kept": 1}


def _with_memory(trial: Trial) -> Trial:
    return replace(trial, system={health.VIOLATION: 2.0, "kept": 1})


def test_all_of_them_or_none(desk: Desk) -> None:
    desk.study()
    failed(desk)
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5)
    desk.complete(lease)
    failed(desk)
    why = refused(desk, 2, 1, 0)
    assert why == (
        "trial 1 is completed, not failed, infeasible or cancelled: enqueue its parameters instead. "
        "No trial was queued again"
    )
    assert [desk.trial(number).state for number in (0, 2)] == ["failed", "failed"]
    with pytest.raises(TrialNotFound):
        retry(desk, 0, 7)
    retry(desk, 2, 0, 2)
    assert [desk.trial(number).state for number in (0, 2)] == ["queued", "queued"]
    # Sent again, because the answer was lost: nothing changes, also not for what runs by now.
    desk.ask()
    before = desk.events()
    retry(desk, 2, 0)
    assert desk.events() == before


def test_many_refusals_are_not_told_one_by_one(desk: Desk) -> None:
    desk.study()
    for _ in range(7):
        desk.write(partial(trials.add, study="s", new=_done()))
    why = refused(desk, *range(7))
    assert (why.count("is completed"), "; and 2 more. No trial" in why) == (5, True)


def _done() -> NewTrial:
    return NewTrial(params={"lr": 0.1}, state="completed", values={"loss": 1.0})


def test_what_is_not_to_be_retried(desk: Desk) -> None:
    desk.study()
    # It ran elsewhere.
    elsewhere = NewTrial.model_validate({"params": {"lr": 0.1}, "state": "failed", "points": [_POINT]})
    desk.write(lambda tx: trials.add(tx, "s", elsewhere))
    assert "trial 0 ran elsewhere: there is nothing to go on with" in refused(desk, 0)
    # It was cancelled before it ever ran.
    desk.enqueue()
    desk.write(lambda tx: trials.cancel(tx, "s", 1))
    assert "trial 1 never ran" in refused(desk, 1)
    # It was cancelled, and runs still: two attempts at once would be one too many.
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5)
    desk.write(lambda tx: trials.cancel(tx, "s", 2))
    assert "its worker has not let go of it yet: try again in a moment" in refused(desk, 2)
    desk.complete(lease, outcome="failed", failure={"class": "cancelled"})
    retry(desk, 2)
    assert desk.trial(2).state == "queued"


def test_a_run_of_a_finish_is_not_retried(desk: Desk) -> None:
    desk.study(budget={"max_trials": 1})
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5)
    desk.complete(lease)
    desk.write(lambda tx: starting.start(tx, "s", FinishStudy(top=1, seeds=2)))
    (run,) = desk.ask()
    desk.complete(run, **CRASH)
    assert f"trial {run.trial} is no part of the search (confirm)" in refused(desk, run.trial)


def test_a_study_whose_trials_have_all_ended_is_active_until_the_retried_have(desk: Desk) -> None:
    desk.study(budget={"max_trials": 2})
    for _ in range(2):
        failed(desk)
    assert desk.state() == "completed"
    retry(desk, 0, 1)
    assert desk.state() == "active"
    for _ in range(2):
        (lease,) = desk.ask()
        desk.report(lease, 0.3)
        desk.complete(lease)
    assert desk.state() == "completed"
    assert [desk.trial(number).state for number in (0, 1)] == ["completed", "completed"]


def test_a_study_that_hands_out_nothing_says_what_to_do(desk: Desk) -> None:
    desk.study()
    failed(desk)
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert refused(desk, 0) == "study 's' is stopped and hands out no trials: resume it first"
    desk.write(lambda tx: studies.archive(tx, "s", archived=True, revision=None))
    assert refused(desk, 0) == "study 's' is archived: unarchive it first"
    desk.write(lambda tx: studies.archive(tx, "s", archived=False, revision=None))
    desk.write(lambda tx: studies.resume(tx, "s", None))
    desk.write(lambda tx: studies.pause(tx, "s", None))
    retry(desk, 0)
    assert (desk.state(), desk.trial().state) == ("paused", "queued")


def test_a_spent_budget_is_raised_first(desk: Desk) -> None:
    desk.study(budget={"wall_time": 60})
    failed(desk)
    desk.later(seconds=61)
    assert refused(desk, 0) == "study 's' has spent its budget (its wall time is over): raise that first"


def test_a_trial_that_was_lost_too_often_has_one_attempt_more(desk: Desk) -> None:
    desk.study(retry={"max_attempts": 1})
    desk.enqueue()
    desk.ask()
    desk.later(seconds=TTL + 1)
    desk.ask()
    assert desk.trial().state == "failed"
    retry(desk, 0)
    (lease,) = desk.ask()
    assert lease.attempt == 2
    desk.later(seconds=TTL + 1)
    desk.ask()
    assert desk.trial().state == "failed"
