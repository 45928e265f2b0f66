"""What the server finds by itself: leases that have run out, workers that are silent."""

from service.usecases import studies
from service.usecases.watching import Watch
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet


def look(desk: Desk) -> int:
    lost: int = desk.run(Watch().look(desk.store))
    return lost


def test_leases_of_all_studies_run_out_though_nobody_asks(desk: Desk) -> None:
    for name in ("a", "b"):
        desk.study(name)
        desk.enqueue(2, study=name)
        desk.ask(2, study=name)
    assert look(desk) == 0
    desk.later(seconds=TTL + 1)
    assert look(desk) == 4
    assert [desk.trial(number, name).state for name in "ab" for number in (0, 1)] == ["queued"] * 4
    assert look(desk) == 0


def test_more_than_are_taken_back_at_once(desk: Desk) -> None:
    desk.study()
    desk.enqueue(130)
    for _ in range(3):
        desk.ask(64)
    desk.later(seconds=TTL + 1)
    assert look(desk) == 130


def test_a_paused_study_gets_its_trials_back_and_a_stopping_one_stops(desk: Desk) -> None:
    for name in ("paused", "stopping"):
        desk.study(name)
        desk.enqueue(study=name)
        desk.ask(study=name)
    desk.write(lambda tx: studies.pause(tx, "paused", None))
    desk.write(lambda tx: studies.stop(tx, "stopping", "finish", None))
    desk.later(seconds=TTL + 1)
    assert look(desk) == 2
    assert (desk.trial(0, "paused").state, desk.state("stopping")) == ("queued", "stopped")


def test_what_a_deleted_study_left_running_is_found_once(desk: Desk) -> None:
    desk.study()
    desk.enqueue()
    desk.ask()
    desk.write(lambda tx: studies.delete(tx, "s", force=True, revision=None))
    desk.later(seconds=TTL + 1)
    assert look(desk) == 1
    assert look(desk) == 0


def test_a_silent_worker_is_offline_and_said_to_be_once(desk: Desk) -> None:
    fleet = Fleet(desk)
    for number in (1, 2):
        fleet.join(number)
    desk.later(seconds=TTL / 2)
    fleet.beat(2)
    desk.later(seconds=TTL / 2)
    look(desk)
    look(desk)
    assert (fleet.state(1), fleet.state(2)) == ("offline", "online")
    assert fleet.told()[2:] == [("offline", "node-1")]
