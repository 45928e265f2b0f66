"""What was lost and comes back before its trial was granted again goes on; what comes later is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from service.domain.errors import StaleLease
from service.usecases import studies, trials
from service.usecases.watching import Watch
from service.wire.lease import Lease
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet

Call = Callable[[Fleet, Lease], object]
CALLS: dict[str, Call] = {
    "report": lambda fleet, lease: fleet.desk.report(lease, 0.4, first=2),
    "heartbeat": lambda fleet, lease: fleet.beat(1, lease),
    "complete": lambda fleet, lease: fleet.desk.complete(lease),
}


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    made = Fleet(desk)
    made.join()
    return made


def lost(fleet: Fleet, **study: Any) -> Lease:
    """An attempt that the server has given up."""
    fleet.desk.study(**study)
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    fleet.desk.report(lease, 0.5)
    fleet.desk.later(seconds=TTL + 1)
    assert fleet.desk.run(Watch().look(fleet.desk.store)) == 1
    assert (fleet.desk.trial().state, fleet.attempts()[0].state) == ("queued", "lost")
    return lease


@pytest.mark.parametrize("call", CALLS)
def test_it_goes_on_as_if_nothing_had_been(fleet: Fleet, call: str) -> None:
    lease = lost(fleet, retry={"backoff": 5})
    CALLS[call](fleet, lease)
    (attempt,) = fleet.attempts()
    ended = "completed" if call == "complete" else "running"
    assert (attempt.state, attempt.failure) == (ended, None)
    assert (fleet.desk.trial().state, fleet.desk.trial().not_before) == (ended, None)
    assert fleet.desk.ask() == (), "nobody else is given it"
    if call != "complete":
        assert attempt.expires_at > fleet.desk.time
        assert fleet.beat(1, lease).leases[0].state == "renewed"
        assert fleet.desk.complete(lease, values={"loss": 0.1}).state == "completed"


@pytest.mark.parametrize("call", ["report", "complete"])
def test_what_was_granted_again_is_refused(fleet: Fleet, call: str) -> None:
    lease = lost(fleet)
    (again,) = fleet.desk.ask()
    with pytest.raises(StaleLease):
        CALLS[call](fleet, lease)
    assert fleet.beat(1, lease).leases[0].state == "gone"
    fleet.desk.later(seconds=TTL + 1)
    assert fleet.desk.run(Watch().look(fleet.desk.store)) == 1
    with pytest.raises(StaleLease):
        CALLS[call](fleet, lease)
    assert [one.state for one in fleet.attempts()] == ["lost", "lost"]
    assert fleet.desk.report(again, 0.3).acked_seq == 1, "the newest may come back"


def test_what_was_cancelled_or_has_failed_meanwhile_stays_so(fleet: Fleet) -> None:
    lease = lost(fleet)
    fleet.desk.write(lambda tx: trials.cancel(tx, "s", 0))
    with pytest.raises(StaleLease):
        fleet.desk.report(lease, 0.4, first=2)
    assert fleet.desk.trial().state == "cancelled"


def test_no_more_run_than_may(fleet: Fleet) -> None:
    lease = lost(fleet, retry={"backoff": 60}, budget={"max_running": 1})
    fleet.desk.enqueue()
    (other,) = fleet.desk.ask()
    assert other.trial == 1
    assert fleet.beat(1, lease).leases[0].state == "gone"
    fleet.desk.complete(other, values={"loss": 1})
    assert fleet.beat(1, lease).leases[0].state == "renewed", "there is room again"


def test_a_study_that_has_come_to_its_end_takes_nothing_back(fleet: Fleet) -> None:
    lease = lost(fleet)
    fleet.desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    with pytest.raises(StaleLease):
        fleet.desk.complete(lease)
    assert fleet.desk.trial().state == "queued"
