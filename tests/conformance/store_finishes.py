"""What every store must do with reruns and the honest ends of studies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from service.domain.finish import Finish, Outcome, Plan
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Rerun
from service.usecases.ports import Transaction
from service.wire.study import StudyState
from service.wire.trial import TrialState
from tests.conformance.samples import MOMENT, Bench, trial

RERUN = Rerun(of=0, seed=2**31 - 1, steps=20, round=3)
REFIT: dict[str, Any] = {"purpose": "refit", "rerun": RERUN}


def finish(study: Study, **fields: Any) -> Finish:
    """A round of a finish."""
    plan = Plan(
        metric="loss",
        direction="minimize",
        candidates=(4, 2),
        seeds=(7, 2**31 - 1),
        study_state="completed",
        completed=12,
        again="Ω: the split was wrong",
    )
    return Finish(
        **{"study_id": study.id, "round": 1, "plan": plan, "started_by": "ana", "started_at": MOMENT, **fields}
    )


def _counts(tx: Transaction, study: Study, elsewhere: bool) -> Mapping[int, Mapping[TrialState, int]]:
    return tx.trials.counts([study.id], elsewhere=elsewhere)


class FinishConformance:
    """The `Finishes` port, and what reruns are to the other ports."""

    def test_a_round_comes_back_as_it_went_in_and_as_it_was_saved(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        first, second = finish(study), finish(study, round=2)
        bench.writing.finishes.add(second)
        bench.writing.finishes.add(first)
        assert bench.reading.finishes.list(study.id) == [first, second]
        assert bench.reading.finishes.list(other.id) == []
        outcome = Outcome(winner=2, why="it is", steps=9, refit=31, test={"test_loss": 0.1 + 0.2, "test_nan": -0.0})
        ended = first.ended("finished", "naïve", outcome, MOMENT + timedelta(hours=1))
        bench.writing.finishes.save(ended)
        assert bench.reading.finishes.list(study.id) == [ended, second]
        assert (ended.open, second.open) == (False, True)

    def test_a_finish_goes_with_its_study(self, bench: Bench) -> None:
        study = bench.study()
        bench.writing.finishes.add(finish(study))
        bench.writing.studies.delete(study)
        while bench.writing.studies.purge(100):
            pass
        assert bench.reading.finishes.list(study.id) == []

    def test_a_rerun_comes_back_as_it_went_in(self, bench: Bench) -> None:
        study = bench.study()
        (added,) = bench.trials(study, 1, **REFIT)
        assert added.rerun == RERUN
        assert bench.reading.trials.get(study.id, 0) == added
        bare = bench.writing.trials.save(replace(added, rerun=Rerun(of=0, seed=0)))
        assert bench.reading.trials.get(study.id, 0) == bare

    def test_reruns_have_numbers_like_all_and_cost_no_budget(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1)
        (again,) = bench.trials(study, 1, **REFIT)
        (next_,) = bench.trials(study, 1)
        assert (again.number, next_.number) == (1, 2)
        found = bench.reading.studies.get("digits")
        assert (found.next_number, found.added) == (3, 1)

    def test_reruns_are_claimed_by_themselves(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 2)
        bench.trials(study, 2, **REFIT)
        bench.trials(study, 1, **REFIT, not_before=MOMENT + timedelta(days=36_500))
        bench.trials(study, 1, **REFIT, state="running")

        def claimed(**how: Any) -> list[int]:
            return [one.number for one in bench.write(lambda tx: tx.trials.claim(study.id, 9, **how))]

        assert claimed() == claimed(node="n") == [0, 1]
        assert claimed(reruns=True) == claimed(reruns=True, node="n") == [2, 3]

    def test_reruns_that_avoid_a_node_do_so(self, bench: Bench) -> None:
        study = bench.study()
        later = bench.read(lambda tx: tx.now) + timedelta(hours=1)
        bench.trials(study, 1, **REFIT, avoid="bad", avoid_until=later)
        assert bench.write(lambda tx: tx.trials.claim(study.id, 1, node="bad", reruns=True)) in ([], ())
        assert len(bench.write(lambda tx: tx.trials.claim(study.id, 1, node="good", reruns=True))) == 1

    def test_reruns_are_listed_only_if_they_are_asked_for(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1)
        bench.trials(study, 1, purpose="confirm", rerun=RERUN)
        bench.trials(study, 1, **REFIT)

        def listed(**query: Any) -> list[int]:
            return [one.number for one in bench.reading.trials.list(study.id, TrialQuery(**query)).items]

        assert listed() == [0]
        assert listed(purposes=("confirm", "refit")) == [1, 2]
        assert listed(purposes=()) == [0, 1, 2]
        assert [one.number for one in bench.reading.trials.changed(study.id, 0, 9)] == [0, 1, 2]

    def test_reruns_are_not_counted_as_trials_of_the_search(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 2, state="running")
        bench.trials(study, 3, **REFIT, state="running")
        for elsewhere in (True, False):
            counts = bench.read(partial(_counts, study=study, elsewhere=elsewhere))
            assert {state: count for state, count in counts[study.id].items() if count} == {"running": 2}

    def test_what_reruns_use_is_not_the_searchs(self, bench: Bench) -> None:
        study = bench.study()
        (searched,) = bench.trials(study, 1)
        (again,) = bench.trials(study, 1, **REFIT)
        for one, used in ((searched, 2.5), (again, 100.0)):
            attempt = Attempt(
                key=AttemptKey(study.id, one.number, 1),
                token=1,
                worker="w",
                granted_at=MOMENT,
                expires_at=MOMENT,
                ended_at=MOMENT,
                state="completed",
                gpu_seconds=used,
            )
            bench.writing.attempts.add(attempt)
        assert bench.reading.attempts.gpu_seconds(study.id) == 2.5

    @pytest.mark.parametrize(
        ("state", "searches", "reruns"),
        [
            ("active", True, True),
            ("paused", False, False),
            ("stopping", False, True),
            ("stopped", False, True),
            ("completed", False, True),
        ],
    )
    def test_what_a_study_hands_out_hangs_on_its_state(
        self, bench: Bench, state: StudyState, searches: bool, reruns: bool
    ) -> None:
        plain, again, bare = bench.study("plain"), bench.study("again"), bench.study("bare")
        bench.trials(plain, 1)
        bench.trials(again, 1, **REFIT)
        bench.trials(bare, 1, **REFIT, state="running")
        for study in (plain, again, bare):
            bench.writing.studies.save(replace(study, state=state))
        names = {offer.study.name for offer in bench.reading.studies.offering()}
        assert names == ({"plain"} if searches else set()) | ({"again"} if reruns else set())

    def test_an_archived_study_hands_out_no_reruns(self, bench: Bench) -> None:
        study = bench.study()
        bench.add([trial(study, **REFIT)])
        bench.writing.studies.save(replace(study, archived=True, state="completed"))
        assert list(bench.reading.studies.offering()) == []
