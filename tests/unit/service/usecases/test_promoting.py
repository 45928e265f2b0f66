"""Paused trials that go on: who queues them, what is written down, and how a study ends in which some still pause."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest

from service.domain.errors import WrongState
from service.domain.trial import AttemptKey, Checkpoint, Trial
from service.usecases import asking, studies, suggesting
from service.usecases.engine import (
    Basis,
    Curve,
    Exhausted,
    History,
    Latest,
    Promotion,
    Suggestion,
    Verdict,
    one_by_one,
)
from service.usecases.mirrors import Mirrors
from service.usecases.suggester import Suggester
from service.usecases.suggesting import Situation
from service.wire.lease import Ask, Lease
from tests.unit.service.usecases.conftest import TTL, Desk

T = TypeVar("T")
BASIS = Basis(rung=1, step=0, value=0.25, cut=0.5, rank=1, n=3)


class Promoting:
    """An engine that goes on with paused trials in a given order, and has only so many points for new ones."""

    name = "promoting"

    def __init__(self, *numbers: int, points: int = 10**6) -> None:
        self.left = list(numbers)
        self.points = points
        self.asked: list[int] = []
        self.used_up = asyncio.Event()
        """Set once it was asked in vain while nothing waited to be taken."""

    def suggest(self, history: History, number: int) -> Suggestion:
        if len(history.trials) >= self.points and number not in history.trials:
            if all(trial.state != "queued" for trial in history.trials.values()):
                self.used_up.set()
            raise Exhausted
        ended = sum(1 for trial in history.trials.values() if trial.finished)
        return Suggestion(params={"lr": 1 / (2 + ended)})

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        return one_by_one(self.suggest, history, number, count, lambda: False)

    def promote(self, history: History, number: int) -> Promotion | None:
        self.asked.append(number)
        paused = [one for one in self.left if one in history.trials and history.trials[one].state == "paused"]
        if not paused:
            return None
        self.left.remove(paused[0])
        return promotion(paused[0])

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        raise NotImplementedError


def promotion(number: int) -> Promotion:
    return Promotion(number=number, reason="it is good", basis=BASIS, system={"promoted": True})


async def at_once(work: Callable[[], T]) -> T:
    return work()


@contextmanager
def promoting(desk: Desk, engine: Promoting) -> Iterator[Suggester]:
    suggester = Suggester(desk.store, engine, Mirrors(1000), at_once, owner="me")
    yield suggester
    desk.run(suggester.close())


def ask(desk: Desk, suggester: Suggester, wait: float = 5) -> tuple[Lease, ...]:
    body = Ask(worker="another", wait_seconds=wait, resumes=True)
    leases: tuple[Lease, ...] = desk.run(asking.ask(desk.store, suggester, "s", body, ttl_seconds=TTL))
    return leases


def pause(desk: Desk, count: int = 1, steps: int = 3) -> None:
    """Have trials that have reported so many steps, kept a checkpoint at the last but one, and paused."""
    desk.enqueue(count)
    for lease in desk.ask(count):
        desk.report(lease, *[0.5] * steps)
        key = AttemptKey(1, lease.trial, lease.attempt)
        kept = Checkpoint(
            key=key, step=steps - 1, uri=f"file:///{lease.trial}", sha256="0" * 64, size=1, committed_at=desk.time
        )
        desk.write(partial(_keep, kept))
        assert desk.complete(lease, outcome="paused").state == "paused"


def _keep(kept: Checkpoint, tx: Any) -> None:
    tx.checkpoints.add(kept)


def until_over(desk: Desk, suggester: Suggester) -> None:
    """Ask until the study hands out no more; a test that asks in vain is ended by its time limit."""
    with suppress(WrongState):
        while True:
            assert ask(desk, suggester, wait=0.05) == ()


def seen(desk: Desk) -> Situation:
    return desk.read(partial(suggesting.situation, mirrors=Mirrors(1000), name="s"))


def reason(desk: Desk) -> str | None:
    return desk.read(lambda tx: tx.studies.get("s")).reason


def test_what_goes_on_is_queued_and_why_is_written_down(desk: Desk) -> None:
    desk.study(scheduler="asha")
    pause(desk, 2)
    situation = seen(desk)
    assert (situation.paused, situation.running, situation.waiting, situation.ended) == (2, 0, (), 0)
    assert desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(1)))
    assert (desk.trial(0).state, desk.trial(1).state) == ("paused", "queued")
    assert desk.trial(1).system == {"promoted": True}
    (decision,) = desk.read(lambda tx: tx.decisions.list(1, 1))
    assert (decision.key.attempt, decision.step, decision.act, decision.reason) == (2, 3, "promote", "it is good")
    assert decision.basis == {"rung": 1, "step": 0, "value": 0.25, "cut": 0.5, "rank": 1, "n": 3}
    assert desk.events()[-1] == ("trial.state", 1, "queued")
    (lease,) = desk.ask()
    assert (lease.trial, lease.attempt) == (1, 2)
    assert (lease.resume_step, lease.resume_checkpoint) == (2, "file:///1")


@pytest.mark.parametrize("state", ["queued", "running", "completed"])
def test_what_is_paused_no_more_is_left_alone(desk: Desk, state: str) -> None:
    desk.study(scheduler="asha")
    pause(desk)
    situation = seen(desk)
    assert desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))
    if state != "queued":
        (lease,) = desk.ask()
        if state == "completed":
            desk.complete(lease, values={"loss": 1})
    before = desk.trial()
    assert not desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))
    assert desk.trial() == before
    assert before.state == state
    assert len(desk.read(lambda tx: tx.decisions.list(1, 0))) == 1


def test_a_study_that_rests_goes_on_with_nobody(desk: Desk) -> None:
    desk.study(scheduler="asha")
    pause(desk)
    situation = seen(desk)
    desk.write(lambda tx: studies.pause(tx, "s", None))
    assert not desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))
    assert desk.trial().state == "paused"


def test_only_who_makes_the_suggestions_promotes(desk: Desk) -> None:
    study = desk.study(scheduler="asha")
    pause(desk)
    situation = seen(desk)
    assert desk.write(lambda tx: suggesting.take(tx, study, "somebody else"))
    assert not desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))
    desk.later(seconds=suggesting.LEASE_SECONDS + 1)
    assert desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))


def test_a_study_of_the_same_name_is_another_one(desk: Desk) -> None:
    desk.study(scheduler="asha")
    pause(desk)
    situation = seen(desk)
    other = replace(situation, history=replace(situation.history, study=replace(situation.study, id=2)))
    with pytest.raises(Exception, match="trial"):
        desk.write(lambda tx: suggesting.promote(tx, other, "me", promotion(0)))
    assert desk.trial().state == "paused"


def test_what_pauses_goes_on_before_a_new_one_begins(desk: Desk) -> None:
    desk.study(scheduler="asha")
    pause(desk, 3)
    with promoting(desk, Promoting(2, 0)) as suggester:
        leases = [ask(desk, suggester)[0] for _ in range(3)]
    assert {(lease.trial, lease.attempt, lease.resume_step) for lease in leases} == {(0, 2, 2), (2, 2, 2), (3, 1, None)}
    assert desk.trial(1).state == "paused"
    assert desk.trial(3).origin == "sampled"


def test_where_nothing_pauses_nobody_is_asked(desk: Desk) -> None:
    desk.study(scheduler="asha")
    engine = Promoting()
    with promoting(desk, engine) as suggester:
        assert len(ask(desk, suggester)) == 1
    assert engine.asked == []


def test_one_that_was_promoted_keeps_its_point_when_results_arrive(desk: Desk) -> None:
    desk.study(scheduler="asha")
    pause(desk)
    with promoting(desk, Promoting()) as suggester:
        (fresh,) = ask(desk, suggester)
        desk.run(_a_few_turns())
    situation = seen(desk)
    assert desk.write(lambda tx: suggesting.promote(tx, situation, "me", promotion(0)))
    desk.complete(fresh, values={"loss": 1})
    assert seen(desk).ended == 1
    waiting = seen(desk).waiting
    stale = tuple(trial for trial in waiting if suggesting.is_stale(trial, seen(desk).ended))
    assert [one.number for one in waiting] == [0, *(one.number for one in stale)]
    assert len(stale) >= 2, "suggestions that were made ahead are to be made anew"


def test_a_study_ends_when_no_more_may_be_added_and_nobody_is_to_go_on(desk: Desk) -> None:
    desk.study(scheduler="asha", budget={"max_trials": 3})
    pause(desk, 3)
    assert desk.state() == "active", "whoever promotes has yet to be asked"
    with promoting(desk, Promoting(1)) as suggester:
        (lease,) = ask(desk, suggester)
        assert lease.trial == 1
        assert ask(desk, suggester, wait=0.05) == ()
        assert desk.state() == "active", "one runs: when it pauses others may be worth going on with"
        desk.complete(lease, values={"loss": 1})
        until_over(desk, suggester)
    assert desk.state() == "completed"
    assert reason(desk) == "no more trials may be added, and none of the 2 that are paused is to go on"


def test_a_study_does_not_end_while_somebody_may_still_take_a_trial(desk: Desk) -> None:
    desk.study(scheduler="asha", budget={"max_trials": 3})
    pause(desk, 2)
    desk.enqueue()
    with promoting(desk, Promoting()) as suggester:
        desk.run(_a_few_turns(suggester))
        assert (desk.state(), desk.trial(2).state) == ("active", "queued")
        (lease,) = ask(desk, suggester)
        desk.complete(lease, outcome="failed")
        until_over(desk, suggester)
    assert desk.state() == "completed"


async def _a_few_turns(suggester: Suggester | None = None) -> None:
    """Let the suggester do all there is to do, whether or not anybody waits."""
    if suggester is not None:
        suggester.want("s")
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("scheduler", "state"), [("asha", "active"), ("auto", "active"), ("none", "stopping"), ("median", "stopping")]
)
def test_a_space_that_is_used_up_waits_for_those_that_may_pause(desk: Desk, scheduler: str, state: str) -> None:
    desk.study(scheduler=scheduler)
    engine = Promoting(0, points=1)
    with promoting(desk, engine) as suggester:
        (lease,) = ask(desk, suggester)
        desk.run(engine.used_up.wait())
        desk.run(_a_few_turns())
        assert desk.state() == state
        if state == "stopping":
            return
        desk.complete(lease, outcome="paused")
        (again,) = ask(desk, suggester)
        assert (again.trial, again.attempt) == (0, 2)
        desk.complete(again, values={"loss": 1})
        until_over(desk, suggester)
    assert (desk.state(), reason(desk)) == ("completed", "every point of the space has been tried")
