"""After a loss: when a trial goes on, and where."""

from typing import Any

import pytest

from service.usecases.watching import Watch
from service.wire.lease import Lease
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet

CRASH = {"class": "crash", "message": "killed", "signal": 11}


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    made = Fleet(desk)
    for number in (1, 2):
        made.join(number)
    return made


def study(fleet: Fleet, **retry: Any) -> None:
    fleet.desk.study(retry=retry)
    fleet.desk.enqueue()


def fail(fleet: Fleet, lease: Lease, **failure: Any) -> str:
    return fleet.desk.complete(lease, outcome="failed", failure=failure).state


def waits(fleet: Fleet) -> float:
    """For how long the trial waits yet."""
    due = fleet.desk.trial().not_before
    return 0.0 if due is None else (due - fleet.desk.time).total_seconds()


def test_it_waits_twice_as_long_after_each_loss(fleet: Fleet) -> None:
    study(fleet, backoff=2, max_attempts=5, avoid_node=False)
    for wait in (2.0, 4.0, 8.0, 16.0):
        (lease,) = fleet.leases()
        assert fail(fleet, lease, **{"class": "infra"}) == "queued"
        assert waits(fleet) == wait
        fleet.desk.later(seconds=wait - 0.01)
        assert fleet.leases() == ()
        assert fleet.desk.ask() == ()
        fleet.desk.later(seconds=0.01)
    (lease,) = fleet.leases()
    assert fleet.desk.trial().not_before is None, "once it runs, it waits no more"
    assert fail(fleet, lease, **{"class": "infra"}) == "failed"


def test_it_never_waits_longer_than_an_hour(fleet: Fleet) -> None:
    study(fleet, backoff=3000, max_attempts=9, avoid_node=False)
    for wait in (3000.0, 3600.0, 3600.0):
        (lease,) = fleet.desk.ask()
        fail(fleet, lease, **{"class": "infra"})
        assert waits(fleet) == wait
        fleet.desk.later(seconds=wait)


def test_a_lost_lease_is_a_loss_also_for_those_who_never_introduced_themselves(desk: Desk) -> None:
    fleet = Fleet(desk)
    study(fleet, backoff=2)
    desk.ask()
    desk.later(seconds=TTL + 1)
    desk.run(Watch().look(desk.store))
    assert (waits(fleet), desk.trial().avoid) == (2.0, None)


def test_preempted_with_a_checkpoint_it_goes_on_at_once_and_uses_up_nothing(fleet: Fleet) -> None:
    from service.usecases import checkpointing
    from service.wire.lease import NewCheckpoint

    study(fleet, backoff=60, max_attempts=2)
    for _ in range(5):
        (lease,) = fleet.leases()
        begin = (lease.resume_step or 0) + 1
        fleet.desk.report(lease, 0.5, step=begin)
        body = NewCheckpoint(token=lease.token, uri=f"file:///{begin}", sha256="0" * 64, size=1)
        where = ("s", 0, lease.attempt, begin)
        fleet.desk.write(lambda tx: checkpointing.commit(tx, *where, body, ttl_seconds=TTL))  # noqa: B023
        assert fleet.desk.complete(lease, outcome="preempted").state == "queued"
        assert waits(fleet) == 0
    (lease,) = fleet.leases()
    assert (lease.resume_step, lease.resume_attempt, lease.resume_sha256, lease.resume_size) == (5, 5, "0" * 64, 1)
    assert lease.resume_checkpoint == "file:///5"
    fleet.desk.complete(lease, outcome="preempted")
    assert waits(fleet) == 60, "without one it is a loss"


@pytest.mark.parametrize("failure", [{"class": "infra"}, {"class": "timeout"}, CRASH])
def test_after_a_fault_of_the_node_it_goes_to_another_one(fleet: Fleet, failure: Any) -> None:
    study(fleet, backoff=0)
    (lease,) = fleet.leases(1)
    assert fail(fleet, lease, **failure) == "queued"
    assert fleet.leases(1) == ()
    assert len(fleet.leases(2)) == 1


def test_a_lost_lease_is_a_fault_of_the_node(fleet: Fleet) -> None:
    study(fleet, backoff=0)
    fleet.leases(1)
    fleet.desk.later(seconds=TTL + 1)
    fleet.beat(1)
    fleet.beat(2)
    fleet.desk.run(Watch().look(fleet.desk.store))
    assert fleet.leases(1) == ()
    assert len(fleet.leases(2)) == 1


@pytest.mark.parametrize("failure", [{"class": "crash"}, {"class": "user_error"}, {"class": "oom"}, {"class": "nan"}])
def test_what_the_point_did_is_final(fleet: Fleet, failure: Any) -> None:
    study(fleet, backoff=0)
    (lease,) = fleet.leases(1)
    assert fail(fleet, lease, **failure) in {"failed", "infeasible"}


@pytest.mark.parametrize("failure", [{"class": "timeout"}, CRASH])
def test_what_fails_on_each_node_is_final(fleet: Fleet, failure: Any) -> None:
    study(fleet, backoff=0, max_attempts=9)
    (lease,) = fleet.leases(1)
    assert fail(fleet, lease, **failure) == "queued"
    (lease,) = fleet.leases(2)
    assert fail(fleet, lease, **failure) == "failed"


@pytest.mark.parametrize("failure", [{"class": "timeout"}, CRASH])
def test_where_there_is_no_other_node_a_timeout_is_final(fleet: Fleet, failure: Any) -> None:
    study(fleet, backoff=0)
    fleet.beat(2, leaving=True)
    (lease,) = fleet.leases(1)
    assert fail(fleet, lease, **failure) == "failed"


def test_who_never_introduced_himself_is_no_node(fleet: Fleet) -> None:
    study(fleet, backoff=0)
    (lease,) = fleet.desk.ask()
    assert fail(fleet, lease, **{"class": "timeout"}) == "failed"


@pytest.mark.parametrize("gone", ["left", "silent", "draining", "another trainer", "of the same node"])
def test_it_goes_to_the_same_node_where_no_other_can_serve_it(fleet: Fleet, gone: str) -> None:
    fleet.desk.study(retry={"backoff": 0}, trainer={"name": "cnn"})
    fleet.desk.enqueue()
    (lease,) = fleet.leases(1)
    fail(fleet, lease, **{"class": "infra"})
    assert fleet.leases(1) == ()
    match gone:
        case "left":
            fleet.beat(2, leaving=True)
        case "silent":
            fleet.desk.later(seconds=TTL / 2)
            fleet.beat(1)
            fleet.desk.later(seconds=TTL / 2)
        case "draining":
            fleet.drain(2)
        case "another trainer":
            fleet.join(2, trainers=["gan"])
        case _:
            fleet.join(2, name="node-1")
    assert len(fleet.leases(1)) == 1


def test_it_does_not_wait_for_ever_for_a_node_that_is_busy(fleet: Fleet) -> None:
    study(fleet, backoff=0)
    (lease,) = fleet.leases(1)
    fail(fleet, lease, **{"class": "infra"})
    for _ in range(6):
        assert fleet.leases(1) == ()
        fleet.desk.later(seconds=20)
        fleet.beat(1)
        fleet.beat(2)
    assert len(fleet.leases(1)) == 1


def test_a_study_may_want_no_node_avoided(fleet: Fleet) -> None:
    study(fleet, backoff=0, avoid_node=False)
    (lease,) = fleet.leases(1)
    fail(fleet, lease, **{"class": "infra"})
    assert len(fleet.leases(1)) == 1
    study_two = {"backoff": 0, "avoid_node": False}
    fleet.desk.study("t", retry=study_two)
    fleet.desk.enqueue(study="t")
    (lease,) = fleet.leases(1)
    assert fail(fleet, lease, **{"class": "timeout"}) == "failed"


def test_the_event_says_for_how_long(fleet: Fleet) -> None:
    study(fleet, backoff=2)
    (lease,) = fleet.leases(1)
    fail(fleet, lease, **{"class": "infra"})
    told = [one.data for one in fleet.desk.read(lambda tx: tx.events.list(0, "s", 100)) if "wait_seconds" in one.data]
    assert told == [{"state": "queued", "wait_seconds": 2.0, "avoid": "node-1", "avoid_seconds": 122.0}]
