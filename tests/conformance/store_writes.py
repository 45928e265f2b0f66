"""What every store must do with work: all of it or nothing, one moment to read, many writers who do not disturb."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from service.domain.audit import AuditQuery
from service.domain.errors import NameTaken, StaleLease, StoreUnavailable, StudyNotFound
from service.domain.query import StudyQuery
from service.domain.study import Study
from service.domain.trial import AttemptKey, Trial
from service.usecases.ports import Transaction
from tests.conformance.samples import Bench, attempt, checkpoint, definition, event, point, trial
from tests.conformance.store_access import session, signed, token


class Broken(RuntimeError):
    """A mistake in a piece of work."""


class WriteConformance:
    """`write`, `read`, `ping` and `close`."""

    def test_a_store_says_what_it_is(self, bench: Bench) -> None:
        assert bench.store.info.database in {"memory", "sqlite", "postgresql"}
        assert bench.store.info.schema_revision
        bench.run(bench.store.ping())

    def test_a_write_answers_what_its_work_answers(self, bench: Bench) -> None:
        assert bench.write(lambda tx: None) is None
        assert bench.write(lambda tx: "done") == "done"
        assert bench.read(lambda tx: (1, 2)) == (1, 2)

    def test_what_an_undone_neighbour_had_of_a_trial_is_written_whole(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1, system={"cma": "first"})
        undone: list[Trial] = []

        def breaks(tx: Transaction) -> None:
            undone.append(tx.trials.save(replace(tx.trials.lock(study.id, 0), system={"cma": "second"})))
            raise Broken

        answers = bench.write_at_once([breaks, lambda tx: tx.trials.save(undone[-1])])
        assert isinstance(answers[0], Broken)
        assert bench.reading.trials.get(study.id, 0).system == {"cma": "second"}

    def test_work_sees_what_it_has_written(self, bench: Bench) -> None:
        def work(tx: Transaction) -> tuple[object, ...]:
            study = tx.studies.add(definition())
            one = tx.trials.add(trial(study))
            at = AttemptKey(study.id, one.number, 1)
            tx.attempts.add(attempt(at))
            tx.points.append([point(at, 1)])
            return (
                tx.studies.get("digits").seq == 2,
                tx.trials.get(study.id, 0) == one,
                tx.trials.claim(study.id, 1)[0] == one,
                tx.attempts.lock([at]) == {at: attempt(at)},
                list(tx.points.list(study.id, 0, (0, 0), 1)) == [point(at, 1)],
            )

        assert bench.write(work) == (True,) * 5

    @pytest.mark.parametrize("error", [Broken("x"), StaleLease("x"), KeyError("x")])
    def test_work_that_raises_leaves_nothing(self, bench: Bench, error: Exception) -> None:
        before = bench.write(_fill)
        seen = bench.read(_everything)

        def work(tx: Transaction) -> None:
            _touch_everything(tx, before)
            raise error

        with pytest.raises(type(error)) as caught:
            bench.write(work)
        assert caught.value is error
        assert bench.read(_everything) == seen
        # What a study counts goes on as if nothing had been.
        assert bench.writing.trials.add(trial(before)).number == 2
        assert bench.study("third").next_number == 0

    def test_what_a_reader_writes_is_undone(self, bench: Bench) -> None:
        before = bench.write(_fill)
        seen = bench.read(_everything)
        bench.read(lambda tx: _touch_everything(tx, before))

        def broken(tx: Transaction) -> None:
            _touch_everything(tx, before)
            raise Broken

        with pytest.raises(Broken):
            bench.read(broken)
        assert bench.read(_everything) == seen

    @pytest.mark.parametrize("error", [StaleLease, Broken])
    def test_a_refusal_does_not_disturb_its_neighbours(self, bench: Bench, error: type[Exception]) -> None:
        study = bench.study()

        def fine(tx: Transaction) -> Trial:
            added = tx.trials.add(trial(study))
            tx.events.append(event(study, trial=added.number))
            return added

        def refused(tx: Transaction) -> Trial:
            fine(tx)
            tx.studies.add(definition("left behind"))
            raise error

        answers = bench.write_at_once([refused if place % 8 == 3 else fine for place in range(64)])
        assert all(isinstance(answer, error) is (place % 8 == 3) for place, answer in enumerate(answers))
        trials = [answer for answer in answers if isinstance(answer, Trial)]
        assert sorted(one.number for one in trials) == list(range(56))
        told = bench.reading.events.list(0, None, 100)
        assert sorted(one.trial or 0 for one in told) == list(range(56))
        assert bench.read(lambda tx: tx.studies.get("digits").seq) == 57
        with pytest.raises(StudyNotFound):
            bench.reading.studies.get("left behind")

    def test_a_mistake_the_database_finds_does_not_disturb_its_neighbours(self, bench: Bench) -> None:
        study = bench.study()
        (one,) = bench.trials(study, 1)
        at = AttemptKey(study.id, one.number, 1)
        bench.writing.attempts.add(attempt(at))
        works: list[Callable[[Transaction], Any]] = [lambda tx: tx.trials.add(trial(study))] * 20
        works.insert(7, lambda tx: tx.attempts.add(attempt(at)))
        works.insert(13, lambda tx: tx.studies.add(definition()))
        answers = bench.write_at_once(works)
        assert [place for place, answer in enumerate(answers) if isinstance(answer, Exception)] == [7, 13]
        assert isinstance(answers[13], NameTaken)
        assert sorted(one.number for one in answers if isinstance(one, Trial)) == list(range(1, 21))

    def test_two_who_change_the_same_wait_for_each_other(self, bench: Bench) -> None:
        study = bench.study()

        def count(tx: Transaction) -> Study:
            now = tx.studies.lock("digits")
            return tx.studies.save(replace(now, revision=now.revision + 1))

        bench.write_at_once([count] * 64)
        now = bench.reading.studies.get("digits")
        assert (now.revision, now.seq) == (65, study.seq + 64)

    def test_a_reader_sees_one_moment(self, bench: Bench) -> None:
        """Each write adds a trial and an event: no reader may see one without the other."""
        study = bench.study()

        def write(tx: Transaction) -> None:
            tx.trials.add(trial(study))
            tx.events.append(event(study))

        def look(tx: Transaction) -> tuple[int, int, int]:
            trials = len(tx.trials.changed(study.id, 0, 1000))
            return trials, tx.studies.get("digits").next_number, len(tx.events.list(0, None, 1000))

        async def work() -> list[tuple[int, int, int]]:
            seen: list[tuple[int, int, int]] = []
            writing = asyncio.gather(*[bench.store.write(write) for _ in range(100)])
            while not writing.done():
                seen.append(await bench.store.read(look))
            await writing
            return [*seen, await bench.store.read(look)]

        seen = bench.run(work())
        assert all(trials == number == told for trials, number, told in seen)
        assert seen[-1][0] == 100
        assert [one[0] for one in seen] == sorted(one[0] for one in seen)

    def test_a_write_is_there_for_the_next_reader(self, bench: Bench) -> None:
        study = bench.study()

        async def work() -> bool:
            for _ in range(50):
                added = await bench.store.write(lambda tx: tx.trials.add(trial(study)))
                await bench.store.read(partial(_get, added))
            return True

        assert bench.run(work())

    def test_the_clock(self, bench: Bench) -> None:
        seen = [bench.write(lambda tx: (tx.now, tx.now)) for _ in range(5)]
        seen += [bench.read(lambda tx: (tx.now, tx.now)) for _ in range(5)]
        for first, second in seen:
            assert first == second
            assert first.utcoffset() == timedelta(0)
            assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)
        assert [first for first, _ in seen] == sorted(first for first, _ in seen)

    def test_a_caller_who_goes_away_leaves_the_others_alone(self, bench: Bench) -> None:
        study = bench.study()

        async def work() -> list[Trial]:
            writes = [asyncio.create_task(bench.store.write(lambda tx: tx.trials.add(trial(study)))) for _ in range(20)]
            await asyncio.sleep(0)
            for task in writes[::2]:
                task.cancel()
            await asyncio.gather(*writes[::2], return_exceptions=True)
            return await asyncio.gather(*writes[1::2])

        kept = bench.run(work())
        assert len({one.number for one in kept}) == 10
        found = bench.reading.trials.changed(study.id, 0, 100)
        assert [one.number for one in found] == list(range(len(found)))
        assert {one.number for one in kept} <= {one.number for one in found}

    def test_closing_finishes_the_writes_that_are_waiting(self, bench: Bench) -> None:
        study = bench.study()

        def together(tx: Transaction, items: Sequence[int]) -> Sequence[int]:
            return [tx.trials.add(trial(study, params={"item": item})).number for item in items]

        async def work() -> list[object]:
            writes = [asyncio.create_task(bench.store.write(lambda tx: tx.trials.add(trial(study)))) for _ in range(20)]
            others = [asyncio.create_task(bench.store.write_together(together, item)) for item in range(20)]
            await asyncio.sleep(0)
            bench.store.close()
            return await asyncio.gather(*writes, *others, return_exceptions=True)

        answers = bench.run(work())
        assert not [answer for answer in answers if isinstance(answer, BaseException)]
        with pytest.raises(StoreUnavailable):
            bench.study("late")
        bench.store.close()


class TogetherConformance:
    """`write_together`."""

    def test_items_that_wait_go_in_one_call(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction, items: Sequence[int]) -> Sequence[tuple[int, int, int]]:
            return [(item, tx.trials.add(trial(study)).number, len(items)) for item in items]

        answers = bench.write_all_together(work, range(64))
        assert [item for item, _, _ in answers] == list(range(64))
        assert sorted(number for _, number, _ in answers) == list(range(64))
        # A store may take the first alone, while the others are still coming.
        assert max(size for _, _, size in answers) > 16

    def test_different_work_is_kept_apart(self, bench: Bench) -> None:
        def double(tx: Transaction, items: Sequence[int]) -> Sequence[int]:
            return [2 * item for item in items]

        def square(tx: Transaction, items: Sequence[int]) -> Sequence[int]:
            return [item**2 for item in items]

        async def work() -> list[int]:
            calls = [bench.store.write_together(square if item % 2 else double, item) for item in range(10)]
            return await asyncio.gather(*calls)

        assert bench.run(work()) == [0, 1, 4, 9, 8, 25, 12, 49, 16, 81]

    def test_refusals_are_told_each_to_its_caller(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction, items: Sequence[int]) -> Sequence[int | BaseException]:
            return [StaleLease(f"{item}") if item % 5 == 0 else tx.trials.add(trial(study)).number for item in items]

        answers = bench.write_all_together(work, range(1, 65))
        for item, answer in enumerate(answers, start=1):
            assert isinstance(answer, StaleLease) is (item % 5 == 0)
            assert not isinstance(answer, StaleLease) or answer.message == str(item)
        assert bench.read(lambda tx: tx.studies.get("digits").next_number) == 52

    @pytest.mark.parametrize("error", [Broken, StaleLease])
    def test_one_that_raises_does_not_disturb_the_others(self, bench: Bench, error: type[Exception]) -> None:
        study = bench.study()

        def work(tx: Transaction, items: Sequence[int]) -> Sequence[int]:
            numbers = []
            for item in items:
                numbers.append(tx.trials.add(trial(study)).number)
                tx.events.append(event(study, trial=item))
                if item == 40:
                    raise error
            return numbers

        answers = bench.write_all_together(work, range(64))
        assert [item for item, answer in enumerate(answers) if isinstance(answer, error)] == [40]
        assert sorted(answer for answer in answers if isinstance(answer, int)) == list(range(63))
        told = bench.reading.events.list(0, None, 100)
        assert sorted(one.trial or 0 for one in told) == [item for item in range(64) if item != 40]

    def test_single_writes_between_them_keep_their_own_fate(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction, items: Sequence[int]) -> Sequence[int]:
            return [tx.trials.add(trial(study)).number for _ in items]

        def single(tx: Transaction) -> int:
            tx.trials.add(trial(study))
            raise Broken

        async def all_at_once() -> list[int | BaseException]:
            together = [bench.store.write_together(work, item) for item in range(32)]
            return await asyncio.gather(
                *[
                    call
                    for pair in zip(together, [bench.store.write(single) for _ in range(32)], strict=True)
                    for call in pair
                ],
                return_exceptions=True,
            )

        answers = bench.run(all_at_once())
        assert all(isinstance(answer, Broken) for answer in answers[1::2])
        assert sorted(answer for answer in answers[::2] if isinstance(answer, int)) == list(range(32))


def _get(one: Trial, tx: Transaction) -> Trial:
    return tx.trials.get(one.study_id, one.number)


def _fill(tx: Transaction) -> Study:
    study = tx.studies.add(definition())
    for _ in range(2):
        at = AttemptKey(study.id, tx.trials.add(trial(study)).number, 1)
        tx.attempts.add(attempt(at))
        tx.points.append([point(at, 1), point(at, 2)])
        tx.checkpoints.add(checkpoint(at, 10))
    tx.studies.delete(tx.studies.add(definition("gone")))
    tx.events.append(event(study))
    tx.requests.put("a", "1", "d", [1])
    tx.tokens.add(token())
    tx.sessions.add(session())
    tx.audit.append(signed())
    return tx.studies.get("digits")


def _touch_everything(tx: Transaction, study: Study) -> None:
    """Every method that writes, once."""
    tx.studies.add(definition("second"))
    tx.studies.save(replace(study, state="paused"))
    added = tx.trials.add(trial(study))
    tx.trials.save(tx.trials.get(study.id, 0).moved("running", tx.now))
    at = AttemptKey(study.id, 0, 1)
    tx.attempts.add(attempt(AttemptKey(study.id, added.number, 1)))
    tx.attempts.save([tx.attempts.lock([at])[at].moved("lost", tx.now)])
    tx.points.append([point(at, 3)])
    tx.points.supersede(study.id, 0, 0)
    tx.checkpoints.add(checkpoint(at, 10, uri="file:///other"))
    tx.checkpoints.add(checkpoint(at, 20))
    tx.events.append(event(study))
    tx.events.prune(tx.now + timedelta(days=36_500))
    tx.requests.put("a", "2", "d", [2])
    tx.requests.prune(tx.now + timedelta(days=1))
    tx.tokens.add(token("0000000000bb"))
    tx.tokens.used({"0000000000aa": tx.now})
    tx.tokens.revoke("0000000000aa")
    tx.sessions.add(session("b" * 64))
    tx.sessions.end("a" * 64)
    tx.audit.append(signed())
    tx.audit.prune(tx.now + timedelta(days=36_500))
    tx.tokens.prune(tx.now + timedelta(days=1))
    tx.studies.purge(100)
    tx.studies.delete(tx.studies.get("digits"))


def _everything(tx: Transaction) -> dict[str, object]:
    study = tx.studies.get("digits")
    return {
        "studies": tx.studies.list(StudyQuery(archived=None)),
        "trials": tuple(tx.trials.changed(study.id, 0, 100)),
        "counts": {state: count for state, count in tx.trials.counts([study.id])[study.id].items() if count},
        "attempts": tx.attempts.current(study.id, range(5)),
        "points": [tuple(tx.points.list(study.id, number, (0, 0), 100)) for number in range(5)],
        "checkpoints": [tuple(tx.checkpoints.list(study.id, number)) for number in range(5)],
        "events": tuple(tx.events.list(0, None, 100)),
        "bounds": tx.events.bounds(),
        "requests": [tx.requests.get("a", request_id) for request_id in "12"],
        "tokens": tuple(tx.tokens.list()),
        "sessions": tuple(tx.sessions.list()),
        "audit": tx.audit.list(AuditQuery()),
    }
