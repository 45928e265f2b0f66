"""What every store must do with what the search engine keeps: curves, decisions, its memory, who suggests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from service.domain.decision import Decision
from service.domain.query import TrialQuery
from service.domain.trial import Trial
from service.usecases.ports import Transaction
from service.wire.lease import Directive
from service.wire.trial import Act
from tests.conformance.samples import FLOATS, MOMENT, Bench, attempt, exact, full_attempt, key, point, trial
from tests.conformance.store_attempts import BESIDE


def decision(owner: Trial, step: int, act: Act = "continue", at: int = 1, **fields: Any) -> Decision:
    filled: dict[str, Any] = {"reason": "so it is", "at": MOMENT, **fields}
    return Decision(key=key(owner, at), step=step, act=act, **filled)


_ALL = TrialQuery()


class EngineConformance:
    """The `Decisions` and `Suggesters` ports, curves of many trials, and the `system` values."""

    def test_decisions_are_kept_as_they_were_first(self, bench: Bench, owner: Trial) -> None:
        given = [
            decision(owner, 9, "stop", basis={"rung": 2, "cut": 0.5}),
            decision(owner, 3, basis={"rung": 1}),
            decision(owner, 1, at=2),
        ]
        for one in given:
            bench.writing.decisions.append([one])
        bench.writing.decisions.append([replace(given[0], act="pause", reason="another")])
        found = bench.reading.decisions.list(owner.study_id, owner.number)
        assert list(found) == [given[1], given[0], given[2]]
        assert list(bench.reading.decisions.list(owner.study_id, 0)) == []

    def test_an_end_takes_the_place_of_a_decision_to_go_on(self, bench: Bench, owner: Trial) -> None:
        going, ended = decision(owner, 3, basis={"rung": 1}), decision(owner, 3, "stop", basis={"rule": "trainer"})
        for one in (going, replace(going, reason="another"), ended, going):
            bench.writing.decisions.append([one])
        assert list(bench.reading.decisions.list(owner.study_id, owner.number)) == [ended]

    def test_so_it_does_among_those_that_are_added_together(self, bench: Bench, owner: Trial) -> None:
        going, ended = decision(owner, 3, basis={"rung": 1}), decision(owner, 3, "stop", basis={"rule": "trainer"})
        others = [decision(owner, step) for step in range(4, 9)]
        bench.writing.decisions.append([going, replace(going, reason="another"), *others, ended, going])
        bench.writing.decisions.append([])
        assert list(bench.reading.decisions.list(owner.study_id, owner.number)) == [ended, *others]

    def test_so_it_does_where_some_of_many_are_there_already(self, bench: Bench, owner: Trial) -> None:
        going, stopped = decision(owner, 3, basis=FLOATS), decision(owner, 4, "stop", basis={"cut": None})
        bench.writing.decisions.append([going, stopped])
        ended = replace(going, act="pause", reason='"so" {it} is\\', at=MOMENT + timedelta(seconds=1))
        others = [decision(owner, step, basis=FLOATS) for step in range(5, 9)]
        bench.writing.decisions.append([replace(stopped, act="continue"), *others, ended])
        found = bench.reading.decisions.list(owner.study_id, owner.number)
        assert [exact(one.basis) for one in found] == [exact(one.basis) for one in (ended, stopped, *others)]
        bare = [[replace(one, basis={}) for one in some] for some in (found, (ended, stopped, *others))]
        assert bare[0] == bare[1]

    def test_the_basis_of_a_decision_keeps_every_float(self, bench: Bench, owner: Trial) -> None:
        bench.writing.decisions.append([decision(owner, 1, basis=FLOATS)])
        (found,) = bench.reading.decisions.list(owner.study_id, owner.number)
        assert exact(found.basis) == exact(FLOATS)

    def test_one_process_suggests_until_its_lease_runs_out(self, bench: Bench) -> None:
        study = bench.study()
        assert bench.writing.suggesters.take(study.id, "first", 60.0)
        assert not bench.writing.suggesters.take(study.id, "second", 60.0)
        assert bench.writing.suggesters.take(study.id, "first", 0.0), "it renews its own, here for no time at all"
        assert bench.writing.suggesters.take(study.id, "second", 60.0)
        bench.writing.suggesters.release(study.id, "first")
        assert not bench.writing.suggesters.take(study.id, "first", 60.0), "what is another's cannot be let go"
        bench.writing.suggesters.release(study.id, "second")
        assert bench.writing.suggesters.take(study.id, "first", 60.0)

    def test_of_many_who_ask_at_once_one_suggests(self, bench: Bench) -> None:
        study = bench.study()

        def take(owner: str, tx: Transaction) -> bool:
            return tx.suggesters.take(study.id, owner, 60.0)

        taken = bench.write_at_once([partial(take, f"p{number}") for number in range(16)])
        assert taken.count(True) == 1
        assert taken.count(False) == 15

    def test_curves_of_many_trials_are_read_at_once(self, bench: Bench) -> None:
        study = bench.study()
        trials = bench.trials(study, 3)
        bench.writing.points.append([point(key(trials[0]), seq) for seq in (1, 2, 3)])
        bench.writing.points.append([point(key(trials[2]), 1, metrics={"seconds": 1.0})])
        bench.writing.points.supersede(study.id, 0, 10)
        bench.writing.points.append([point(key(trials[0], 2), 1, step=15, metrics={"loss": 0.25})])
        curves = bench.reading.points.curves(study.id, [0, 1, 2], "loss")
        assert {number: list(curve) for number, curve in curves.items()} == {0: [(10, 1.0), (15, 0.25)]}
        assert dict(bench.reading.points.curves(study.id, [], "loss")) == {}
        marks = bench.reading.points.marks(study.id, [0, 1, 2], "loss")
        assert {number: list(curve) for number, curve in marks.items()} == {
            0: [(10, 1.0, None, None), (15, 0.25, None, None)]
        }

    def test_marks_tell_what_points_have_taken(self, bench: Bench, owner: Trial) -> None:
        bench.writing.points.append([point(key(owner), 1, elapsed=2.5, cost=7.0)])
        found = bench.reading.points.marks(owner.study_id, [owner.number], "loss")
        assert list(found[owner.number]) == [(10, 1.0, 2.5, 7.0)]

    def test_decisions_on_several_trials_are_read_at_once(self, bench: Bench) -> None:
        study = bench.study()
        first, second, third = bench.trials(study, 3)
        given = [decision(first, 2, basis={"rung": 0}), decision(first, 1), decision(third, 1, "stop")]
        bench.writing.decisions.append(given)
        found = bench.reading.decisions.of(study.id, [first.number, second.number, third.number])
        assert {number: list(told) for number, told in found.items()} == {
            first.number: [given[1], given[0]],
            third.number: [given[2]],
        }

    @pytest.mark.parametrize("beside", BESIDE)
    def test_progress_writes_what_a_report_changes_and_no_more(self, bench: Bench, owner: Trial, beside: int) -> None:
        stored = full_attempt(key(owner), state="running", ended_at=None)
        other, *others = (attempt(key(owner, number)) for number in range(2, 3 + beside))
        for one in (stored, other, *others):
            bench.writing.attempts.add(one)
        come: dict[str, Any] = {
            "acked_seq": 99,
            "last_step": 990,
            "last_metrics": {"loss": 0.125},
            "expires_at": MOMENT,
            "directive": Directive(type="stop", reason="it is enough", id=9),
        }
        written = replace(other, key=stored.key, state="running", gpu_seconds=None, **come)
        bench.writing.attempts.progress([written, *others])
        found = bench.reading.attempts.list(owner.study_id, owner.number)
        assert list(found) == [replace(stored, **come), other, *others]
        bench.writing.attempts.progress([])

    def test_gpu_seconds_are_summed_over_a_study(self, bench: Bench, owner: Trial) -> None:
        assert bench.reading.attempts.gpu_seconds(owner.study_id) == 0
        for number, used in ((1, 1.5), (2, None), (3, 2.25)):
            bench.writing.attempts.add(attempt(key(owner, number), gpu_seconds=used))
        assert bench.reading.attempts.gpu_seconds(owner.study_id) == 3.75

    def test_the_engines_memory_comes_back_as_it_went_in(self, bench: Bench) -> None:
        study = bench.study()
        memory: Mapping[str, Any] = {"cma:optimizer:0": "00ff", "grid": [1, {"a": None}]}
        saved = bench.writing.studies.save(replace(study, system=memory))
        assert saved.system == memory
        assert bench.reading.studies.get(study.name).system == memory
        suggestion = {"seq": 3, "sampler": "tpe", "seed": 2**63, "note": None}
        (added,) = bench.add([trial(study, system=memory, suggestion=suggestion)])
        found = bench.reading.trials.get(study.id, added.number)
        assert (found.system, found.suggestion) == (memory, suggestion)
        assert bench.reading.trials.list(study.id, _ALL).items[0].suggestion == suggestion

    def test_what_the_engine_kept_is_purged_too(self, bench: Bench, owner: Trial) -> None:
        study = bench.reading.studies.get("digits")
        bench.writing.decisions.append([decision(owner, 1)])
        bench.writing.suggesters.take(study.id, "p", 60.0)
        bench.writing.studies.delete(study)
        while bench.writing.studies.purge(100):
            pass
        assert list(bench.reading.decisions.list(owner.study_id, owner.number)) == []
