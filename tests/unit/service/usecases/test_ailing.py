"""Machines that fail what runs elsewhere."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.usecases import leasing
from service.wire.lease import Lease
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.fleet import Fleet

GPUS = [{"uuid": "A"}, {"uuid": "B"}]


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    desk.study(retry={"strikes": 0, "avoid_node": False, "max_attempts": 1})
    desk.enqueue(40)
    made = Fleet(desk)
    for number in (1, 2):
        made.join(number, gpus=GPUS)
    return made


def run(fleet: Fleet, number: int, gpu: str | None, outcome: str, **body: Any) -> None:
    """Let a worker take a trial, say on which GPU it runs, and end it."""
    fleet.desk.later(seconds=1)
    (lease,) = fleet.leases(number)
    if gpu is not None:
        fleet.beat(number, lease, held={"gpu": gpu})
    fleet.desk.later(seconds=1)
    end(fleet, lease, outcome, **body)


def end(fleet: Fleet, lease: Lease, outcome: str, **body: Any) -> None:
    if outcome == "completed":
        fleet.desk.complete(lease, values={"loss": 1.0})
    else:
        fleet.desk.complete(lease, outcome="failed", failure={"class": outcome}, **body)


def play(fleet: Fleet, *ends: tuple[int, str | None, str]) -> str:
    """What becomes of worker 1 after attempts have ended so."""
    for one in ends:
        run(fleet, *one)
    fleet.acquire(1, max_trials=1)
    return fleet.state(1)


BAD: Sequence[tuple[int, str | None, str]] = [(1, "A", "infra"), (1, "A", "crash"), (1, "A", "timeout")]
GOOD: tuple[int, str | None, str] = (2, "A", "completed")


def test_three_in_a_row_on_one_gpu_while_others_do_well(fleet: Fleet) -> None:
    assert play(fleet, BAD[0], GOOD, *BAD[1:]) == "draining"
    answer = fleet.acquire(1)
    assert answer.directive.type == "drain"
    assert answer.directive.reason == (
        "the last 3 attempts on GPU A failed (timeout, crash, infra), while the same studies did well elsewhere"
    )
    assert fleet.told()[-1] == ("draining", "node-1")
    assert fleet.state(2) == "online"


def test_a_machine_without_gpus_is_judged_as_a_whole(fleet: Fleet) -> None:
    ends: list[tuple[int, str | None, str]] = [(1, None, "infra"), (2, None, "completed")]
    assert play(fleet, *ends, (1, None, "infra"), (1, None, "infra")) == "draining"


@pytest.mark.parametrize(
    "ends",
    [
        BAD,  # nobody else has shown that it can be done
        [GOOD, *BAD],  # that was before
        [BAD[0], GOOD, BAD[1]],  # only two
        [BAD[0], GOOD, BAD[1], (1, "A", "completed"), BAD[2]],  # not in a row
        [(1, "A", "infra"), GOOD, (1, "B", "infra"), (1, "A", "infra"), (1, "B", "infra")],  # two on each
        [(1, "A", "oom"), GOOD, (1, "A", "oom"), (1, "A", "oom")],  # that follows the point
        [(1, "A", "nan"), GOOD, (1, "A", "user_error"), (1, "A", "nan")],
    ],
)
def test_what_is_no_sign_of_a_bad_machine(fleet: Fleet, ends: Any) -> None:
    assert play(fleet, *ends) == "online"


def test_a_study_that_fails_everywhere_is_no_sign(fleet: Fleet) -> None:
    """What did well elsewhere is another study."""
    fleet.desk.study("other")
    fleet.desk.enqueue(5, study="other")
    run(fleet, *BAD[0])
    (fine,) = fleet.leases(2, selectors={"studies": ["other"]})
    end(fleet, fine, "completed")
    for _ in range(2):
        (lease,) = fleet.leases(1, selectors={"studies": ["s"]})
        fleet.beat(1, lease, held={"gpu": "A"})
        end(fleet, lease, "crash")
    fleet.acquire(1)
    assert fleet.state(1) == "online"


def test_lost_leases_are_no_sign(fleet: Fleet) -> None:
    """Machines that are taken away, or whose network fails, are not ill."""
    for _ in range(3):
        (lease,) = fleet.leases(1)
        key = fleet.attempts(lease.trial)[0]
        fleet.desk.write(lambda tx: leasing.lose(tx, tx.studies.get("s"), key, "lost"))  # noqa: B023
        run(fleet, *GOOD)
    fleet.acquire(1)
    assert fleet.state(1) == "online"


def test_who_lets_it_take_trials_again_forgives_what_was(fleet: Fleet) -> None:
    assert play(fleet, BAD[0], GOOD, *BAD[1:]) == "draining"
    fleet.undrain(1)
    assert len(fleet.leases(1)) == 1
    assert fleet.state(1) == "online"


def test_the_server_may_be_told_not_to(desk: Desk, fleet: Fleet) -> None:
    lenient = Fleet(desk, drain_bad_machines=False)
    assert play(lenient, BAD[0], GOOD, *BAD[1:]) == "online"
