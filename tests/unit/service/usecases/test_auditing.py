"""What the server signs by itself, whose attempts are whose, and how long all of it is kept."""

from datetime import timedelta
from functools import partial

import pytest

from service.domain.actor import LOCAL, NETWORK, SYSTEM, Actor
from service.domain.audit import AuditQuery, Entry
from service.domain.errors import NotYourAttempt, TokenNotFound
from service.domain.token import written
from service.usecases import auditing, completing, leasing, studies, tokens, trials
from service.usecases.reporting import ReportItem, report_together
from service.usecases.upkeep import Upkeep
from service.wire.lease import Ask, Complete, Report
from service.wire.token import RESERVED, NewToken
from service.wire.trial import NewPoint, NewTrial
from tests.unit.service.usecases.conftest import TTL, Desk

ONE = Actor("gpu-1", "worker", "000000000001")
TWO = Actor("gpu-2", "worker", "000000000002")


def entries(desk: Desk) -> list[Entry]:
    return list(desk.read(lambda tx: tx.audit.list(AuditQuery())).items)


def test_those_without_a_token_have_names_that_no_token_can_have() -> None:
    assert {actor.name for actor in (LOCAL, NETWORK, SYSTEM)} == set(RESERVED)


def test_what_a_user_asks_for_is_not_signed_by_the_server(desk: Desk) -> None:
    desk.study()
    desk.write(lambda tx: studies.pause(tx, "s", None))
    desk.write(lambda tx: studies.resume(tx, "s", None))
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert entries(desk) == []


def test_a_study_that_crashes_again_and_again_is_paused_by_the_server(desk: Desk) -> None:
    desk.study(retry={"strikes": 2})
    for lr in (0.1, 0.2):
        desk.write(partial(trials.add, study="s", new=NewTrial(params={"lr": lr})))
        (lease,) = desk.ask()
        desk.complete(lease, outcome="failed", failure={"class": "crash", "message": "KeyError"})
    (entry,) = entries(desk)
    assert (entry.actor, entry.token, entry.role) == ("system", None, None)
    assert (entry.operation, entry.object, entry.detail["state"]) == ("move_study", "studies/s", "paused")
    assert "failed alike" in entry.detail["reason"]


def test_a_stopping_study_is_stopped_by_the_server_once(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert entries(desk) == []
    desk.complete(lease, values={"loss": 0.5})
    assert [entry.detail["state"] for entry in entries(desk)] == ["stopped"]


def test_each_of_a_batch_is_held_to_its_own_attempts(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    first = desk.write(lambda tx: leasing.ask(tx, "s", Ask(worker="a"), ttl_seconds=TTL, actor=ONE))[0]
    second = desk.write(lambda tx: leasing.ask(tx, "s", Ask(worker="b"), ttl_seconds=TTL, actor=TWO))[0]

    def item(trial: int, token: int, actor: Actor) -> ReportItem:
        report = Report(token=token, first_seq=1, points=(NewPoint(step=1, metrics={"loss": 1.0}),))
        return ReportItem("s", trial, 1, report, TTL, actor)

    batch = [item(first.trial, first.token, ONE), item(second.trial, second.token, ONE)]
    good, bad = desk.write(lambda tx: report_together(tx, batch))
    assert not isinstance(good, BaseException)
    assert isinstance(bad, NotYourAttempt)
    assert len(desk.read(lambda tx: tx.points.list(1, second.trial, (0, 0), 9))) == 0
    body = Complete(token=first.token, outcome="completed", values={"loss": 1.0})
    with pytest.raises(NotYourAttempt):
        desk.write(lambda tx: completing.complete(tx, "s", first.trial, 1, body, TWO))
    assert desk.trial(first.trial).state == "running"


def test_a_trial_that_goes_to_another_holder_is_no_longer_the_first_ones(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    desk.write(lambda tx: leasing.ask(tx, "s", Ask(worker="a"), ttl_seconds=TTL, actor=ONE))
    desk.later(seconds=TTL + 1)
    (again,) = desk.write(lambda tx: leasing.ask(tx, "s", Ask(worker="b"), ttl_seconds=TTL, actor=TWO))
    assert (again.trial, again.attempt) == (0, 2)
    attempts = desk.read(lambda tx: tx.attempts.list(1, 0))
    assert [one.holder for one in attempts] == [ONE.token, TWO.token]


def test_upkeep_forgets_the_log_and_what_ended_as_long_ago(desk: Desk) -> None:
    for number in (1, 2):
        token_id, new = f"{number:012x}", NewToken(name="anna", role="viewer")
        secret = written(token_id, bytes(32))
        desk.write(partial(tokens.create, new=new, token_id=token_id, secret=secret, by=LOCAL))
    desk.write(lambda tx: tokens.log_in(tx, tx.tokens.get(f"{1:012x}"), "session"))
    desk.write(lambda tx: tokens.revoke(tx, f"{2:012x}"))
    desk.write(lambda tx: auditing.sign(tx, LOCAL, "create_token", "tokens/x"))
    upkeep = Upkeep(event_days=1, request_hours=1, audit_days=100)
    desk.later(days=100)
    desk.run(upkeep.tidy(desk.store))
    assert len(entries(desk)) == 1
    assert desk.read(lambda tx: tx.sessions.list()) == (), "sessions end after a month"
    assert desk.read(lambda tx: tx.tokens.get(f"{2:012x}")).revoked_at == desk.time - timedelta(days=100)
    desk.later(seconds=1)
    desk.run(upkeep.tidy(desk.store))
    assert entries(desk) == []
    with pytest.raises(TokenNotFound):
        desk.read(lambda tx: tx.tokens.get(f"{2:012x}"))
    assert desk.read(lambda tx: tx.tokens.get(f"{1:012x}")).revoked_at is None
