"""Workers who wait: each is called when there may be something for it, and costs nothing until then."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from service.domain.errors import WorkerTaken
from service.store.memory.store import utc_now
from service.usecases import acquiring, completing, studies, workers
from service.usecases.finishing import starting
from service.usecases.lobby import Lobby
from service.usecases.suggester import Suggester
from service.wire.finish import FinishStudy
from service.wire.lease import Complete
from service.wire.worker import Acquired, Drain
from tests.conformance.samples import worker_id
from tests.patience import PATIENCE
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.fleet import Fleet, counting, until
from tests.unit.service.usecases.suggesters import Counting, suggesting_with

LONG = 30
DONE = Complete.model_validate({"token": 1, "outcome": "completed", "values": {"loss": 0.5}})


@pytest.fixture
def suggester(desk: Desk) -> Iterator[Suggester]:
    with suggesting_with(desk, Counting()) as made:
        yield made


@pytest.fixture
def lobby(desk: Desk, suggester: Suggester) -> Lobby:
    return Lobby(desk.store, suggester)


@pytest.fixture
def fleet(desk: Desk, lobby: Lobby) -> Fleet:
    return Fleet(desk, lobby)


class Scene:
    """Workers that wait, in a running loop."""

    def __init__(self, fleet: Fleet, lobby: Lobby) -> None:
        self.fleet = fleet
        self.lobby = lobby
        self.waiting: list[asyncio.Task[Acquired]] = []

    async def wait(self, *numbers: int, **fields: Any) -> None:
        """Let workers wait, and return when they do."""
        for number in numbers:
            given = {"wait_seconds": LONG, **fields}
            self.waiting.append(asyncio.create_task(self.fleet.acquiring(number, **given)))
        await until(lambda: len(self.lobby._guests) == len([one for one in self.waiting if not one.done()]))

    async def end(self) -> None:
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)


def paused(desk: Desk, name: str = "s", **fields: Any) -> None:
    """A study for which nothing is suggested: what is queued is what a test queues."""
    desk.study(name, budget={"max_trials": 1}, **fields)
    desk.enqueue(study=name)
    (lease,) = desk.ask(study=name)
    assert lease.trial == 0


def test_a_waiting_worker_has_suggestions_made_for_it(fleet: Fleet) -> None:
    fleet.desk.study()
    fleet.join()
    (lease,) = fleet.leases(wait_seconds=LONG)
    assert lease.params == {"lr": 0.5}


def test_a_study_that_is_created_while_a_worker_waits(fleet: Fleet, lobby: Lobby) -> None:
    fleet.join()

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1)
        await fleet.desk.store.write(lambda tx: studies.create(tx, definition, seed=1))
        answer = await asyncio.wait_for(at.waiting[0], PATIENCE)
        assert [lease.study for lease in answer.leases] == ["new"]

    definition = fleet.desk.study("model").definition.model_copy(update={"name": "new"})
    fleet.desk.write(lambda tx: studies.delete(tx, "model", force=True, revision=None))
    fleet.desk.run(scene())


def test_a_study_that_is_resumed_calls_those_who_wait(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.study()
    fleet.desk.enqueue(2)
    fleet.desk.write(lambda tx: studies.pause(tx, "s", None))
    fleet.join(1)
    fleet.join(2)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1, 2)
        await fleet.desk.store.write(lambda tx: studies.resume(tx, "s", None))
        answers = await asyncio.wait_for(asyncio.gather(*at.waiting), PATIENCE)
        assert sorted(lease.trial for answer in answers for lease in answer.leases) == [0, 1]

    fleet.desk.run(scene())


def test_only_a_worker_that_can_serve_the_study_is_called(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.study("a", trainer={"name": "cnn"})
    fleet.desk.study("b", trainer={"name": "lstm"})
    for name in "ab":
        fleet.desk.write(partial(studies.pause, name=name, revision=None))
    fleet.join(1, trainers=["cnn"])
    fleet.join(2, trainers=["lstm"])

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1, 2)
        await fleet.desk.store.write(lambda tx: studies.resume(tx, "b", None))
        answer = await asyncio.wait_for(at.waiting[1], PATIENCE)
        assert [lease.study for lease in answer.leases] == ["b"]
        assert not at.waiting[0].done()
        await at.end()

    fleet.desk.run(scene())


def test_many_that_wait_ask_the_database_nothing(fleet: Fleet, lobby: Lobby) -> None:
    """A thousand of them: one trial calls one of them, and all others go on waiting."""
    count = 1_000
    paused(fleet.desk)
    for number in range(1, count + 1):
        fleet.join(number)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(*range(1, count + 1))
        calls = counting(fleet.desk)
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert len(calls) <= 2, "but for the suggester's own looks at the study, now and then"
        assert lobby.asking("s") == count
        await fleet.desk.store.write(lambda tx: _requeue(tx))
        await until(lambda: any(task.done() for task in at.waiting))
        (done,) = [task for task in at.waiting if task.done()]
        assert [lease.trial for lease in done.result().leases] == [0]
        assert calls.count("write") <= 4, "nobody but the one that was called has asked"
        await at.end()

    fleet.desk.run(scene())


def _requeue(tx: Any) -> None:
    """Take a running trial back, as upkeep does when its lease has run out."""
    from service.usecases import leasing

    study = tx.studies.get("s")
    (attempt,) = tx.attempts.list(study.id, 0)
    leasing.lose(tx, study, attempt, "lost")


def test_a_turn_that_is_not_used_goes_to_the_next(fleet: Fleet, lobby: Lobby) -> None:
    paused(fleet.desk)
    for number in (1, 2):
        fleet.join(number)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1, 2)
        first = next(iter(lobby._guests))
        lobby.queued("s", None)
        assert first.called
        at.waiting[0].cancel()
        await fleet.desk.store.write(_requeue)
        answer = await asyncio.wait_for(at.waiting[1], PATIENCE)
        assert len(answer.leases) == 1

    fleet.desk.run(scene())


def test_a_trial_that_was_put_off_calls_when_it_is_due(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.store._clock = utc_now
    paused(fleet.desk, retry={"backoff": 0.3})
    fleet.join()

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1)
        began = time.monotonic()
        await fleet.desk.store.write(_requeue)
        answer = await asyncio.wait_for(at.waiting[0], PATIENCE)
        assert time.monotonic() - began >= 0.3
        assert len(answer.leases) == 1

    fleet.desk.run(scene())


def test_one_that_was_put_off_before_anybody_waited_calls_too(fleet: Fleet) -> None:
    fleet.desk.store._clock = utc_now
    paused(fleet.desk, retry={"backoff": 0.3})
    fleet.join()
    fleet.desk.write(_requeue)
    began = time.monotonic()
    assert len(fleet.leases(wait_seconds=LONG)) == 1
    assert time.monotonic() - began < 10


def test_a_place_that_becomes_free_calls_the_next(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.study(budget={"max_running": 1, "max_trials": 2})
    fleet.desk.enqueue(2)
    for number in (1, 2):
        fleet.join(number)
    (lease,) = fleet.leases(1)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(2)
        from service.usecases import completing
        from service.wire.lease import Complete

        body = Complete(token=lease.token, outcome="completed", values={"loss": 1.0})
        await fleet.desk.store.write(lambda tx: completing.complete(tx, "s", 0, 1, body))
        answer = await asyncio.wait_for(at.waiting[0], PATIENCE)
        assert [one.trial for one in answer.leases] == [1]

    fleet.desk.run(scene())


def test_a_worker_that_is_drained_while_it_waits_is_told(fleet: Fleet, lobby: Lobby) -> None:
    fleet.join(1)
    fleet.join(2)

    async def scene() -> None:
        from service.usecases import workers
        from service.wire.worker import Drain
        from tests.conformance.samples import worker_id

        at = Scene(fleet, lobby)
        await at.wait(1, 2)
        await fleet.desk.store.write(lambda tx: workers.drain(tx, worker_id(1), Drain()))
        answer = await asyncio.wait_for(at.waiting[0], PATIENCE)
        assert (answer.leases, answer.directive.type) == ((), "drain")
        assert not at.waiting[1].done()
        await at.end()

    fleet.desk.run(scene())


def test_who_waits_in_vain_is_answered_in_time(fleet: Fleet) -> None:
    fleet.join()
    began = time.monotonic()
    answer = fleet.acquire(wait_seconds=0.2)
    assert (answer.leases, answer.directive.type) == ((), "continue")
    assert 0.2 <= time.monotonic() - began < 5


def test_a_trial_avoids_a_node_while_another_waits(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.study(retry={"backoff": 0}, budget={"max_trials": 1})
    fleet.desk.enqueue()
    for number in (1, 2):
        fleet.join(number)
    (lease,) = fleet.leases(1)
    assert lease.trial == 0

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(1, 2)
        await fleet.desk.store.write(_requeue)
        answer = await asyncio.wait_for(at.waiting[1], PATIENCE)
        assert len(answer.leases) == 1
        assert not at.waiting[0].done()
        await at.end()

    fleet.desk.run(scene())


def test_who_waited_in_vain_and_comes_again_asks_the_database_nothing(fleet: Fleet, lobby: Lobby) -> None:
    fleet.desk.study()
    for number in (1, 2, 3):
        fleet.join(number, trainers=["other", "another"])

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(2)
        assert (await fleet.acquiring(1, wait_seconds=0.01)).leases == ()
        before = lobby.heard_of(worker_id(3))
        await fleet.desk.store.write(lambda tx: workers.drain(tx, worker_id(3), Drain()))
        await until(lambda: lobby.heard_of(worker_id(3)) != before)
        calls = counting(fleet.desk)
        for _ in range(3):
            assert (await fleet.acquiring(1, wait_seconds=0.01)).leases == ()
        assert calls == [], "what becomes of another worker brings it nothing"
        await fleet.acquiring(1, wait_seconds=0.01, selectors={"studies": ["s"]})
        assert calls == ["read"], "it asks for something else"
        with pytest.raises(WorkerTaken):
            await fleet.acquiring(1, wait_seconds=0.01, instance="f" * 32)
        await at.end()

    fleet.desk.run(scene())


def test_what_is_queued_between_two_polls_is_found(fleet: Fleet, lobby: Lobby) -> None:
    paused(fleet.desk, retry={"max_attempts": 9})
    fleet.join(1)
    fleet.join(2, trainers=["other", "another"])
    taken = fleet.desk.read(lambda tx: tx.trials.get(1, 0).token)

    async def given_back(number: int) -> None:
        body = Complete(token=number, outcome="preempted")
        await fleet.desk.store.write(lambda tx: completing.complete(tx, "s", 0, number, body))

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(2)
        for number in (1, 2, 3):
            assert (await fleet.acquiring(1, wait_seconds=0.01)).leases == ()
            await given_back(number)
            (lease,) = (await fleet.acquiring(1, wait_seconds=LONG)).leases
            assert lease.attempt == number + 1
        await at.end()
        # Nobody waits now, and nobody hears of anything.
        assert (await fleet.acquiring(1, wait_seconds=0.01)).leases == ()
        await given_back(4)
        assert len((await fleet.acquiring(1, wait_seconds=LONG)).leases) == 1

    assert taken == 1
    fleet.desk.run(scene())


def test_who_was_drained_between_two_polls_is_told_so(fleet: Fleet, lobby: Lobby) -> None:
    for number in (1, 2):
        fleet.join(number)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(2)
        assert (await fleet.acquiring(1, wait_seconds=0.01)).directive.type == "continue"
        await fleet.desk.store.write(lambda tx: workers.drain(tx, worker_id(1), Drain()))
        assert (await fleet.acquiring(1, wait_seconds=LONG)).directive.type == "drain"
        await at.end()

    fleet.desk.run(scene())


def test_who_found_nothing_long_ago_looks_again(fleet: Fleet, lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquiring, "_TRUSTED_SECONDS", 0.0)
    for number in (1, 2):
        fleet.join(number)

    async def scene() -> None:
        at = Scene(fleet, lobby)
        await at.wait(2)
        calls = counting(fleet.desk)
        for _ in range(2):
            await fleet.acquiring(1, wait_seconds=0.01)
        assert calls == ["read", "read"]
        await at.end()

    fleet.desk.run(scene())


def test_reruns_of_a_study_whose_search_has_ended_call_those_who_wait(fleet: Fleet, lobby: Lobby) -> None:
    async def run() -> None:
        scene = Scene(fleet, lobby)
        await scene.wait(1, 2)
        await fleet.desk.store.write(lambda tx: starting.start(tx, "s", FinishStudy(top=1, seeds=2)))
        found = await asyncio.wait_for(asyncio.gather(*scene.waiting), LONG / 2)
        assert sorted(one.leases[0].trial for one in found) == [1, 2]
        await scene.end()

    paused(fleet.desk)
    fleet.desk.write(partial(completing.complete, study="s", number=0, attempt=1, body=DONE))
    assert fleet.desk.state() == "completed"
    fleet.join(1)
    fleet.join(2)
    fleet.desk.run(run())


def test_a_server_that_ends_answers_those_who_wait(desk: Desk, fleet: Fleet, lobby: Lobby) -> None:
    fleet.join()

    async def story() -> None:
        scene = Scene(fleet, lobby)
        await scene.wait(1)
        fleet.acquirer.close()
        (waited,) = scene.waiting
        assert (await asyncio.wait_for(waited, PATIENCE)).leases == ()
        assert (await asyncio.wait_for(fleet.acquiring(wait_seconds=LONG), PATIENCE)).leases == ()

    desk.run(story())
