"""How workers get trials: of every study that fits, the most urgent first, each request once."""

from typing import Any

import pytest

from service.domain.errors import RequestReused, WorkerNotFound, WorkerTaken
from service.usecases import studies
from service.usecases.lobby import Lobby
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.fleet import Fleet, instance
from tests.unit.service.usecases.suggesters import Counting, suggesting_with, who_claims


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    made = Fleet(desk)
    made.join()
    return made


def served(fleet: Fleet, number: int = 1, **fields: Any) -> list[str]:
    """The studies whose trials a worker gets when it asks for many, in their order."""
    return [lease.study for lease in fleet.leases(number, max_trials=10, **fields)]


def test_higher_priority_first_then_the_study_that_runs_least(fleet: Fleet) -> None:
    for name, priority in (("low", 0), ("also low", 0), ("high", 5)):
        fleet.desk.study(name, priority=priority)
        fleet.desk.enqueue(2, study=name)
    assert served(fleet) == ["high", "high", "also low", "low", "also low", "low"]
    assert served(fleet) == []


def test_a_worker_that_is_granted_a_trial_claims(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that suggesters stand back from it, as from those who ask."""
    desk.study()
    desk.enqueue(1)
    with suggesting_with(desk, Counting()) as suggester:
        fleet = Fleet(desk, Lobby(desk.store, suggester))
        fleet.join()
        claiming = who_claims(desk, suggester, monkeypatch)
        assert fleet.leases()
        assert claiming == [1]
        assert suggester.board._claiming == 0


def test_what_runs_already_counts(fleet: Fleet) -> None:
    fleet.desk.study("a")
    fleet.desk.study("b")
    fleet.desk.enqueue(3, study="a")
    fleet.desk.enqueue(2, study="b")
    fleet.leases(max_trials=2, selectors={"studies": ["a"]})
    assert served(fleet) == ["b", "b", "a"]


@pytest.mark.parametrize(
    ("wanted", "has", "fits"),
    [
        ({}, {}, True),
        ({}, {"trainers": ["cnn", "lstm"]}, False),  # which of the two?
        ({"trainer": {"name": "cnn"}}, {"trainers": ["cnn", "lstm"]}, True),
        ({"trainer": {"name": "gan"}}, {}, False),
        ({"requires": {"gpus": 1}}, {}, False),
        ({"requires": {"gpus": 1}}, {"gpus": [{"uuid": "1"}]}, True),
        ({"requires": {"gpu_models": ["h100", "A100"]}}, {"gpus": [{"uuid": "1", "model": "NVIDIA H100 80GB"}]}, True),
        ({"requires": {"gpu_models": ["A100"]}}, {"gpus": [{"uuid": "1", "model": "NVIDIA H100 80GB"}]}, False),
        ({"requires": {"gpu_memory_gib": 40}}, {"gpus": [{"uuid": "1", "memory_bytes": 40 * 2**30}]}, True),
        ({"requires": {"gpu_memory_gib": 40}}, {"gpus": [{"uuid": "1", "memory_bytes": 40 * 2**30 - 1}]}, False),
        # One and the same GPU must meet all of it.
        (
            {"requires": {"gpu_models": ["H100"], "gpu_memory_gib": 40}},
            {"gpus": [{"uuid": "1", "model": "H100"}, {"uuid": "2", "model": "A", "memory_bytes": 2**40}]},
            False,
        ),
        ({"requires": {"labels": {"zone": "a"}}}, {"labels": {"zone": "a", "rack": "7"}}, True),
        ({"requires": {"labels": {"zone": "a"}}}, {"labels": {"zone": "b"}}, False),
        ({"requires": {"labels": {"zone": "a"}}}, {}, False),
    ],
)
def test_a_study_goes_to_workers_that_can_serve_it(fleet: Fleet, wanted: Any, has: Any, fits: bool) -> None:
    fleet.desk.study(**wanted)
    fleet.desk.enqueue()
    fleet.join(2, **has)
    assert served(fleet, 2) == (["s"] if fits else [])


@pytest.mark.parametrize(
    ("selectors", "wanted"),
    [
        ({}, ["a", "b", "c"]),
        ({"studies": ["a", "c", "x"]}, ["a", "c"]),
        ({"tags": ["t"]}, ["b", "c"]),
        ({"tags": ["t", "u"]}, ["a", "b", "c"]),
        ({"studies": ["a", "b"], "tags": ["t"]}, ["b"]),
    ],
)
def test_a_worker_chooses_by_names_and_tags(fleet: Fleet, selectors: Any, wanted: list[str]) -> None:
    for name, tags in (("a", ["u"]), ("b", ["t"]), ("c", ["t", "v"])):
        fleet.desk.study(name, tags=tags)
        fleet.desk.enqueue(study=name)
    assert served(fleet, selectors=selectors) == wanted


@pytest.mark.parametrize("state", ["paused", "stopped", "archived", "deleted"])
def test_only_active_studies_hand_out_trials(fleet: Fleet, state: str) -> None:
    fleet.desk.study()
    fleet.desk.enqueue()
    moves = {
        "paused": lambda tx: studies.pause(tx, "s", None),
        "stopped": lambda tx: studies.stop(tx, "s", "finish", None),
        "archived": lambda tx: studies.archive(tx, "s", True, None),
        "deleted": lambda tx: studies.delete(tx, "s", force=False, revision=None),
    }
    fleet.desk.write(moves[state])
    assert served(fleet) == []


def test_a_request_that_is_sent_again_gets_the_same_leases(fleet: Fleet) -> None:
    fleet.desk.study()
    fleet.desk.enqueue(3)
    first = fleet.acquire(request_id="x", max_trials=2)
    assert fleet.acquire(request_id="x", max_trials=2) == first
    assert len(first.leases) == 2
    with pytest.raises(RequestReused):
        fleet.acquire(request_id="x", max_trials=1)
    fleet.join(2)
    assert [lease.trial for lease in fleet.leases(2, request_id="x", max_trials=2)] == [2], "each worker has its own"
    fleet.drain()
    assert fleet.acquire(request_id="x", max_trials=2).leases == first.leases, "also when it was drained since"


def test_a_request_that_got_nothing_may_get_something_later(fleet: Fleet) -> None:
    fleet.desk.study()
    assert fleet.leases(request_id="x") == ()
    fleet.desk.enqueue()
    assert len(fleet.leases(request_id="x")) == 1


def test_who_is_not_known_gets_nothing(fleet: Fleet) -> None:
    with pytest.raises(WorkerNotFound):
        fleet.acquire(9)
    with pytest.raises(WorkerTaken):
        fleet.acquire(1, instance=instance(5))


def test_a_lease_says_all_that_a_worker_needs(fleet: Fleet) -> None:
    fleet.desk.study(
        trainer={"name": "cnn", "settings": {"epochs": 30, "width": 8}},
        scheduler={"type": "asha", "max_resource": 27},
        limits={"step_timeout": "5m"},
        priority=3,
    )
    fleet.desk.enqueue()
    (lease,) = fleet.leases(resumes=False)
    assert lease.trainer is not None
    assert (lease.trainer.name, lease.trainer.settings["width"]) == ("cnn", 8)
    assert (lease.horizon, lease.limits.step_timeout, lease.objectives[0].metric) == (27, 300.0, "loss")
    assert (lease.resume_step, lease.resume_attempt, lease.resume_sha256, lease.resume_size) == (None,) * 4
    (attempt,) = fleet.attempts()
    assert (attempt.worker, attempt.worker_id, attempt.resumes) == ("node-1", fleet.join().id, False)


@pytest.mark.parametrize(
    ("fields", "horizon"),
    [
        ({}, None),
        ({"scheduler": {"type": "asha", "max_resource": 9, "resource": "elapsed"}}, None),
        ({"scheduler": {"type": "hyperband", "max_resource": 81}}, 81),
        ({"trainer": {"name": "cnn", "settings": {"epochs": 12}}}, 12),
        ({"trainer": {"name": "cnn", "settings": {"max_steps": 500, "epochs": 2}}}, 500),
        ({"trainer": {"name": "cnn", "settings": {"epochs": "12", "steps": 1.5, "max_epochs": True}}}, None),
    ],
)
def test_the_horizon_is_the_schedulers_or_the_trainers(fleet: Fleet, fields: Any, horizon: int | None) -> None:
    fleet.desk.study(**fields)
    fleet.desk.enqueue()
    (lease,) = fleet.leases()
    assert lease.horizon == horizon


def test_budgets_hold_over_all_workers(fleet: Fleet) -> None:
    fleet.desk.study(budget={"max_running": 2})
    fleet.desk.enqueue(5)
    fleet.join(2)
    first, _ = fleet.leases(1, max_trials=5)
    assert served(fleet, 2) == []
    fleet.desk.complete(first, values={"loss": 1})
    assert served(fleet, 2) == ["s"]


def test_a_study_whose_time_is_over_ends_though_only_workers_ask(fleet: Fleet) -> None:
    fleet.desk.study(budget={"wall_time": "1h"})
    fleet.desk.enqueue()
    fleet.desk.later(hours=2)
    fleet.join(2)
    assert served(fleet, 2) == []
    assert fleet.desk.state() == "completed"
