"""What every store must do with events and remembered answers."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from service.domain.errors import WrongState
from service.domain.event import Event
from service.usecases.ports import Transaction
from tests.conformance.samples import MOMENT, TEXTS, Bench, event, exact
from tests.patience import PATIENCE


def _events(after: int, tx: Transaction) -> Sequence[Event]:
    return tx.events.list(after, None, 7)


class EventConformance:
    """The `Events` port, and `wait_for_events`."""

    def test_before_the_first_event(self, bench: Bench) -> None:
        assert bench.reading.events.bounds() == (0, 0)
        assert list(bench.reading.events.list(0, None, 9)) == []

    def test_events_come_back_in_order_with_growing_ids(self, bench: Bench) -> None:
        study, other = bench.study(), bench.study("other")
        given = [
            event(study, type="study.created"),
            event(other, data={"deep": {"er": [1, None, "ü"]}}, at=MOMENT + timedelta(microseconds=1)),
            event(study, type="trial.state", trial=0, seq=2**40),
        ]
        bench.tell(given[:2])
        bench.writing.events.append(replace(given[2], id=77))
        found = bench.reading.events.list(0, None, 9)
        ids = [one.id for one in found]
        assert ids == sorted(set(ids))
        assert ids[0] >= 1
        assert [replace(one, id=0) for one in found] == given
        assert bench.reading.events.bounds() == (ids[0], ids[-1])
        assert [one.id for one in bench.reading.events.list(ids[0], None, 1)] == ids[1:2]
        assert [one.id for one in bench.reading.events.list(ids[0], "digits", 9)] == ids[2:]
        assert list(bench.reading.events.list(0, "nobody", 9)) == []

    def test_refused_work_tells_nothing(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction) -> None:
            tx.events.append(event(study))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            bench.write(work)
        bench.reading.events.append(event(study))
        assert bench.reading.events.bounds() == (0, 0)

    def test_a_reader_never_misses_an_event(self, bench: Bench) -> None:
        """Whoever has seen an id will see no smaller one later."""
        study = bench.study()

        async def follow() -> list[int]:
            seen: list[int] = []
            while len(seen) < 100:
                after = seen[-1] if seen else 0
                await bench.store.wait_for_events(after, 5)
                seen += [one.id for one in await bench.store.read(partial(_events, after))]
            return seen

        async def tell() -> list[int]:
            following = asyncio.create_task(follow())
            for _ in range(10):
                writes = [bench.store.write(lambda tx: tx.events.append(event(study))) for _ in range(10)]
                await asyncio.gather(*writes)
            return await asyncio.wait_for(following, PATIENCE)

        seen = bench.run(tell())
        assert seen == [one.id for one in bench.reading.events.list(0, None, 200)]
        assert len(set(seen)) == 100

    def test_events_behind_an_id_are_told_as_they_are_kept(self, bench: Bench) -> None:
        study = bench.study()

        def three(tx: Transaction) -> None:
            for _ in range(3):
                tx.events.append(event(study))

        for _ in range(5):
            bench.write(three)
        kept = bench.reading.events.list(0, None, 100)
        for after in range(-1, len(kept) + 2):
            told = bench.run(bench.store.events_behind(after, 4))
            assert list(told) == [one for one in kept if one.id > after][:4]

    def test_what_was_undone_is_not_told(self, bench: Bench) -> None:
        study = bench.study()
        before = bench.reading.events.bounds()[1]

        def undone(tx: Transaction) -> None:
            tx.events.append(event(study))
            raise WrongState("no")

        async def both() -> None:
            kept = bench.store.write(lambda tx: tx.events.append(event(study)))
            await asyncio.gather(bench.store.write(undone), kept, return_exceptions=True)

        bench.run(both())
        assert len(bench.run(bench.store.events_behind(before, 10))) == 1

    def test_those_who_wait_are_woken(self, bench: Bench) -> None:
        study = bench.study()

        async def work() -> float:
            waiting = [asyncio.create_task(bench.store.wait_for_events(0, 20)) for _ in range(50)]
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in waiting)
            began = time.monotonic()
            await bench.store.write(lambda tx: tx.events.append(event(study)))
            await asyncio.gather(*waiting)
            return time.monotonic() - began

        # Far less than the two seconds after which a store may look by itself.
        assert bench.run(work()) < 1.5

    def test_who_is_behind_does_not_wait(self, bench: Bench) -> None:
        study = bench.study()
        bench.tell([event(study), event(study)])
        _, newest = bench.reading.events.bounds()
        began = time.monotonic()
        bench.run(bench.store.wait_for_events(newest - 1, 20))
        assert time.monotonic() - began < 1.5

    def test_waiting_ends(self, bench: Bench) -> None:
        began = time.monotonic()
        bench.run(bench.store.wait_for_events(0, 0.05))
        assert 0.04 < time.monotonic() - began < 2

    def test_who_waits_can_be_cancelled(self, bench: Bench) -> None:
        async def work() -> None:
            waiting = asyncio.create_task(bench.store.wait_for_events(0, 60))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            assert waiting.cancelled()

        bench.run(work())
        study = bench.study()
        bench.writing.events.append(event(study))

    def test_old_events_are_pruned(self, bench: Bench) -> None:
        study = bench.study()
        days = [MOMENT + timedelta(days=day) for day in range(5)]
        bench.tell([event(study, at=day) for day in days])
        ids = [one.id for one in bench.reading.events.list(0, None, 9)]
        assert bench.writing.events.prune(days[2]) == 2
        assert bench.writing.events.prune(days[2]) == 0
        assert [one.at for one in bench.reading.events.list(0, None, 9)] == days[2:]
        assert bench.reading.events.bounds() == (ids[2], ids[4])
        assert bench.writing.events.prune(days[4] + timedelta(days=1)) == 3
        oldest, newest = bench.reading.events.bounds()
        # Nothing is kept, and whoever has not seen the newest can tell that he has missed something.
        assert (oldest, newest) == (ids[4] + 1, ids[4])
        bench.writing.events.append(event(study))
        assert bench.reading.events.list(0, None, 9)[0].id > ids[4]

    def test_who_changes_what_he_gave_or_got_changes_nothing_of_an_event(self, bench: Bench) -> None:
        study = bench.study()
        data: dict[str, Any] = {"fields": ["note"]}
        bench.writing.events.append(event(study, data=data))
        for _ in range(2):
            data["fields"].append("tags")
            (got,) = bench.reading.events.list(0, None, 9)
            assert got.data == {"fields": ["note"]}
            got.data["fields"].append("budget")

    def test_events_outlive_their_study(self, bench: Bench) -> None:
        study = bench.study()

        def work(tx: Transaction) -> None:
            tx.events.append(event(study, type="study.deleted"))
            tx.studies.delete(study)

        bench.write(work)
        while bench.writing.studies.purge(100):
            pass
        (got,) = bench.reading.events.list(0, "digits", 9)
        assert isinstance(got, Event)
        assert (got.type, got.study_id) == ("study.deleted", study.id)


class RequestConformance:
    """The `Requests` port."""

    def test_an_answer_comes_back_as_it_was_given(self, bench: Bench) -> None:
        given = [None, 0, 7, 0.1, True, "text", [], [1, {"a": None}], {"a": {"b": [1.5, "NaN"]}}, {}, *TEXTS]
        for place, answer in enumerate(given):
            bench.writing.requests.put("trial:1", f"r-{place}", "d" * 64, answer)
        found = [bench.reading.requests.get("trial:1", f"r-{place}") for place in range(len(given))]
        assert exact(found) == exact([("d" * 64, answer) for answer in given])

    def test_a_request_is_answered_once(self, bench: Bench) -> None:
        bench.writing.requests.put("a", "1", "d", 1)
        with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
            bench.writing.requests.put("a", "1", "d", 2)
        assert bench.reading.requests.get("a", "1") == ("d", 1)

    def test_scopes_and_ids_are_kept_apart(self, bench: Bench) -> None:
        def work(tx: Transaction) -> None:
            for scope in ("a", "b"):
                for request_id in ("1", "2", "Ω" * 100, "é"):
                    tx.requests.put(scope, request_id, scope, request_id)

        bench.write(work)
        assert bench.reading.requests.get("b", "1") == ("b", "1")
        assert bench.reading.requests.get("a", "Ω" * 100) == ("a", "Ω" * 100)
        for scope, request_id in (("c", "1"), ("a", "3"), ("A", "1"), ("a", "É"), ("a", "1 ")):
            assert bench.reading.requests.get(scope, request_id) is None

    def test_an_answer_is_there_for_the_rest_of_the_work(self, bench: Bench) -> None:
        def work(tx: Transaction) -> object:
            tx.requests.put("a", "1", "d", [1])
            return tx.requests.get("a", "1")

        assert bench.write(work) == ("d", [1])

    def test_who_changes_what_he_gave_or_got_changes_nothing_of_an_answer(self, bench: Bench) -> None:
        answer: list[Any] = [{"a": 1}]
        bench.writing.requests.put("a", "1", "d", answer)
        for _ in range(2):
            answer[0]["a"] = 2
            found = bench.reading.requests.get("a", "1")
            assert found == ("d", [{"a": 1}])
            found[1].clear()

    def test_old_answers_are_pruned(self, bench: Bench) -> None:
        def remember(tx: Transaction) -> datetime:
            tx.requests.put("a", "1", "d", 1)
            return tx.now

        now = bench.write(remember)
        bench.run(asyncio.sleep(0.02))
        bench.writing.requests.put("a", "2", "d", 2)
        assert bench.writing.requests.prune(now - timedelta(hours=1)) == 0
        assert bench.writing.requests.prune(now + timedelta(milliseconds=10)) == 1
        assert bench.reading.requests.get("a", "1") is None
        assert bench.reading.requests.get("a", "2") == ("d", 2)
        assert bench.writing.requests.prune(now + timedelta(hours=1)) == 1
