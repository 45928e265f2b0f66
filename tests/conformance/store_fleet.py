"""What every store must do for workers: themselves, what they hold, what is put off, what they keep and write."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.errors import WorkerNotFound
from service.domain.event import Event
from service.domain.trial import ARTIFACT, AttemptKey, Checkpoint, LogPiece, Trial
from service.usecases.ports import Transaction
from tests.conformance.samples import (
    MOMENT,
    Bench,
    attempt,
    checkpoint,
    full_worker,
    key,
    trial,
    worker,
    worker_id,
)

_HOUR = timedelta(hours=1)


class FleetConformance:
    """The `Workers` port, and what `Attempts` and `Studies` tell of them."""

    @pytest.mark.parametrize("make", [worker, full_worker])
    def test_a_worker_comes_back_as_it_went_in(self, bench: Bench, make: Any) -> None:
        given = make(1)
        bench.writing.workers.add(given)
        assert bench.reading.workers.get(given.id) == given
        assert bench.writing.workers.lock([given.id, worker_id(9)]) == {given.id: given}
        assert list(bench.reading.workers.list()) == [given]
        with pytest.raises(WorkerNotFound):
            bench.reading.workers.get(worker_id(9))
        assert bench.writing.workers.lock([]) == {}

    def test_a_worker_is_added_once(self, bench: Bench) -> None:
        bench.writing.workers.add(worker(1))
        with pytest.raises(Exception):  # noqa: B017  # a lost race, or a mistake of ours
            bench.writing.workers.add(full_worker(1))
        assert bench.reading.workers.get(worker_id(1)) == worker(1)

    def test_saving_writes_all_of_a_worker(self, bench: Bench) -> None:
        for one in (worker(1), worker(2), worker(3)):
            bench.writing.workers.add(one)
        bench.writing.workers.save([full_worker(3), full_worker(1)])
        bench.writing.workers.save([])
        wanted = {worker_id(1): full_worker(1), worker_id(2): worker(2), worker_id(3): full_worker(3)}
        assert bench.writing.workers.lock(list(wanted)) == wanted

    def test_workers_are_listed_those_seen_last_first(self, bench: Bench) -> None:
        for number, minutes in ((1, 2), (2, 3), (3, 1), (4, 2)):
            bench.writing.workers.add(worker(number, last_seen_at=MOMENT + timedelta(minutes=minutes)))
        assert [one.id for one in bench.reading.workers.list()] == [worker_id(number) for number in (2, 1, 4, 3)]

    def test_silent_are_those_online_that_were_not_heard_of_in_time(self, bench: Bench) -> None:
        now = bench.read(lambda tx: tx.now)
        late, alive = now - timedelta(seconds=1), now + _HOUR
        for one in (
            worker(1, expires_at=late),
            worker(2, expires_at=alive),
            worker(3, expires_at=late, present=False),
            worker(4, expires_at=late, drain="finish"),
        ):
            bench.writing.workers.add(one)
        assert [one.id for one in bench.writing.workers.silent()] == [worker_id(1), worker_id(4)]

    def test_seen_are_those_online_that_are_of_these_instances(self, bench: Bench) -> None:
        now = bench.read(lambda tx: tx.now)
        given = (
            worker(1, expires_at=now + _HOUR),
            worker(2, expires_at=now + _HOUR),
            worker(3, expires_at=now - timedelta(seconds=1)),
            worker(4, expires_at=now + _HOUR, present=False),
            worker(5, expires_at=now + _HOUR, drain="finish"),
            worker(6, expires_at=now + _HOUR),
        )
        for one in given:
            bench.writing.workers.add(one)
        until = now + 2 * _HOUR
        instances = {one.id: one.instance for one in given[:5]} | {worker_id(2): "f" * 32, worker_id(9): "9" * 32}
        assert bench.writing.workers.seen(instances, until) == {worker_id(1), worker_id(5)}
        assert bench.writing.workers.seen({}, until) == set()
        for one in given:
            here = bench.reading.workers.get(one.id)
            if one.id in {worker_id(1), worker_id(5)}:
                assert here.last_seen_at >= now
                assert here == replace(one, last_seen_at=here.last_seen_at, expires_at=until)
            else:
                assert here == one

    def test_a_removed_worker_is_gone(self, bench: Bench) -> None:
        bench.writing.workers.add(worker(1))
        for _ in range(2):
            bench.writing.workers.remove(worker_id(1))
        assert list(bench.reading.workers.list()) == []

    def test_who_changes_what_he_got_of_a_worker_changes_nothing(self, bench: Bench) -> None:
        bench.writing.workers.add(full_worker(1))
        got = bench.reading.workers.get(worker_id(1))
        with contextlib.suppress(TypeError):
            dict.clear(got.labels)  # type: ignore[arg-type]  # it may be a dict or not
        assert bench.reading.workers.get(worker_id(1)) == full_worker(1)

    def test_what_happens_to_a_worker_happens_in_no_study(self, bench: Bench) -> None:
        given = Event(type="worker.offline", worker=worker_id(1), at=MOMENT, data={"name": "node-1"})
        bench.tell([given])
        (got,) = bench.reading.events.list(0, None, 10)
        assert replace(got, id=0) == given
        assert list(bench.reading.events.list(0, "digits", 10)) == []

    def test_held_are_the_live_attempts_of_these_workers(self, bench: Bench) -> None:
        one, two, three, four = bench.trials(bench.study(), 4)
        mine = attempt(key(one), worker_id=worker_id(1), granted_at=MOMENT + timedelta(seconds=2))
        other = attempt(key(two), worker_id=worker_id(2), granted_at=MOMENT)
        ended = attempt(key(three), worker_id=worker_id(1), state="lost", ended_at=MOMENT)
        for made in (mine, other, ended, attempt(key(four))):
            bench.writing.attempts.add(made)
        assert list(bench.reading.attempts.held([worker_id(1)])) == [mine]
        assert list(bench.reading.attempts.held([worker_id(1), worker_id(2), worker_id(3)])) == [other, mine]
        assert list(bench.reading.attempts.held([])) == []

    def test_the_last_that_ended_on_a_worker(self, bench: Bench, owner: Trial) -> None:
        for number in range(1, 5):
            ended = MOMENT + timedelta(minutes=number)
            on = worker_id(1) if number != 3 else worker_id(2)
            bench.writing.attempts.add(attempt(key(owner, number), worker_id=on, state="failed", ended_at=ended))
        bench.writing.attempts.add(attempt(key(owner, 5), worker_id=worker_id(1)))
        assert [one.key.attempt for one in bench.reading.attempts.ended_on(worker_id(1), 2)] == [4, 2]
        assert [one.key.attempt for one in bench.reading.attempts.ended_on(worker_id(1), 9)] == [4, 2, 1]

    @pytest.mark.parametrize(
        ("state", "good"), [("completed", True), ("pruned", True), ("paused", True), ("lost", False)]
    )
    def test_whether_others_did_well(self, bench: Bench, owner: Trial, state: Any, good: bool) -> None:
        for number in (1, 2):
            bench.writing.workers.add(worker(number))
        made = attempt(key(owner), worker_id=worker_id(2), state=state, ended_at=MOMENT)
        bench.writing.attempts.add(made)
        asked = bench.reading.attempts.good_elsewhere
        assert asked(owner.study_id, worker_id(1), MOMENT - _HOUR) is good
        assert asked(owner.study_id, worker_id(1), MOMENT) is good
        assert not asked(owner.study_id, worker_id(1), MOMENT + _HOUR), "before that"
        assert not asked(owner.study_id, worker_id(2), MOMENT - _HOUR), "on the very worker"
        assert not asked(owner.study_id + 1, worker_id(1), MOMENT - _HOUR), "of another study"
        bench.writing.workers.remove(worker_id(2))
        assert not asked(owner.study_id, worker_id(1), MOMENT - _HOUR), "on a worker that nobody knows"

    def test_overdue_of_all_studies(self, bench: Bench) -> None:
        first, second = bench.study(), bench.study("other")
        for study in (first, second):
            (one,) = bench.trials(study, 1)
            bench.writing.attempts.add(attempt(key(one)))
        found = bench.writing.attempts.overdue(None, 10)
        assert [one.key.study_id for one in found] == [first.id, second.id]
        assert len(bench.writing.attempts.overdue(None, 1)) == 1
        assert [one.key.study_id for one in bench.writing.attempts.overdue(second.id, 10)] == [second.id]

    def test_studies_are_found_by_their_ids(self, bench: Bench) -> None:
        one, two, gone = bench.study("one"), bench.study("two"), bench.study("gone")
        bench.writing.studies.delete(gone)
        assert bench.reading.studies.find([two.id, gone.id, one.id, 10**6]) == {one.id: one, two.id: two}
        assert bench.reading.studies.find([]) == {}

    def test_offering_are_active_studies_with_something_queued(self, bench: Bench) -> None:
        names = ("ready", "empty", "paused", "aside", "gone")
        studies = {name: bench.study(name) for name in names}
        for name in ("ready", "paused", "aside", "gone"):
            bench.trials(studies[name], 2)
        bench.trials(studies["ready"], 3, state="running")
        bench.trials(studies["empty"], 1, state="running")
        bench.write(lambda tx: tx.studies.save(tx.studies.get("paused").moved("paused")))
        bench.write(lambda tx: tx.studies.save(replace(tx.studies.get("aside"), archived=True)))
        bench.writing.studies.delete(studies["gone"])
        assert [(one.study.name, one.running) for one in bench.reading.studies.offering()] == [("ready", 3)]


class PutOffConformance:
    """Trials that wait after a loss."""

    def test_a_trial_is_claimed_when_it_is_due_and_not_before(self, bench: Bench) -> None:
        study = bench.study()
        now = bench.read(lambda tx: tx.now)
        later = trial(study, not_before=now + _HOUR)
        due = trial(study, not_before=now - _HOUR)
        bench.add([later, due])
        assert [one.number for one in bench.writing.trials.claim(study.id, 5)] == [1]
        assert [one.study.name for one in bench.reading.studies.offering()] == ["digits"]
        assert [(one.study, one.not_before) for one in bench.reading.trials.put_off()] == [("digits", later.not_before)]

    def test_what_is_not_due_is_not_offered(self, bench: Bench) -> None:
        study = bench.study()
        now = bench.read(lambda tx: tx.now)
        bench.add([trial(study, not_before=now + _HOUR)])
        assert list(bench.reading.studies.offering()) == []

    def test_a_trial_avoids_a_node_for_a_while(self, bench: Bench) -> None:
        study = bench.study()
        now = bench.read(lambda tx: tx.now)
        shy = {"not_before": now - _HOUR, "avoid": "a"}
        bench.add([trial(study, **shy, avoid_until=now + _HOUR), trial(study, **shy, avoid_until=now), trial(study)])

        def claimed(node: str | None) -> list[int]:
            return [one.number for one in bench.write(lambda tx: tx.trials.claim(study.id, 9, node=node))]

        assert (claimed("a"), claimed("b"), claimed(None)) == ([1, 2], [0, 1, 2], [0, 1, 2])
        (waits,) = bench.reading.trials.put_off()
        assert (waits.avoid, waits.avoid_until) == ("a", now + _HOUR)

    def test_only_queued_trials_of_living_studies_are_put_off(self, bench: Bench) -> None:
        study, gone = bench.study(), bench.study("gone")
        later = bench.read(lambda tx: tx.now) + _HOUR
        bench.add([trial(study, not_before=later, state="running"), trial(gone, not_before=later)])
        bench.writing.studies.delete(gone)
        assert list(bench.reading.trials.put_off()) == []

    def test_trials_are_picked_by_their_numbers(self, bench: Bench) -> None:
        study = bench.study()
        made = bench.trials(study, 3)
        assert bench.reading.trials.pick(study.id, [2, 0, 77]) == {0: made[0], 2: made[2]}
        assert bench.reading.trials.pick(study.id, []) == {}
        assert bench.reading.trials.pick(study.id + 1, [0]) == {}


class StoredConformance:
    """Checkpoints whose bytes the server keeps."""

    def test_an_evicted_one_is_no_longer_listed_and_still_known(self, bench: Bench, owner: Trial) -> None:
        first, second = (checkpoint(key(owner), step, uri=f"{ARTIFACT}1/{step}") for step in (5, 10))
        for one in (first, second):
            bench.writing.checkpoints.add(one)
        assert bench.reading.checkpoints.get(key(owner), 5) == first
        assert bench.reading.checkpoints.get(key(owner), 6) is None
        bench.writing.checkpoints.evict([first])
        bench.writing.checkpoints.evict([])
        assert list(bench.reading.checkpoints.list(owner.study_id, owner.number)) == [second]
        everything = bench.read(lambda tx: tx.checkpoints.list(owner.study_id, owner.number, evicted=True))
        assert [one.step for one in everything] == [10, 5]
        gone = bench.reading.checkpoints.get(key(owner), 5)
        assert gone is not None
        assert gone.evicted_at is not None
        assert replace(gone, evicted_at=None) == first

    def test_one_that_is_saved_again_is_there_again(self, bench: Bench, owner: Trial) -> None:
        given = checkpoint(key(owner), 5, uri=f"{ARTIFACT}1/x")
        bench.writing.checkpoints.add(given)
        bench.writing.checkpoints.evict([given])
        bench.writing.checkpoints.add(given)
        assert list(bench.reading.checkpoints.list(owner.study_id, owner.number)) == [given]

    def test_stored_are_those_of_a_study_that_the_server_keeps(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        one, two = bench.trials(study, 2)
        (three,) = bench.trials(other, 1)

        def kept(of: Trial, step: int, **fields: Any) -> Checkpoint:
            made = checkpoint(
                key(of, 1), step, **{"uri": f"{ARTIFACT}x/{of.number}-{step}", "size": 100 + step, **fields}
            )
            bench.writing.checkpoints.add(made)
            return made

        second, first = kept(two, 1), kept(one, 2)
        kept(one, 3, uri="s3://bucket/artifact:x")
        gone = kept(one, 4)
        kept(three, 5)
        bench.writing.checkpoints.evict([gone])
        assert list(bench.reading.checkpoints.stored(study.id)) == [first, second]
        assert bench.reading.checkpoints.stored_bytes(study.id) == first.size + second.size
        assert bench.reading.checkpoints.stored_bytes(10**6) == 0


class LogConformance:
    """The `Logs` port."""

    def test_pieces_come_back_in_their_order(self, bench: Bench, owner: Trial) -> None:
        given = _pieces(key(owner), b"one", bytes(range(256)), b"", "Ω".encode())
        for one in (given[0], given[1], given[3]):
            bench.writing.logs.append(one)
        bench.writing.logs.append(LogPiece(key=key(owner, 2), begin=0, data=b"other"))
        assert bench.reading.logs.end(key(owner)) == 261
        assert bench.reading.logs.end(key(owner, 3)) == 0
        assert list(bench.reading.logs.pieces(key(owner), 0, 10**6)) == [given[0], given[1], given[3]]
        assert list(bench.reading.logs.pieces(key(owner), 3, 10**6)) == [given[1], given[3]]
        assert list(bench.reading.logs.pieces(key(owner), 2, 1)) == [given[0]]
        assert list(bench.reading.logs.pieces(key(owner), 0, 4)) == [given[0], given[1]]
        assert list(bench.reading.logs.pieces(key(owner), 261, 10)) == []

    def test_a_piece_is_added_once(self, bench: Bench, owner: Trial) -> None:
        bench.writing.logs.append(LogPiece(key=key(owner), begin=0, data=b"one"))
        with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
            bench.writing.logs.append(LogPiece(key=key(owner), begin=0, data=b"two"))
        (kept,) = bench.reading.logs.pieces(key(owner), 0, 10)
        assert kept.data == b"one"

    def test_trimming_leaves_the_middle_out(self, bench: Bench, owner: Trial) -> None:
        for one in _pieces(key(owner), *[b"x" * 10] * 6):
            bench.writing.logs.append(one)
        bench.writing.logs.append(LogPiece(key=key(owner, 2), begin=20, data=b"other"))
        bench.writing.logs.trim(key(owner), 15, 45)
        assert [one.begin for one in bench.reading.logs.pieces(key(owner), 0, 100)] == [0, 10, 40, 50]
        assert bench.reading.logs.end(key(owner)) == 60
        assert len(bench.reading.logs.pieces(key(owner, 2), 0, 100)) == 1

    def test_logs_go_with_their_study(self, bench: Bench) -> None:
        study = bench.study()
        (one,) = bench.trials(study, 1)
        bench.writing.logs.append(LogPiece(key=key(one), begin=0, data=b"one"))
        bench.writing.studies.delete(study)

        def purge(tx: Transaction) -> int:
            return tx.studies.purge(100)

        while bench.write(purge):
            pass
        assert bench.reading.logs.end(key(one)) == 0


def _pieces(at: AttemptKey, *texts: bytes) -> list[LogPiece]:
    made, begin = [], 0
    for text in texts:
        made.append(LogPiece(key=at, begin=begin, data=text))
        begin += len(text)
    return made
