"""Heartbeats: leases renewed together, and those told that are for nothing."""

import pytest

from service.domain.errors import WorkerNotFound, WorkerTaken
from service.usecases import studies, trials
from service.usecases.beating import Beat, beat_together
from service.usecases.watching import Watch
from service.wire.lease import Lease
from service.wire.worker import Heartbeat, HeartbeatAnswer
from tests.conformance.samples import worker_id
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet, held_of, instance


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    desk.study()
    made = Fleet(desk)
    made.join()
    return made


def test_a_heartbeat_renews_all_that_a_worker_holds(fleet: Fleet) -> None:
    fleet.desk.enqueue(3)
    leases = fleet.leases(max_trials=3)
    for _ in range(5):
        fleet.desk.later(seconds=TTL - 1)
        answer = fleet.beat(1, *leases, held={"gpu": "GPU-1"})
        assert [one.state for one in answer.leases] == ["renewed"] * 3
    assert fleet.attempts()[0].gpu == "GPU-1"
    assert fleet.desk.run(Watch().look(fleet.desk.store)) == 0
    assert fleet.desk.report(leases[0], 0.5).acked_seq == 1


def test_who_holds_nothing_may_rest_longer(fleet: Fleet) -> None:
    fleet.desk.enqueue()
    assert fleet.beat().heartbeat_seconds == TTL / 2
    (lease,) = fleet.leases()
    assert fleet.beat(1, lease).heartbeat_seconds == TTL / 6


def test_what_a_report_has_written_stays(fleet: Fleet) -> None:
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    fleet.desk.report(lease, 0.5, 0.4)
    fleet.beat(1, lease, held={"gpu": "GPU-1"})
    (attempt,) = fleet.attempts()
    assert (attempt.acked_seq, attempt.last_step, attempt.state) == (2, 2, "running")


def test_a_late_heartbeat_is_welcome_until_the_trial_is_granted_again(fleet: Fleet) -> None:
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    fleet.desk.later(seconds=3 * TTL)
    assert fleet.beat(1, lease).leases[0].state == "renewed"
    fleet.desk.later(seconds=3 * TTL)
    assert fleet.desk.run(Watch().look(fleet.desk.store)) == 1
    fleet.join(2)
    (again,) = fleet.leases(2)
    (answer,) = fleet.beat(1, lease).leases
    assert (again.trial, again.attempt) == (0, 2)
    assert (answer.state, answer.directive.type) == ("gone", "stop")
    assert fleet.beat(2, again).leases[0].state == "renewed"


def test_what_is_gone_is_told_and_disturbs_nobody(fleet: Fleet) -> None:
    fleet.desk.enqueue(3)
    fleet.desk.study("other")
    fleet.desk.enqueue(study="other")
    ended, wrong, good = fleet.leases(max_trials=3, selectors={"studies": ["s"]})
    (deleted,) = fleet.leases(selectors={"studies": ["other"]})
    fleet.desk.complete(ended, values={"loss": 1})
    fleet.desk.write(lambda tx: studies.delete(tx, "other", force=True, revision=None))
    wrong = wrong.model_copy(update={"token": wrong.token + 1})
    nowhere = good.model_copy(update={"trial": 99})
    states = [one.state for one in fleet.beat(1, ended, wrong, good, deleted, nowhere).leases]
    assert states == ["gone", "gone", "renewed", "gone", "gone"]


def test_a_cancelled_trial_is_told_to_stop_while_its_lease_lives(fleet: Fleet) -> None:
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    fleet.desk.write(lambda tx: trials.cancel(tx, "s", 0))
    (answer,) = fleet.beat(1, lease).leases
    assert (answer.state, answer.directive.type, answer.directive.id) == ("renewed", "stop", 1)


def test_who_is_not_known_must_introduce_himself(fleet: Fleet) -> None:
    with pytest.raises(WorkerNotFound, match="introduce yourself first"):
        fleet.beat(9)
    with pytest.raises(WorkerTaken):
        fleet.beat(1, instance=instance(7))


def test_a_leaving_worker_is_offline_at_once_and_what_it_left_is_lost(fleet: Fleet) -> None:
    fleet.desk.enqueue(2)
    done, left = fleet.leases(max_trials=2)
    fleet.desk.complete(done, values={"loss": 1})
    fleet.beat(1, leaving=True)
    assert (fleet.state(), fleet.told()[-1]) == ("offline", ("offline", "node-1"))
    assert (fleet.desk.trial(0).state, fleet.desk.trial(left.trial).state) == ("completed", "queued")
    fleet.beat(1)
    assert (fleet.state(), fleet.told()[-1]) == ("online", ("online", "node-1"))


def test_a_worker_that_comes_back_is_told_as_online_once(fleet: Fleet) -> None:
    fleet.desk.later(seconds=TTL + 1)
    for _ in range(2):
        fleet.desk.run(Watch().look(fleet.desk.store))
    for _ in range(2):
        fleet.beat(1)
    assert [kind for kind, _ in fleet.told()] == ["online", "offline", "online"]


def test_a_beat_that_tells_nothing_new_right_after_another_writes_nothing(fleet: Fleet) -> None:
    seen = fleet.desk.read(lambda tx: tx.workers.get(worker_id(1))).last_seen_at
    fleet.desk.later(seconds=TTL / 60)
    fleet.beat(1)
    assert fleet.desk.read(lambda tx: tx.workers.get(worker_id(1))).last_seen_at == seen
    fleet.beat(1, gpus=[{"uuid": "GPU-1", "utilisation": 0.5}])
    after = fleet.desk.read(lambda tx: tx.workers.get(worker_id(1)))
    assert (after.last_seen_at, after.use[0].utilisation) == (fleet.desk.time, 0.5)
    fleet.desk.later(seconds=TTL / 6)
    fleet.beat(1)
    assert fleet.desk.read(lambda tx: tx.workers.get(worker_id(1))).last_seen_at == fleet.desk.time


def test_many_workers_beat_in_one_commit_and_one_that_is_refused_refuses_no_other(fleet: Fleet) -> None:
    fleet.desk.enqueue(20)
    beats, leases = [], list[Lease]()
    for number in range(1, 21):
        fleet.join(number)
        leases += fleet.leases(number)
    for number, lease in enumerate(leases, start=1):
        who = instance(1 if number != 7 else 9)
        body = Heartbeat.model_validate({"instance": who, "leases": [held_of(lease)]})
        beats.append(Beat(worker_id(number), body, TTL))
    fleet.desk.later(seconds=TTL / 2)
    answers = fleet.desk.write(lambda tx: beat_together(tx, beats))
    good = [one for one in answers if isinstance(one, HeartbeatAnswer)]
    assert [one.leases[0].state for one in good] == ["renewed"] * 19
    assert isinstance(answers[6], WorkerTaken)
    fleet.desk.later(seconds=TTL / 2 + 1)
    assert fleet.desk.run(Watch().look(fleet.desk.store)) == 1
