"""Who waits for trials is seen to live, without a heartbeat."""

import asyncio
from collections.abc import Iterator

import pytest

from service import bootstrap
from service.config import Settings
from service.usecases.attendance import AGAIN_TTLS, Attendance
from service.usecases.beating import Beat, beat_together
from service.usecases.lobby import Lobby
from service.wire.worker import Heartbeat
from tests.conformance.samples import worker_id
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet, instance
from tests.unit.service.usecases.suggesters import Counting, suggesting_with
from worker.timing import Timing


@pytest.fixture
def waiting(desk: Desk) -> Iterator[Fleet]:
    """Workers that can wait."""
    with suggesting_with(desk, Counting()) as suggester:
        yield Fleet(desk, Lobby(desk.store, suggester))


def state(desk: Desk, number: int) -> str:
    return desk.read(lambda tx: tx.workers.get(worker_id(number)).state(tx.now))


async def written(attendance: Attendance) -> None:
    while attendance._writing is None:
        await asyncio.sleep(0)
    await attendance._writing


def test_who_waits_is_there_and_who_does_not_is_gone(desk: Desk) -> None:
    fleet, attendance = Fleet(desk), Attendance(desk.store, TTL, 0.0)
    for number in (1, 2):
        fleet.join(number)
    desk.later(seconds=TTL - 1)

    async def one_waits() -> None:
        attendance.waits(worker_id(1), instance(1))
        await written(attendance)

    desk.run(one_waits())
    desk.later(seconds=TTL - 1)
    assert [state(desk, number) for number in (1, 2)] == ["online", "offline"]


def test_one_that_was_gone_comes_back_by_waiting(desk: Desk) -> None:
    fleet, attendance = Fleet(desk), Attendance(desk.store, TTL, 0.0)
    fleet.join()
    desk.later(seconds=TTL + 1)
    assert state(desk, 1) == "offline"

    async def waits() -> None:
        attendance.waits(worker_id(1), instance(1))
        await written(attendance)

    desk.run(waits())
    assert state(desk, 1) == "online"
    assert desk.events()[-1][0] == "worker.online"


def test_another_instance_says_nothing_of_this_one(desk: Desk) -> None:
    fleet, attendance = Fleet(desk), Attendance(desk.store, TTL, 0.0)
    fleet.join()
    desk.later(seconds=TTL + 1)

    async def waits() -> None:
        attendance.waits(worker_id(1), instance(2))
        await written(attendance)

    desk.run(waits())
    assert state(desk, 1) == "offline"


def test_a_poll_is_noted_and_its_worker_may_rest_from_heartbeats(desk: Desk, waiting: Fleet) -> None:
    attendance, fleet = Attendance(desk.store, TTL, 0.0), waiting
    fleet.acquirer._attendance = attendance
    fleet.join()
    assert not attendance.knows(worker_id(1))
    desk.run(fleet.acquiring(wait_seconds=0.01))
    assert attendance.knows(worker_id(1))
    body = Heartbeat.model_validate({"instance": instance(1)})
    beat = Beat(worker_id(1), body, TTL, waits=True)
    assert desk.run(desk.store.write_together(beat_together, beat)).heartbeat_seconds > TTL


def test_who_waits_for_long_is_noted_again(desk: Desk, waiting: Fleet) -> None:
    class Counting(Attendance):
        noted = 0

        def waits(self, worker_id: str, instance: str) -> None:
            self.noted += 1

    attendance = waiting.acquirer._attendance = Counting(desk.store, TTL, 0.0)
    waiting.acquirer._ttl_seconds = 0.02
    waiting.join()
    desk.run(waiting.acquiring(wait_seconds=0.2))
    assert attendance.noted > 3


def test_a_usual_poll_is_noted_once() -> None:
    # Not woken in its middle: by the next poll its worker is noted in time.
    default = Settings.model_fields["lease_ttl_seconds"].default
    assert Timing().acquire < AGAIN_TTLS * default < default - bootstrap._NOTE_SECONDS
