"""What every store must do with attempts, points and checkpoints."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.trial import Attempt, AttemptKey, Point, Trial
from service.usecases.ports import Transaction
from service.wire.trial import AttemptState
from tests.conformance.samples import (
    FLOATS,
    MOMENT,
    TEXTS,
    Bench,
    attempt,
    checkpoint,
    exact,
    full_attempt,
    key,
    point,
)

BESIDE = (0, 5)
"""How many others are written at once: a few go one by one to some databases, many all together."""


class AttemptConformance:
    """The `Attempts` port."""

    @pytest.mark.parametrize("make", [attempt, full_attempt])
    def test_an_attempt_comes_back_as_it_went_in(self, bench: Bench, owner: Trial, make: Any) -> None:
        given = make(key(owner))
        bench.writing.attempts.add(given)
        assert list(bench.reading.attempts.list(owner.study_id, owner.number)) == [given]
        assert bench.reading.attempts.current(owner.study_id, [owner.number]) == {owner.number: given}
        assert bench.writing.attempts.lock([given.key]) == {given.key: given}

    def test_attempts_are_listed_oldest_first(self, bench: Bench, owner: Trial) -> None:
        given = [attempt(key(owner, number), token=number) for number in range(1, 13)]
        for one in given[::-1]:
            bench.writing.attempts.add(one)
        assert list(bench.reading.attempts.list(owner.study_id, owner.number)) == given
        assert list(bench.reading.attempts.list(owner.study_id, 0)) == []

    def test_an_attempt_is_added_once(self, bench: Bench, owner: Trial) -> None:
        given = attempt(key(owner))
        bench.writing.attempts.add(given)
        with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
            bench.writing.attempts.add(replace(given, token=2))
        assert bench.reading.attempts.lock([given.key]) == {given.key: given}

    def test_current_is_the_newest_of_each(self, bench: Bench) -> None:
        study = bench.study()
        one, two, _none = bench.trials(study, 3)
        (other,) = bench.trials(bench.study("other"), 1)
        for at in (key(one), key(two, 1), key(two, 10), key(two, 9), key(other, 3)):
            bench.writing.attempts.add(attempt(at))
        current = bench.reading.attempts.current(study.id, [2, 1, 0, 77])
        assert {number: found.key.attempt for number, found in current.items()} == {0: 1, 1: 10}
        assert bench.reading.attempts.current(study.id, []) == {}

    def test_lock_leaves_out_what_is_not_there(self, bench: Bench, owner: Trial) -> None:
        given = [attempt(key(owner, number)) for number in (1, 2)]
        for one in given:
            bench.writing.attempts.add(one)
        here, there = given[1].key, given[0].key
        unknown = [replace(here, attempt=3), replace(here, number=0), replace(here, study_id=10**6)]
        unknown.append(replace(here, attempt=2**40))
        found = bench.writing.attempts.lock([unknown[0], here, *unknown[1:], there])
        assert found == {one.key: one for one in given}
        assert bench.writing.attempts.lock([]) == {}
        assert bench.writing.attempts.lock(unknown) == {}
        assert [bench.writing.attempts.lock([alone]) for alone in unknown] == [{}] * 4
        assert bench.writing.attempts.lock([here, here]) == {here: given[1]}

    @pytest.mark.parametrize("beside", BESIDE)
    def test_save_writes_what_can_change_of_an_attempt(self, bench: Bench, owner: Trial, beside: int) -> None:
        first, second, third, *others = (attempt(key(owner, number)) for number in range(1, 4 + beside))
        for one in (first, second, third, *others):
            bench.writing.attempts.add(one)
        full = replace(
            full_attempt(first.key),
            **{
                name: getattr(first, name)
                for name in ("token", "worker", "resume_step", "resumes", "holder", "worker_id")
            },
        )
        later = replace(second, expires_at=MOMENT + timedelta(microseconds=1), state="running")
        bench.writing.attempts.save([later, *others, full])
        assert list(bench.reading.attempts.list(owner.study_id, owner.number)) == [full, later, third, *others]
        locked = bench.writing.attempts.lock([one.key for one in (third, full, *others)])
        assert locked == {one.key: one for one in (full, third, *others)}
        bench.writing.attempts.save([first])
        bench.writing.attempts.save([])
        assert list(bench.reading.attempts.list(owner.study_id, owner.number)) == [first, later, third, *others]

    @pytest.mark.parametrize("beside", BESIDE)
    def test_numbers_are_kept_to_the_last_bit_of_an_attempt(self, bench: Bench, owner: Trial, beside: int) -> None:
        given = attempt(key(owner), last_metrics=FLOATS, gpu_seconds=5e-324)
        others = [attempt(key(owner, number)) for number in range(2, 2 + beside)]
        for one in (given, *others):
            bench.writing.attempts.add(one)
        for _ in range(2):
            got = bench.reading.attempts.lock([given.key])[given.key]
            assert got.last_metrics is not None
            assert exact(got.last_metrics) == exact(FLOATS)
            assert exact(got.gpu_seconds) == exact(5e-324)
            bench.writing.attempts.save([got, *others])

    def test_who_changes_what_he_gave_or_got_changes_nothing_of_an_attempt(self, bench: Bench, owner: Trial) -> None:
        metrics = {"loss": 1.0}
        given = attempt(key(owner), last_metrics=metrics)
        bench.writing.attempts.add(given)
        metrics["loss"] = 2.0
        got = bench.reading.attempts.lock([given.key])[given.key]
        assert got.last_metrics == {"loss": 1.0}
        with contextlib.suppress(TypeError):
            dict.clear(got.last_metrics)  # type: ignore[arg-type]  # it may be a dict or not
        assert bench.reading.attempts.lock([given.key])[given.key].last_metrics == {"loss": 1.0}

    def test_overdue_are_the_live_ones_whose_time_is_over(self, bench: Bench) -> None:
        study = bench.study()
        ended: tuple[AttemptState, ...] = ("completed", "pruned", "paused", "preempted", "failed", "lost")
        trials = bench.trials(study, 4 + len(ended))
        (foreign,) = bench.trials(bench.study("other"), 1)

        def work(tx: Transaction) -> list[Attempt]:
            past, future = tx.now - timedelta(seconds=1), tx.now + timedelta(hours=1)
            live = [
                attempt(key(trials[0], 2), expires_at=past),
                attempt(key(trials[1]), expires_at=past, state="running"),
                attempt(key(trials[2]), expires_at=future),
                attempt(key(trials[3]), expires_at=future, state="running"),
                attempt(key(foreign), expires_at=past),
            ]
            over = [
                attempt(key(one), expires_at=past, state=state, ended_at=past)
                for one, state in zip(trials[4:], ended, strict=True)
            ]
            for one in (*live, *over, attempt(key(trials[0]), expires_at=past, state="lost", ended_at=past)):
                tx.attempts.add(one)
            return live

        live = bench.write(work)
        found = bench.writing.attempts.overdue(study.id, 10)
        assert sorted(found, key=lambda one: one.key.number) == live[:2]
        assert len(bench.writing.attempts.overdue(study.id, 1)) == 1
        # One that is renewed is not overdue, one that has ended neither.
        bench.writing.attempts.save([replace(live[0], expires_at=live[2].expires_at), live[1].moved("lost", MOMENT)])
        assert list(bench.writing.attempts.overdue(study.id, 10)) == []


class PointConformance:
    """The `Points` port."""

    @pytest.mark.parametrize("beside", BESIDE)
    def test_points_come_back_as_they_went_in(self, bench: Bench, owner: Trial, beside: int) -> None:
        at = key(owner)
        given = [
            point(at, 1),
            point(at, 2, step=2**53 - 1, elapsed=0.1 + 0.2, cost=5e-324),
            point(at, 3, metrics={"val/loss": 1.0, "größe": -1e308}, superseded=True),
            *[point(at, seq) for seq in range(4, 4 + beside)],
        ]
        bench.writing.points.append(given)
        bench.writing.points.append([])
        assert list(bench.reading.points.list(*_trial(at), (0, 0), 10)) == given
        assert list(bench.reading.points.list(at.study_id, 0, (0, 0), 10)) == []

    @pytest.mark.parametrize("beside", BESIDE)
    def test_numbers_are_kept_to_the_last_bit_of_a_point(self, bench: Bench, owner: Trial, beside: int) -> None:
        others = [point(key(owner), seq) for seq in range(2, 2 + beside)]
        bench.writing.points.append([point(key(owner), 1, metrics=FLOATS), *others])
        got, *_ = bench.reading.points.list(*_trial(key(owner)), (0, 0), 10)
        assert exact(got.metrics) == exact(FLOATS)

    def test_who_changes_what_he_gave_or_got_changes_nothing_of_a_point(self, bench: Bench, owner: Trial) -> None:
        metrics = {"loss": 1.0}
        bench.writing.points.append([point(key(owner), 1, metrics=metrics)])
        for _ in range(2):
            metrics["loss"] = 2.0
            (got,) = bench.reading.points.list(*_trial(key(owner)), (0, 0), 10)
            assert got.metrics == {"loss": 1.0}
            with contextlib.suppress(TypeError):
                dict.clear(got.metrics)  # type: ignore[arg-type]  # it may be a dict or not

    def test_points_are_paged_in_the_order_of_attempt_and_seq(self, bench: Bench, owner: Trial) -> None:
        given = [point(key(owner, number), seq) for number in (1, 2, 10) for seq in range(1, 12)]
        other = point(replace(key(owner), number=0), 1)
        bench.writing.points.append([*given[::-1], other])
        assert list(bench.reading.points.list(*_trial(key(owner)), (0, 0), 33)) == given
        for size in (1, 4, 11, 33):
            assert _paged(bench.reading, key(owner), size) == given
        assert list(bench.reading.points.list(*_trial(key(owner)), (2, 0), 1)) == [given[11]]
        assert list(bench.reading.points.list(*_trial(key(owner)), (10, 11), 1)) == []

    def test_a_point_is_added_once(self, bench: Bench, owner: Trial) -> None:
        at = key(owner)
        bench.writing.points.append([point(at, 1), point(at, 2)])
        for again in ([point(at, 3), point(at, 2)], [point(at, 4), point(at, 4)]):
            with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
                bench.writing.points.append(again)
        bench.writing.points.append([point(key(owner, 2), 1)])
        found = bench.reading.points.list(*_trial(at), (0, 0), 10)
        assert [(one.key.attempt, one.seq) for one in found] == [(1, 1), (1, 2), (2, 1)]

    def test_a_thousand_points_at_once(self, bench: Bench, owner: Trial) -> None:
        given = [point(key(owner), seq) for seq in range(1, 5001)]
        bench.writing.points.append(given)
        assert list(bench.reading.points.list(*_trial(key(owner)), (0, 0), 10_000)) == given

    def test_points_beyond_a_step_are_superseded(self, bench: Bench, owner: Trial) -> None:
        given = [point(key(owner, number), seq) for number in (1, 2) for seq in (1, 2, 3)]
        other = point(replace(key(owner), number=0), 3)
        bench.writing.points.append([*given, other])
        bench.writing.points.supersede(*_trial(key(owner)), 20)
        found = bench.reading.points.list(*_trial(key(owner)), (0, 0), 10)
        assert list(found) == [replace(one, superseded=one.step > 20) for one in given]
        assert list(bench.reading.points.list(*_trial(other.key), (0, 0), 10)) == [other]
        # Those of the next attempt are not, and what is superseded stays so.
        bench.writing.points.append([point(key(owner, 3), 3)])
        bench.writing.points.supersede(*_trial(key(owner)), 30)
        found = bench.reading.points.list(*_trial(key(owner)), (0, 0), 10)
        assert [one.superseded for one in found] == [False, False, True, False, False, True, False]
        bench.writing.points.supersede(*_trial(key(owner)), -1)
        found = bench.reading.points.list(*_trial(key(owner)), (0, 0), 10)
        assert all(one.superseded for one in found)


class CheckpointConformance:
    """The `Checkpoints` port."""

    def test_checkpoints_are_listed_newest_first(self, bench: Bench, owner: Trial) -> None:
        given = [checkpoint(key(owner, number), step) for number, step in ((1, 0), (1, 5), (1, 10), (2, 15), (10, 20))]
        for one in (given[3], given[0], given[4], given[2], given[1], checkpoint(replace(key(owner), number=0), 99)):
            bench.writing.checkpoints.add(one)
        assert list(bench.reading.checkpoints.list(owner.study_id, owner.number)) == given[::-1]

    def test_one_of_the_same_step_is_replaced(self, bench: Bench, owner: Trial) -> None:
        first, other = checkpoint(key(owner), 5), checkpoint(key(owner, 2), 5)
        again = checkpoint(key(owner), 5, uri="s3://b/é?x=1", sha256="a" * 64, size=0, committed_at=MOMENT)
        for one in (first, other):
            bench.writing.checkpoints.add(one)
        bench.writing.checkpoints.add(again)
        assert list(bench.reading.checkpoints.list(owner.study_id, owner.number)) == [other, again]

    def test_any_text_is_kept_with_an_attempt(self, bench: Bench, owner: Trial) -> None:
        for number, text in enumerate(TEXTS, start=1):
            worker = attempt(key(owner, number), worker=text)
            saved = checkpoint(key(owner, number), 5, uri=text)
            bench.writing.attempts.add(worker)
            bench.writing.checkpoints.add(saved)
            assert bench.reading.attempts.lock([worker.key]) == {worker.key: worker}
            assert bench.reading.checkpoints.list(owner.study_id, owner.number)[0] == saved


def _trial(at: AttemptKey) -> tuple[int, int]:
    return at.study_id, at.number


def _paged(tx: Transaction, at: AttemptKey, size: int) -> list[Point]:
    found: list[Point] = []
    while True:
        after = (found[-1].key.attempt, found[-1].seq) if found else (0, 0)
        page = tx.points.list(*_trial(at), after, size)
        if not page:
            return found
        assert len(page) <= size
        found += page
