"""What every store must do with trials."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from functools import partial
from typing import Any

import pytest

from service.domain.errors import StudyNotFound, TrialNotFound
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.ports import Transaction
from tests.conformance.samples import FLOATS, MOMENT, TEXTS, Bench, exact, full_trial, trial


class TrialConformance:
    """The `Trials` port."""

    def test_numbers_count_from_nought_and_seq_goes_on(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        added = bench.add([trial(study, number=99, seq=99)] * 3)
        assert [(one.number, one.seq) for one in added] == [(0, 2), (1, 3), (2, 4)]
        assert [(one.number, one.seq) for one in bench.trials(other, 1)] == [(0, 2)]
        now = bench.reading.studies.get("digits")
        assert (now.next_number, now.seq, now.revision) == (3, 4, 1)

    def test_numbers_are_consecutive_however_many_write_at_once(self, bench: Bench) -> None:
        study = bench.study()
        added = bench.write_at_once([lambda tx: tx.trials.add(trial(study))] * 64)
        trials = [one for one in added if isinstance(one, Trial)]
        assert len(trials) == 64
        assert sorted(one.number for one in trials) == list(range(64))
        assert sorted(one.seq for one in trials) == list(range(2, 66))
        changed = bench.reading.trials.changed(study.id, 0, 100)
        assert list(changed) == sorted(trials, key=lambda one: one.seq)

    def test_trials_are_added_to_a_study_that_is_as_it_was_seen_and_to_no_other(self, bench: Bench) -> None:
        empty = bench.study()
        assert list(bench.writing.trials.add_to(empty, [])) == []
        first = bench.writing.trials.add_to(empty, [trial(empty, number=99, seq=99)])
        assert list(first) == [bench.reading.trials.get(empty.id, 0)] == [trial(empty, number=0, seq=2)]
        assert list(bench.writing.trials.add_to(empty, [trial(empty)])) == []
        one = bench.reading.studies.get("digits")
        assert (one.next_number, one.added, one.seq) == (1, 0, 2)
        bench.writing.studies.save(replace(one, revision=one.revision + 1))
        assert list(bench.writing.trials.add_to(one, [trial(one)])) == []
        edited = bench.reading.studies.get("digits")
        (elsewhere,) = bench.writing.trials.add_to(edited, [trial(edited, origin="added")])
        two = bench.reading.studies.get("digits")
        assert (two.next_number, two.added, two.seq) == (2, 1, elsewhere.seq)
        bench.writing.studies.delete(two)
        assert list(bench.writing.trials.add_to(two, [trial(two)])) == []

    @pytest.mark.parametrize("count", [2, 9])
    def test_trials_that_are_added_together_have_numbers_and_seqs_one_after_the_other(
        self, bench: Bench, count: int
    ) -> None:
        bench.trials(bench.study(), 2)
        seen = bench.reading.studies.get("digits")
        new = [trial(seen, params={"lr": place / 10}, system={"place": place}) for place in range(count)]
        new[1] = replace(new[1], origin="added")
        added = bench.writing.trials.add_to(seen, new)
        expected = [replace(one, number=2 + place, seq=seen.seq + 1 + place) for place, one in enumerate(new)]
        assert list(added) == expected == [bench.reading.trials.get(seen.id, one.number) for one in added]
        after = bench.reading.studies.get("digits")
        assert (after.next_number, after.added, after.seq) == (2 + count, seen.added + 1, seen.seq + count)

    def test_of_many_who_saw_the_same_study_one_adds_a_trial(self, bench: Bench) -> None:
        study = bench.study()
        added = bench.write_at_once([lambda tx: tx.trials.add_to(study, [trial(study)])] * 16)
        assert [one.number for some in added if not isinstance(some, BaseException) for one in some] == [0]
        assert [len(some) for some in added if not isinstance(some, BaseException)].count(0) == 15

    def test_what_was_read_of_a_study_before_a_trial_was_added_to_it_is_read_anew(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction) -> tuple[Study, Study]:
            before = tx.studies.get("digits")
            tx.trials.add_to(before, [trial(study)])
            return before, tx.studies.get("digits")

        before, after = bench.write(work)
        assert (before.next_number, after.next_number, after.seq) == (0, 1, before.seq + 1)

    def test_a_save_writes_all_that_is_not_as_it_was(self, bench: Bench) -> None:
        study = bench.study()
        (old,) = bench.trials(study, 1, system={"cma": "first"}, attrs={"a": 1})

        def learnt(tx: Transaction) -> Trial:
            moved = tx.trials.save(tx.trials.lock(study.id, 0).moved("running", MOMENT))
            assert moved == replace(old, state="running", started_at=MOMENT, seq=moved.seq)
            return tx.trials.save(replace(moved, system={"cma": "second"}, values={"loss": 1.0}, token=7))

        learned = bench.write(learnt)
        now = bench.reading.trials.get(study.id, 0)
        assert now == learned == replace(now, system={"cma": "second"}, attrs={"a": 1}, state="running", token=7)

        def back(tx: Transaction) -> Trial:
            tx.trials.lock(study.id, 0)
            return tx.trials.save(old)

        assert bench.write(back) == bench.reading.trials.get(study.id, 0) == replace(old, seq=learned.seq + 1)

    @pytest.mark.parametrize("changes", [{"state": "running"}, {"system": {"rung": 1}}], ids=["a move", "a memory"])
    def test_what_is_locked_again_is_as_it_was_written_last(self, bench: Bench, changes: dict[str, Any]) -> None:
        study = bench.study()
        bench.trials(study, 1)

        def refused(tx: Transaction) -> None:
            tx.trials.save(replace(tx.trials.lock(study.id, 0), **changes))
            raise ValueError

        def work(tx: Transaction) -> tuple[Trial, ...]:
            old = tx.trials.lock(study.id, 0)
            saved = tx.trials.save(replace(old, **changes))
            return old, saved, tx.trials.lock(study.id, 0), tx.trials.get(study.id, 0)

        before = bench.reading.trials.get(study.id, 0)
        _, found, _ = bench.write_at_once([refused, work, refused])
        assert not isinstance(found, BaseException | None)
        old, saved, again, read = found
        assert old == before
        assert replace(old, seq=saved.seq, **changes) == saved == again == read == bench.reading.trials.get(study.id, 0)

    @pytest.mark.parametrize("count", [1, 2, 9])
    def test_what_an_engine_remembers_is_merged_and_all_else_stays(self, bench: Bench, count: int) -> None:
        study = bench.study()
        before = bench.trials(study, count + 1, system={"rung": 0, "kept": [1]}, attrs={"a": 1}, values={"loss": 0.5})

        def work(tx: Transaction) -> Trial:
            tx.trials.lock(study.id, 0)
            tx.trials.note(study.id, {n: {"rung": n + 1, "new": {"é": None}} for n in (*reversed(range(count)), 77)})
            return tx.trials.lock(study.id, 0)

        first = bench.write(work)
        now = [bench.reading.trials.get(study.id, number) for number in range(count + 1)]
        told = [{"rung": number + 1, "kept": [1], "new": {"é": None}} for number in range(count)]
        seq = before[-1].seq
        assert now[:count] == [
            replace(before[number], system=system, seq=seq + 1 + number) for number, system in enumerate(told)
        ]
        assert (now[count], now[0]) == (before[count], first)
        assert bench.reading.studies.get("digits").seq == seq + count
        bench.writing.trials.note(study.id, {77: {"rung": 1}})
        assert bench.reading.studies.get("digits").seq == seq + count, "there was nothing to write"

    def test_a_memory_under_a_lock_that_was_meant_for_it_has_a_seq_of_its_own(self, bench: Bench) -> None:
        study = bench.study()
        before = bench.trials(study, 3)

        def work(tx: Transaction) -> None:
            tx.studies.lock("digits", writes=True)
            tx.trials.note(study.id, {1: {"rung": 1}, 2: {"rung": 1}})

        bench.write(work)
        seqs = [bench.reading.trials.get(study.id, number).seq for number in range(3)]
        assert before[-1].seq < seqs[1] < seqs[2], "or who has seen all up to there would not see the first of them"
        assert seqs[-1] == bench.reading.studies.get("digits").seq

    def test_each_write_under_a_lock_that_was_meant_for_it_has_a_seq_of_its_own(self, bench: Bench) -> None:
        study = bench.study()
        one, two = bench.trials(study, 2)

        def work(tx: Transaction) -> list[int]:
            locked = tx.studies.lock("digits", writes=True)
            found = [tx.trials.save(each).seq for each in (one, two)]
            found.append(tx.studies.save(replace(locked, reason="why")).seq)
            tx.studies.lock("digits", writes=True)
            return [*found, tx.trials.save(one).seq]

        seqs = bench.write(work)
        assert sorted(set(seqs)) == seqs
        assert seqs[0] > two.seq
        bench.write(lambda tx: tx.studies.lock("digits", writes=True))
        assert bench.writing.trials.save(two).seq > seqs[-1]
        now = bench.reading.studies.get("digits")
        assert (now.seq, now.reason) == (bench.reading.trials.get(study.id, 1).seq, "why")

    def test_one_who_asks_nothing_of_a_study_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(StudyNotFound):
            bench.write(lambda tx: tx.studies.lock("nothing", writes=True))

    def test_a_trial_comes_back_as_it_went_in(self, bench: Bench) -> None:
        study = bench.study()
        given = full_trial(study)
        added = bench.writing.trials.add(given)
        assert added == replace(given, number=0, seq=2)
        assert bench.read(lambda tx: (tx.trials.get(study.id, 0), tx.trials.lock(study.id, 0))) == (added, added)
        assert exact(added.params) == exact(given.params)
        assert list(added.params) == list(given.params)

    def test_a_bare_trial_comes_back_bare(self, bench: Bench) -> None:
        study = bench.study()
        (added,) = bench.trials(study, 1, params={})
        got = bench.reading.trials.get(study.id, 0)
        assert got == added == trial(study, params={}, seq=2)
        assert (got.values, got.failure, got.started_at, got.finished_at) == (None, None, None, None)

    def test_there_is_no_such_trial(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        bench.trials(study, 1)
        for study_id, number in ((study.id, 1), (study.id, -1), (other.id, 0), (10**6, 0)):
            with pytest.raises(TrialNotFound):
                bench.reading.trials.get(study_id, number)
            with pytest.raises(TrialNotFound):
                bench.writing.trials.lock(study_id, number)

    def test_a_trial_that_is_not_there_is_not_saved(self, bench: Bench) -> None:
        study = bench.study()
        with pytest.raises(TrialNotFound):
            bench.writing.trials.save(trial(study))
        assert bench.reading.studies.get("digits").seq == 1

    def test_save_writes_everything(self, bench: Bench) -> None:
        study = bench.study()
        first, second = bench.trials(study, 2)
        full = full_trial(study, number=first.number, created_at=MOMENT, seq=99)
        saved = bench.writing.trials.save(full)
        assert saved == replace(full, seq=4)
        assert bench.reading.trials.get(study.id, 0) == saved
        assert bench.reading.trials.get(study.id, 1) == second
        # And it takes everything away again.
        bare = bench.writing.trials.save(first)
        assert bare == replace(first, seq=5)
        assert bench.reading.trials.get(study.id, 0) == bare

    def test_numbers_are_kept_to_the_last_bit_of_a_trial(self, bench: Bench) -> None:
        study = bench.study()
        given = trial(study, params=FLOATS, values=FLOATS, attrs={"list": list(FLOATS.values()), **FLOATS})
        bench.writing.trials.add(given)
        got = bench.reading.trials.get(study.id, 0)
        assert got.values is not None
        assert exact(got.params) == exact(FLOATS)
        assert exact(got.values) == exact(FLOATS)
        assert exact(got.attrs) == exact(given.attrs)

    def test_any_number_may_be_the_value(self, bench: Bench) -> None:
        study = bench.study()
        bench.add([trial(study, values={"loss": value}) for value in FLOATS.values()])
        found = bench.reading.trials.list(study.id, TrialQuery()).items
        assert exact([one.values for one in found]) == exact([{"loss": value} for value in FLOATS.values()])

    def test_kinds_of_parameters_are_kept_apart(self, bench: Bench) -> None:
        study = bench.study()
        params: dict[str, Any] = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": None, "f": 2**53, "g": "", "h": "true"}
        bench.trials(study, 1, params=params)
        assert exact(bench.reading.trials.get(study.id, 0).params) == exact(params)

    def test_any_text_is_kept_in_a_trial(self, bench: Bench) -> None:
        study = bench.study()
        given = {"attrs": {text: [text, {text: text}] for text in TEXTS}, "system": {text: text for text in TEXTS}}
        added = bench.writing.trials.add(trial(study, params={text: text for text in TEXTS}, **given))
        got = bench.reading.trials.get(study.id, 0)
        assert got == added
        assert (got.params, got.attrs, got.system) == ({text: text for text in TEXTS}, given["attrs"], given["system"])

    def test_moments_are_kept_to_the_microsecond_and_told_in_utc(self, bench: Bench) -> None:
        study = bench.study()
        moment = MOMENT.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
        given = {"created_at": moment, "started_at": moment + timedelta(microseconds=1), "finished_at": moment}
        bench.trials(study, 1, **given)
        got = bench.reading.trials.get(study.id, 0)
        for name, wanted in given.items():
            found = getattr(got, name)
            assert found == wanted
            assert found.utcoffset() == timedelta(0)

    def test_who_changes_what_he_gave_or_got_changes_nothing_of_a_trial(self, bench: Bench) -> None:
        study = bench.study()
        params, attrs = {"a": 1}, {"deep": {"er": [1]}}
        given = trial(study, params=params, values={"loss": 1.0}, attrs=attrs, system={"x": [1]})
        added = bench.writing.trials.add(given)
        params["a"] = 2
        attrs["deep"]["er"].append(2)
        for got in (
            added,
            bench.reading.trials.get(study.id, 0),
            bench.reading.trials.changed(study.id, 0, 1)[0],
            bench.reading.trials.list(study.id, TrialQuery()).items[0],
            bench.writing.trials.claim(study.id, 1)[0],
        ):
            assert (got.params, got.attrs, got.system) == ({"a": 1}, {"deep": {"er": [1]}}, {"x": [1]})
            _spoil(got.params)
            _spoil(got.values)
            got.attrs["deep"]["er"].append(3)
            got.system["x"].append(3)
            _spoil(got.attrs["deep"])
            _spoil(got.attrs)
        assert bench.reading.trials.get(study.id, 0) == replace(
            given, seq=2, params={"a": 1}, attrs={"deep": {"er": [1]}}
        )

    def test_changes_come_in_the_order_of_their_seq(self, bench: Bench) -> None:
        study = bench.study()
        first, second, third = bench.trials(study, 3)
        bench.trials(bench.study("other"), 2)
        assert list(bench.reading.trials.changed(study.id, 0, 10)) == [first, second, third]
        assert list(bench.reading.trials.changed(study.id, 2, 10)) == [second, third]
        assert list(bench.reading.trials.changed(study.id, 4, 10)) == []
        first = bench.writing.trials.save(first)
        assert list(bench.reading.trials.changed(study.id, 2, 10)) == [second, third, first]
        assert list(bench.reading.trials.changed(study.id, 2, 2)) == [second, third]

    def test_counts(self, bench: Bench) -> None:
        study, empty, other = bench.study(), bench.study("empty"), bench.study("other")
        bench.trials(study, 3)
        bench.trials(study, 2, state="completed")
        bench.trials(other, 1, state="failed")
        counts = bench.reading.trials.counts([study.id, empty.id, other.id, 10**6])
        found = {study_id: {state: n for state, n in of.items() if n} for study_id, of in counts.items()}
        assert {study_id: of for study_id, of in found.items() if of} == {
            study.id: {"queued": 3, "completed": 2},
            other.id: {"failed": 1},
        }
        assert not bench.reading.trials.counts([])

    def test_counts_without_what_completed_elsewhere(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1, state="completed")
        bench.trials(study, 2, state="completed", origin="added")
        bench.trials(study, 3, state="pruned", origin="added")
        for elsewhere, completed in ((True, 3), (False, 1)):
            work = partial(_counts, study, elsewhere=elsewhere)
            assert bench.read(work) == {"completed": completed, "pruned": 3}

    def test_claims_take_the_queued_with_the_lowest_numbers(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1, state="completed")
        queued = bench.trials(study, 3)
        bench.trials(study, 1, state="paused")
        bench.trials(bench.study("other"), 1)
        # What was saved last is not what is claimed last.
        queued[0] = bench.writing.trials.save(queued[0])
        assert list(bench.writing.trials.claim(study.id, 2)) == queued[:2]
        assert list(bench.writing.trials.claim(study.id, 9)) == queued
        assert list(bench.writing.trials.claim(study.id, 0)) == []

    def test_no_trial_is_claimed_twice(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 70)

        def claim(tx: Transaction) -> Sequence[int]:
            claimed = tx.trials.claim(study.id, 3)
            return [tx.trials.save(one.moved("running", tx.now)).number for one in claimed]

        answers = bench.write_at_once([claim] * 32)
        numbers = [number for answer in answers if not isinstance(answer, BaseException) for number in answer]
        assert sorted(numbers) == list(range(70))
        assert bench.writing.trials.claim(study.id, 1) in ([], ())


def _counts(study: Study, tx: Transaction, *, elsewhere: bool) -> Mapping[str, int]:
    counts = tx.trials.counts([study.id], elsewhere=elsewhere)[study.id]
    return {state: count for state, count in counts.items() if count}


def _spoil(mapping: Any) -> None:
    """Change a mapping, if it lets itself be changed."""
    with contextlib.suppress(TypeError, AttributeError):
        mapping.clear()
