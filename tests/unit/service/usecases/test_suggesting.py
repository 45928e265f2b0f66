"""What is queued, and what is made anew, only if all is as it was seen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from service.domain.trial import Trial
from service.usecases import studies, suggesting, trials
from service.usecases.engine import Suggestion
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.suggesting import Situation
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk


def see(tx: Transaction) -> Situation:
    return suggesting.situation(tx, Mirrors(1000), "s")


def put(tx: Transaction, seen: Situation, *rates: float) -> Sequence[Trial]:
    return suggesting.put(tx, seen, [Suggestion(params={"lr": lr}) for lr in rates or (0.1,)], "engine")


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: studies.pause(tx, "s", None),
        lambda tx: trials.add(tx, "s", NewTrial(params={"lr": 0.2})),
        lambda tx: tx.studies.save(replace(tx.studies.get("s"), revision=2)),
        lambda tx: tx.studies.delete(tx.studies.get("s")),
    ],
)
def test_nothing_is_queued_in_a_study_that_is_no_more_as_it_was_seen(
    desk: Desk, change: Callable[[Transaction], Any]
) -> None:
    desk.study()
    seen = desk.read(see)
    desk.write(change)
    assert not desk.write(partial(put, seen=seen))


@pytest.mark.parametrize(("state", "most"), [("paused", 9), ("active", 1)])
def test_nothing_is_queued_where_nothing_may_be_added(desk: Desk, state: str, most: int) -> None:
    desk.study(budget={"max_trials": most})
    desk.enqueue(1)
    if state == "paused":
        desk.write(lambda tx: studies.pause(tx, "s", None))
    assert not desk.write(partial(put, seen=desk.read(see)))


def test_several_are_queued_as_far_as_they_may_be_added(desk: Desk) -> None:
    desk.study(budget={"max_trials": 3})
    desk.enqueue(1)
    seen = desk.read(see)
    found = desk.write(lambda tx: put(tx, seen, 0.1, 0.2, 0.3))
    assert [(trial.number, trial.params["lr"]) for trial in found] == [(1, 0.1), (2, 0.2)]
    assert {trial.suggestion["ended"] for trial in found if trial.suggestion} == {0}


def test_a_suggestion_is_made_anew_only_while_it_is_as_it_was_seen(desk: Desk) -> None:
    desk.study()
    assert desk.write(partial(put, seen=desk.read(see)))
    seen = desk.read(see)

    def renew(tx: Transaction, lr: float) -> bool:
        return suggesting.renew(tx, seen, Suggestion(params={"lr": lr}), {"ended": 1})

    assert desk.write(partial(renew, lr=0.2))
    assert not desk.write(partial(renew, lr=0.3))
    assert desk.trial(0).params == {"lr": 0.2}
    seen = desk.read(see)
    desk.ask()
    assert not desk.write(partial(renew, lr=0.4))
    assert desk.trial(0).params == {"lr": 0.2}
