"""What every store must find, in which order, page by page."""

import math
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.domain.query import Condition, Place, TrialOrder, TrialQuery, condition
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.ports import Transaction
from tests.conformance.samples import FLOATS, MOMENT, Bench, trial

ORDERS: tuple[TrialOrder, ...] = (
    "number",
    "-number",
    "value",
    "-value",
    "started_at",
    "-started_at",
    "finished_at",
    "-finished_at",
)
PARAMS: list[dict[str, Any]] = [
    {"lr": 0.1, "opt": "sgd", "bn": True, "k/a": 1, "k.a-b": "x", "größe": 1, "mixed": 1},
    {"lr": 1, "opt": "adam", "bn": False, "k/a": 2, "k.a-b": "y", "mixed": "1"},
    {"lr": 1.0, "opt": "1", "bn": True, "mixed": True},
    {"lr": 1e-9, "opt": "true", "mixed": 1.0, "value": 5.0},
    {"opt": "SGD", "mixed": None},
    {"lr": None, "opt": "naïve 'x' \"y\" \\ % _ 🦜", "mixed": "true"},
    {},
]

ON_PARAMETERS = {
    "lr=1": "12",
    "lr!=1": "03",
    "lr<1": "03",
    "lr<=1": "0123",
    "lr>0.1": "12",
    "lr>=0.1": "012",
    "lr=1e-9": "3",
    "lr<inf": "0123",
    "lr=true": "",
    "lr!=true": "",
    "lr=x": "",
    "opt=sgd": "0",
    "opt!=sgd": "12345",
    "opt=1": "",
    "opt='1'": "2",
    "opt='true'": "3",
    "opt=true": "",
    "opt>0": "",
    "bn=true": "02",
    "bn!=true": "1",
    "bn=false": "1",
    "bn=1": "",
    "mixed=1": "03",
    "mixed!=2": "03",
    "mixed=true": "2",
    "mixed='1'": "1",
    "k/a=2": "1",
    "k.a-b=x": "0",
    "k=1": "",
    "größe=1": "0",
    "nothing=1": "",
    "nothing!=1": "",
    "params.lr=1": "12",
    "opt=naïve 'x' \"y\" \\ % _ 🦜": "5",
    "opt=naïve%": "",
}
ON_THE_VALUE = {
    "value<0.5": "03",
    "value<=0.5": "013",
    "value>0.5": "24",
    "value>=0.5": "124",
    "value=0.5": "1",
    "value!=0.5": "0234",
    "value<inf": "0123",
    "value>=inf": "4",
    "value>-inf": "0124",
    "value=x": "",
    "value=true": "",
    "value!=x": "",
}


class QueryConformance:
    """`Trials.list`."""

    def test_conditions_on_parameters(self, bench: Bench) -> None:
        study = bench.study()
        bench.add([trial(study, params=params) for params in PARAMS])
        found = {where: _found(bench, study, TrialQuery(where=(condition(where),))) for where in ON_PARAMETERS}
        assert found == ON_PARAMETERS

    def test_conditions_on_the_value(self, bench: Bench) -> None:
        study = bench.study()
        values = [0.25, 0.5, 0.75, -math.inf, math.inf, math.nan, None]
        # `value` is the first objective's; that of the second says nothing.
        rows = [{"seconds": 0.5} if value is None else {"loss": value, "seconds": 0.5} for value in values]
        bench.add([trial(study, values=row) for row in rows])
        bench.trials(study, 1)
        found = {where: _found(bench, study, TrialQuery(where=(condition(where),))) for where in ON_THE_VALUE}
        assert found == ON_THE_VALUE

    def test_a_value_that_is_changed_is_found_by_the_new_one(self, bench: Bench) -> None:
        study = bench.study()
        bench.trials(study, 1, values={"loss": 1.0})
        bench.writing.trials.save(trial(study, values={"loss": 2.0}))
        assert _found(bench, study, TrialQuery(where=(condition("value=2"),))) == "0"
        assert _found(bench, study, TrialQuery(where=(condition("value=1"),))) == ""

    def test_all_filters_must_hold(self, bench: Bench) -> None:
        study = bench.study()
        for state, origin in (("queued", "sampled"), ("completed", "sampled"), ("completed", "added")):
            bench.trials(study, 1, state=state, origin=origin, params={"a": 1, "b": "x"})
        bench.trials(study, 1, state="completed", origin="sampled", params={"a": 2, "b": "x"})
        where = (Condition("a", "=", 1.0), Condition("b", "=", "x"))
        assert _found(bench, study, TrialQuery(states=("completed",))) == "123"
        assert _found(bench, study, TrialQuery(states=("completed", "queued"))) == "0123"
        assert _found(bench, study, TrialQuery(origins=("added", "enqueued"))) == "2"
        assert _found(bench, study, TrialQuery(where=where)) == "012"
        assert _found(bench, study, TrialQuery(states=("completed",), origins=("sampled",), where=where)) == "1"

    def test_numbers_that_are_no_number_stand_last(self, bench: Bench) -> None:
        study = bench.study()
        rows = [{"loss": value} for value in FLOATS.values()] + [{"seconds": 1.0}]
        bench.add([trial(study, values=row) for row in rows])
        names = [*FLOATS, "missing"]
        rising = [names[int(number)] for number in _numbers(bench, study, TrialQuery(order="value"))]
        assert rising == [
            *("minus_inf", "large", "minus_zero", "denormal", "tenth", "third", "whole", "huge", "inf"),
            *("nan", "missing"),
        ]
        falling = [names[int(number)] for number in _numbers(bench, study, TrialQuery(order="-value"))]
        assert falling == [*rising[:-2][::-1], "nan", "missing"]

    @pytest.mark.parametrize("order", ORDERS)
    def test_pages_lose_nothing_and_repeat_nothing(self, bench: Bench, rng: random.Random, order: TrialOrder) -> None:
        study = bench.study()
        bench.add([_some_trial(study, rng) for _ in range(250)])
        whole = bench.reading.trials.list(study.id, TrialQuery(order=order, size=250))
        assert (len(whole.items), whole.more) == (250, False)
        assert sorted(one.number for one in whole.items) == list(range(250))
        _assert_ordered(whole.items, order)
        for size in (1, 7, 64, 125, 249):
            assert _paged(bench.reading, study, order, size) == whole.items

    def test_pages_of_what_is_filtered(self, bench: Bench, rng: random.Random) -> None:
        study = bench.study()
        bench.add([_some_trial(study, rng) for _ in range(100)])
        wanted: dict[str, Any] = {"states": ("completed",), "where": (condition("lr>0.5"),)}
        whole = bench.reading.trials.list(study.id, TrialQuery(order="-value", size=100, **wanted))
        assert 0 < len(whole.items) < 100
        assert all(one.state == "completed" and one.params["lr"] in {0.75, 1} for one in whole.items)
        assert _paged(bench.reading, study, "-value", 3, **wanted) == whole.items

    def test_a_page_goes_on_where_its_last_row_was(self, bench: Bench) -> None:
        """Also when that row has gone elsewhere since: the place is what counts, not the row."""
        study = bench.study()
        bench.add([trial(study, values={"loss": float(n)}) for n in range(5)])
        bench.writing.trials.save(trial(study, number=2, values={"loss": 99.0}))
        query = TrialQuery(order="value", after=Place(key=2.0, number=2))
        assert _found(bench, study, query) == "342"
        assert _found(bench, study, TrialQuery(order="value", after=Place(key=2.5, number=0))) == "342"


def _numbers(bench: Bench, study: Study, query: TrialQuery) -> list[int]:
    return [one.number for one in bench.reading.trials.list(study.id, query).items]


def _found(bench: Bench, study: Study, query: TrialQuery) -> str:
    return "".join(map(str, _numbers(bench, study, query)))


def _some_trial(study: Study, rng: random.Random) -> Trial:
    """A trial with ties, gaps and oddities in everything that trials are ordered by."""
    moments = [None, *(MOMENT + timedelta(microseconds=step) for step in range(20))]
    values: list[dict[str, float] | None] = [None, {"seconds": 1.0}, {"loss": math.nan}]
    values += [{"loss": value} for value in (-math.inf, math.inf, 0.0, -0.0, 1e308, 5e-324, 0.1, 0.1 + 0.2, -3.5)]
    return trial(
        study,
        state=rng.choice(["queued", "completed"]),
        params={"lr": rng.choice([0.25, 0.75, 1])},
        values=rng.choice(values),
        started_at=rng.choice(moments),
        finished_at=rng.choice(moments),
    )


def _key(one: Trial, order: TrialOrder) -> float | datetime | None:
    field = order.removeprefix("-")
    if field == "value":
        value = None if one.values is None else one.values.get("loss")
        return None if value is None or math.isnan(value) else value
    key: float | datetime | None = getattr(one, field)
    return key


def _assert_ordered(trials: tuple[Trial, ...], order: TrialOrder) -> None:
    keys = [_key(one, order) for one in trials]
    there = [key for key in keys if key is not None]
    assert keys == there + [None] * (len(keys) - len(there))
    for (before, one), (after, other) in zip(
        zip(keys, trials, strict=True), list(zip(keys, trials, strict=True))[1:], strict=False
    ):
        if before == after:
            assert one.number < other.number
        elif after is not None:
            assert sorted([before, after], reverse=order.startswith("-")) == [before, after]  # type: ignore[type-var]


def _paged(tx: Transaction, study: Study, order: TrialOrder, size: int, **wanted: Any) -> tuple[Trial, ...]:
    found: list[Trial] = []
    after: Place | None = None
    while True:
        page = tx.trials.list(study.id, TrialQuery(order=order, size=size, after=after, **wanted))
        found += page.items
        if not page.more:
            return tuple(found)
        assert len(page.items) == size
        after = Place(key=_key(found[-1], order), number=found[-1].number)
