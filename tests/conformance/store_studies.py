"""What every store must do with studies."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from service.domain.actor import LOCAL, Actor
from service.domain.errors import NameTaken, StudyNotFound
from service.domain.query import StudyQuery, TrialQuery
from service.domain.study import Study
from service.domain.trial import AttemptKey
from service.usecases.ports import Transaction
from tests.conformance.samples import (
    Bench,
    attempt,
    checkpoint,
    definition,
    event,
    point,
    trial,
)

RICH: dict[str, Any] = {
    "note": "ünïcode 🦜 \u202b\nsecond line",
    "tags": ("vision", "a=b", "@x"),
    "priority": -3,
    "objectives": [
        {"metric": "val/loss", "value": "mean_last", "last_k": 3, "target": 1e-300},
        {"metric": "größe", "direction": "maximize"},
    ],
    "space": {
        "lr": {"type": "float", "low": 5e-324, "high": 1.7976931348623157e308, "log": True},
        "layers": {"type": "int", "low": -(2**53), "high": 2**53},
        "kind": {"type": "categorical", "choices": ["1", 1, True, None, 1.5, "", "日本"]},
        "batch": {"type": "ordinal", "values": [16, 32, 64], "when": {"kind": ["1", None], "layers": {"min": 0}}},
        "fixed": {"type": "constant", "value": -0.0},
        "scaled": {"type": "derived", "expression": "lr * 2", "when": {"kind": 1.5}},
    },
    "sampler": {"type": "tpe", "startup_trials": 3},
    "scheduler": {"type": "patient", "patience": 3, "wrapped": {"type": "asha", "max_resource": 81}},
    "budget": {"max_trials": 9, "wall_time": "2h30m", "gpu_hours": 0.1},
    "retry": {"max_attempts": 7},
    "trainer": {"name": "cnn", "settings": {"depth": {"er": [1, 2.5, None, "x"]}}},
    "seed": 2**63 - 1,
    "seeds": "independent",
}
FILTERS = {
    StudyQuery(): "cba",
    StudyQuery(archived=None): "dcba",
    StudyQuery(archived=True): "d",
    StudyQuery(states=("paused",)): "b",
    StudyQuery(states=("paused", "active")): "cba",
    StudyQuery(states=("stopped",)): "",
    StudyQuery(tag="vision"): "ca",
    StudyQuery(tag="vis"): "",
    StudyQuery(tag="Vision"): "",
    StudyQuery(tag="vision", states=("active",), text="A"): "a",
    StudyQuery(text="B"): "b",
    StudyQuery(text="ÄRGER"): "b",
    StudyQuery(text="100%"): "c",
    StudyQuery(text="1%0"): "",
    StudyQuery(text="_"): "",
    StudyQuery(text=""): "cba",
    StudyQuery(text="digits", archived=None): "d",
    StudyQuery(tag="vision", size=1): "c",
}


class StudyConformance:
    """The `Studies` port."""

    def test_a_new_study(self, bench: Bench) -> None:
        before, study, after = bench.write(lambda tx: (tx.now, tx.studies.add(definition()), tx.now))
        assert study == Study(
            id=study.id, definition=definition(), seq=1, created_at=study.created_at, updated_at=study.created_at
        )
        assert before <= study.created_at <= after
        assert study.created_at.utcoffset() == timedelta(0)
        assert bench.read(lambda tx: (tx.studies.get("digits"), tx.studies.lock("digits"))) == (study, study)

    def test_a_definition_comes_back_as_it_went_in(self, bench: Bench) -> None:
        given = definition("rich", **RICH)
        bench.writing.studies.add(given)
        got = bench.reading.studies.get("rich").definition
        assert got == given
        assert got.model_dump_json() == given.model_dump_json()
        assert list(got.space) == list(RICH["space"])

    def test_the_fingerprint_of_a_studys_data_comes_back_as_it_went_in(self, bench: Bench) -> None:
        study = bench.study()
        assert study.data_fingerprint is None
        saved = bench.writing.studies.save(replace(study, data_fingerprint="c0ffee" * 10 + "feed"))
        assert saved.data_fingerprint == "c0ffee" * 10 + "feed"
        assert bench.reading.studies.get("digits").data_fingerprint == saved.data_fingerprint
        assert bench.reading.studies.find([study.id])[study.id].data_fingerprint == saved.data_fingerprint

    def test_who_created_a_study_is_kept_and_asked_for(self, bench: Bench) -> None:
        bench.writing.studies.add(definition("nobodys"))
        for name, by in (("a", Actor("ana", "editor", "0a1b2c")), ("b", Actor("ben", "editor", "ffff")), ("c", LOCAL)):
            added = bench.writing.studies.add(definition(name), by)
            assert (added.created_by, added.creator) == (by.name, by.token)
            # What is written later is no matter of who writes.
            saved = bench.writing.studies.save(replace(added, created_by="eve", creator="eeee"))
            assert (saved.created_by, saved.creator) == (by.name, by.token)
            assert bench.reading.studies.get(name) == saved
        found = {
            creator: "".join(one.name for one in bench.reading.studies.list(StudyQuery(creator=creator)).items)
            for creator in ("ana", "0a1b2c", "ffff", "local", "Ana", "")
        }
        assert found == {"ana": "a", "0a1b2c": "a", "ffff": "b", "local": "c", "Ana": "", "": ""}

    def test_reason_and_tally_come_back_as_they_went_in(self, bench: Bench) -> None:
        study = bench.study()
        assert (study.reason, dict(study.tally)) == (None, {})
        tally = {"front": [[0.1 + 0.2, -1e308]], "deep": {"er": [1, None, True]}}
        given = replace(study, reason="trials 1, 2 and 3 crashed alike: naïve\n日本語", tally=tally)
        saved = bench.writing.studies.save(given)
        assert (saved.reason, dict(saved.tally)) == (given.reason, tally)
        tally["front"] = []
        assert bench.reading.studies.get("digits") == saved == bench.writing.studies.lock("digits")
        assert bench.reading.studies.list(StudyQuery()).items == (saved,)
        cleared = bench.writing.studies.save(replace(saved, reason=None, tally={}))
        assert (cleared.reason, dict(bench.reading.studies.get("digits").tally)) == (None, {})

    def test_there_is_no_such_study(self, bench: Bench) -> None:
        bench.study("Digits")
        for name in ("digits", "Digits2", "Digit", "D%", "D_gits"):
            with pytest.raises(StudyNotFound):
                bench.reading.studies.get(name)
            with pytest.raises(StudyNotFound):
                bench.writing.studies.lock(name)

    def test_a_name_is_used_once(self, bench: Bench) -> None:
        first = bench.study()
        with pytest.raises(NameTaken):
            bench.study(note="second")
        assert bench.reading.studies.list(StudyQuery()).items == (first,)
        assert bench.study("Digits").id != first.id

    def test_one_of_many_gets_the_name(self, bench: Bench) -> None:
        answers = bench.write_at_once([lambda tx: tx.studies.add(definition())] * 16)
        assert sum(isinstance(answer, Study) for answer in answers) == 1
        assert sum(isinstance(answer, NameTaken) for answer in answers) == 15

    def test_a_name_is_free_again_after_its_study(self, bench: Bench) -> None:
        for _ in range(3):
            first = bench.study()
            bench.trials(first, 2)
            bench.writing.studies.delete(first)
            with pytest.raises(StudyNotFound):
                bench.reading.studies.get("digits")
            with pytest.raises(StudyNotFound):
                bench.writing.studies.lock("digits")
            assert bench.reading.studies.list(StudyQuery(archived=None)).items == ()
            second = bench.study()
            assert second.id > first.id
            assert (second.seq, second.next_number) == (1, 0)
            assert bench.reading.trials.list(second.id, TrialQuery()).items == ()
            bench.writing.studies.delete(second)

    def test_deleted_and_added_in_one_piece_of_work(self, bench: Bench) -> None:
        first = bench.study()

        def work(tx: Transaction) -> Study:
            tx.studies.delete(tx.studies.lock("digits"))
            return tx.studies.add(definition(note="second"))

        second = bench.write(work)
        assert second.id != first.id
        assert bench.reading.studies.get("digits") == second

    def test_nothing_is_written_to_a_deleted_study(self, bench: Bench) -> None:
        study = bench.study()
        (old,) = bench.trials(study, 1)
        bench.writing.studies.delete(study)
        for work in (
            lambda tx: tx.studies.save(study),
            lambda tx: tx.trials.add(trial(study)),
            lambda tx: tx.trials.save(old),
        ):
            with pytest.raises(StudyNotFound):
                bench.write(work)

    def test_save_writes_what_can_change_of_a_study(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 2)
        changed = replace(study, definition=definition(**RICH), state="paused", archived=True, revision=9)
        # The numbers of a study are the store's own: those that were read before are not written back.
        stale = replace(changed, seq=77, next_number=77, created_at=study.created_at + timedelta(days=1))
        before, saved = bench.write(lambda tx: (tx.now, tx.studies.save(stale)))
        assert saved == replace(changed, seq=4, next_number=2, updated_at=saved.updated_at)
        assert before <= saved.updated_at
        assert bench.reading.studies.get("digits") == saved
        assert bench.writing.studies.save(saved).seq == 5

    def test_a_study_sees_every_change_in_its_seq(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        (first, _) = bench.trials(study, 2)
        bench.writing.trials.save(first)
        assert bench.reading.studies.get("digits").seq == 4
        assert bench.reading.studies.get("other") == other

    def test_any_text_may_be_a_name(self, bench: Bench) -> None:
        for name in ("naïve", "日本語", "🦜🏽‍♀️", "שלום", "a'b\"c`d;--", "$.x[0]", "{}", "_", "Ω" * 200):
            study = bench.study(name, note=name)
            assert bench.reading.studies.get(name) == study
            assert study in bench.reading.studies.list(StudyQuery(text=name)).items
            bench.writing.events.append(event(study, data={name: name}))
            (told,) = bench.reading.events.list(0, name, 9)
            assert (told.study, told.data) == (name, {name: name})

    def test_who_changes_what_he_gave_changes_nothing(self, bench: Bench) -> None:
        settings = {"layers": [1, 2]}
        given = definition("given", trainer={"name": "cnn", "settings": settings})
        bench.writing.studies.add(given)
        assert given.trainer is not None
        with contextlib.suppress(TypeError):
            given.trainer.settings["layers"] = []
            given.space.clear()
        settings["layers"].append(3)
        got = bench.reading.studies.get("given")
        assert got.definition == definition("given", trainer={"name": "cnn", "settings": {"layers": [1, 2]}})

    def test_lists_are_newest_first_and_paged(self, bench: Bench) -> None:
        studies = [bench.study(f"study-{place}") for place in range(7)]
        found: list[Study] = []
        more = True
        while more:
            query = StudyQuery(size=3, before_id=found[-1].id if found else None)
            page = bench.reading.studies.list(query)
            assert len(page.items) == min(3, 7 - len(found))
            found += page.items
            more = page.more
        assert found == studies[::-1]
        exact = bench.reading.studies.list(StudyQuery(size=7))
        assert (len(exact.items), exact.more) == (7, False)

    def test_lists_are_filtered(self, bench: Bench) -> None:
        def work(tx: Transaction) -> None:
            tx.studies.add(definition("a", tags=["vision", "old"]))
            tx.studies.save(replace(tx.studies.add(definition("b", note="mit ärger")), state="paused"))
            tx.studies.add(definition("c", note="100% \\ done", tags=["vision"]))
            tx.studies.save(replace(tx.studies.add(definition("d", note="DIGITS")), archived=True))

        bench.write(work)
        pages = {query: bench.reading.studies.list(query) for query in FILTERS}
        found = {query: "".join(study.name for study in page.items) for query, page in pages.items()}
        assert found == FILTERS
        assert [query for query, page in pages.items() if page.more] == [StudyQuery(tag="vision", size=1)]

    def test_purge_removes_deleted_studies_in_pieces(self, bench: Bench) -> None:
        doomed = [bench.study(f"doomed-{place}") for place in range(2)]
        kept = bench.study("kept")
        for study in (*doomed, kept):
            bench.write(partial(_fill, study=study, trials=5, points=20))
        before = bench.read(lambda tx: _everything(tx, kept))
        assert bench.writing.studies.purge(10) == 0
        for study in doomed:
            bench.writing.studies.delete(study)
        pieces = []
        while piece := bench.writing.studies.purge(30):
            pieces.append(piece)
        # Each has itself, and 5 trials with an attempt, a checkpoint and 20 points.
        assert sum(pieces) == 2 * (1 + 5 * 23)
        assert len(pieces) >= 4
        assert max(pieces) <= 100
        assert bench.writing.studies.purge(30) == 0
        assert bench.read(lambda tx: _everything(tx, kept)) == before
        # What happened stays told, and its id is not given to another study.
        assert len(bench.reading.events.list(0, "doomed-0", 9)) == 1
        assert bench.study("doomed-0").id > kept.id


def _fill(tx: Transaction, study: Study, *, trials: int, points: int) -> None:
    tx.events.append(event(study))
    for _ in range(trials):
        at = AttemptKey(study.id, tx.trials.add(trial(study)).number, 1)
        tx.attempts.add(attempt(at))
        tx.points.append([point(at, seq) for seq in range(1, points + 1)])
        tx.checkpoints.add(checkpoint(at, 10))


def _everything(tx: Transaction, study: Study) -> list[object]:
    numbers = range(5)
    return [
        tx.studies.get(study.name),
        tx.trials.list(study.id, TrialQuery()).items,
        tx.attempts.current(study.id, numbers),
        [tuple(tx.points.list(study.id, number, (0, 0), 100)) for number in numbers],
        [tuple(tx.checkpoints.list(study.id, number)) for number in numbers],
    ]
