"""Workers: introduced, replaced, drained, forgotten."""

from datetime import timedelta

import pytest

from service.domain.errors import ProtocolUnsupported, WorkerNotFound, WorkerTaken, WrongState
from service.usecases import trials, workers
from tests.conformance.samples import worker_id
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet, instance


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    desk.study()
    return Fleet(desk)


def test_the_same_worker_again_changes_nothing(fleet: Fleet) -> None:
    first = fleet.join()
    assert fleet.join() == first
    assert (fleet.state(), fleet.told()) == ("online", [("online", "node-1")])


def test_a_second_live_instance_is_refused(fleet: Fleet) -> None:
    fleet.join()
    for replaces in (None, instance(3)):
        with pytest.raises(WorkerTaken, match="runs as another instance"):
            fleet.join(instance=instance(2), replaces=replaces)
    fleet.desk.later(seconds=TTL)
    assert fleet.join(instance=instance(2)).instance == instance(2), "the other one has been silent too long"


def test_what_a_replaced_instance_held_is_lost_at_once_and_the_rest_of_its_row_stays(fleet: Fleet) -> None:
    born = fleet.join().first_seen_at
    fleet.desk.enqueue(2)
    held = fleet.leases(max_trials=2)
    assert len(held) == 2
    fleet.drain(reason="maintenance")
    fleet.desk.later(seconds=1)
    new = fleet.join(instance=instance(2), replaces=instance(1), slots=9)
    assert (new.slots, new.first_seen_at, new.drain, new.reason) == (9, born, "finish", "maintenance")
    assert [fleet.desk.trial(number).state for number in (0, 1)] == ["queued", "queued"]
    (attempt,) = fleet.attempts()
    assert attempt.failure is not None
    assert (attempt.state, attempt.failure.message) == ("lost", "the worker was started anew")
    with pytest.raises(WorkerTaken):
        fleet.beat(1, *held)
    assert fleet.told() == [("online", "node-1"), ("draining", "node-1")], "it was online all the time"


def test_what_a_silent_instance_held_waits_for_its_time(fleet: Fleet) -> None:
    """Nobody said that it is gone: only its lease will tell."""
    fleet.join()
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    fleet.desk.later(seconds=TTL - 1)
    fleet.desk.report(lease, 0.5)
    fleet.desk.later(seconds=2)
    fleet.join(instance=instance(2))
    assert fleet.desk.trial().state == "running"


@pytest.mark.parametrize(("protocol", "side"), [(2, "upgrade the server"), (2**30, "upgrade the server")])
def test_a_protocol_that_is_too_new(fleet: Fleet, protocol: int, side: str) -> None:
    with pytest.raises(ProtocolUnsupported, match=side):
        fleet.join(protocol=protocol)


def test_a_protocol_that_is_too_old(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "OLDEST_PROTOCOL", 2)
    with pytest.raises(ProtocolUnsupported, match="upgrade the worker"):
        fleet.join(protocol=1)


@pytest.mark.parametrize(("ahead", "told"), [(5.0, None), (-5.0, None), (6.0, 6.0), (-3600.0, -3600.0)])
def test_a_clock_that_is_off_is_told(fleet: Fleet, ahead: float, told: float | None) -> None:
    clock = fleet.desk.time + timedelta(seconds=ahead)
    assert fleet.join(clock=clock).clock_skew == told
    assert fleet.beat(clock=clock).clock_skew_seconds == told
    assert fleet.join(clock=clock.replace(tzinfo=None)).clock_skew == told
    assert fleet.beat().clock_skew_seconds is None


def test_a_drained_worker_takes_no_more_and_finishes_what_it_has(fleet: Fleet) -> None:
    fleet.join()
    fleet.desk.enqueue(2)
    (lease,) = fleet.leases()
    fleet.drain(reason="maintenance")
    assert fleet.drain(reason="maintenance").reason == "maintenance"
    answer = fleet.acquire()
    assert (answer.leases, answer.directive.type, answer.directive.reason) == ((), "drain", "maintenance")
    beaten = fleet.beat(1, lease)
    assert (beaten.directive.type, beaten.leases[0].directive.type) == ("drain", "continue")
    assert (fleet.state(), fleet.told()[1:]) == ("draining", [("draining", "node-1")])
    assert fleet.undrain().drain is None
    assert fleet.undrain().reason is None
    assert fleet.beat(1, lease).directive.type == "continue"
    assert len(fleet.leases()) == 1
    assert fleet.told()[2:] == [("undrained", "node-1")]


def test_one_that_is_to_give_back_at_once_is_told_for_each_lease_and_confirms_it(fleet: Fleet) -> None:
    fleet.join()
    fleet.desk.enqueue(2)
    first, second = fleet.leases(max_trials=2)
    fleet.desk.write(lambda tx: trials.cancel(tx, "s", 1))
    fleet.drain(running="preempt")
    told = [one.directive for one in fleet.beat(1, first, second).leases]
    assert [(one.type, one.id, one.reason) for one in told] == [
        ("drain", 1, "drained by a user"),
        ("stop", 1, "cancelled by a user"),
    ]
    assert fleet.desk.report(first, 0.5).directive.type == "drain", "a report tells it too"
    fleet.beat(1, first, held={"obeyed": 1})
    assert fleet.attempts()[0].obeyed == 1
    fleet.undrain()
    again = fleet.beat(1, first).leases[0].directive
    assert (again.type, again.id) == ("continue", 2)
    assert fleet.attempts()[0].obeyed == 1


def test_a_worker_that_holds_nothing_can_be_forgotten(fleet: Fleet) -> None:
    fleet.join()
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    with pytest.raises(WrongState, match=r"holds 1 trial\(s\): drain it first"):
        fleet.desk.write(lambda tx: workers.forget(tx, worker_id(1)))
    fleet.desk.complete(lease, values={"loss": 1})
    fleet.desk.write(lambda tx: workers.forget(tx, worker_id(1)))
    for call in (fleet.beat, fleet.acquire, fleet.drain, fleet.undrain):
        with pytest.raises(WorkerNotFound):
            call(1)
    assert fleet.told()[-1] == ("forgotten", "node-1")
    assert fleet.join().id == worker_id(1)
    assert fleet.attempts()[0].worker_id == worker_id(1)


def test_workers_are_shown_with_what_they_run(fleet: Fleet) -> None:
    for number in (1, 2):
        fleet.join(number)
    fleet.desk.enqueue(3)
    fleet.leases(1, max_trials=2)
    shown = fleet.desk.read(lambda tx: workers.views(tx, tx.workers.list()))
    held = {view.worker.name: [(study, one.key.number) for study, one in view.held] for view in shown}
    assert held == {"node-1": [("s", 0), ("s", 1)], "node-2": []}
