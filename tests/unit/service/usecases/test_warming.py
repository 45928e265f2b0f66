"""Warm starts: what is taken of other studies, what is left out, and that nothing is taken twice."""

import asyncio
from typing import Any

import pytest

from service.domain.errors import Invalid, NameTaken
from service.domain.query import StudyQuery, TrialQuery
from service.domain.trial import Trial
from service.store.memory import MemoryStore
from service.usecases import studies, trials, warming
from service.usecases.mirrors import Mirrors
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial
from service.wire.warm_start import WarmStart, WarmStarted
from tests.unit.service.usecases.conftest import SPACE, Desk


def add(desk: Desk, study: str, *rates: float, **fields: Any) -> None:
    """Trials with these learning rates, each with a loss that is its rate."""
    for rate in rates:
        state = fields.get("state", "completed")
        given: dict[str, Any] = {"values": {"loss": rate}} if state == "completed" else {}
        new = NewTrial.model_validate({"params": {"lr": rate}, "state": "completed", **given, **fields})
        desk.write(lambda tx, new=new: trials.add(tx, study, new))  # type: ignore[misc]


def start(desk: Desk, name: str = "new", space: Any = SPACE, **fields: Any) -> WarmStarted:
    """Create a study with a warm start."""
    warm = {"from": fields.pop("sources", ["s"])}
    warm |= {key: fields.pop(key) for key in ("use", "count") if key in fields}
    given = {"name": name, "objectives": [{"metric": "loss"}], "space": space, "warm_start": warm, **fields}
    _, told = desk.run(warming.create(desk.store, Mirrors(100_000), StudyDefinition.model_validate(given), 7))
    assert told is not None
    return WarmStarted.model_validate(told)


def there(desk: Desk, study: str = "new") -> list[Trial]:
    return list(desk.read(lambda tx: tx.trials.list(tx.studies.get(study).id, TrialQuery(size=5_000))).items)


@pytest.fixture(autouse=True)
def fresh(desk: Desk) -> None:
    desk.study()


def test_the_best_points_are_enqueued_first(desk: Desk) -> None:
    add(desk, "s", 0.5, 0.2, 0.9, 0.1)
    add(desk, "s", 0.05, state="infeasible", values={"loss": 0.05})
    told = start(desk, count=2)
    assert [(one.origin, one.state, one.params) for one in there(desk)] == [
        ("enqueued", "queued", {"lr": 0.1}),
        ("enqueued", "queued", {"lr": 0.2}),
    ]
    assert there(desk)[0].attrs == {"warm_start": {"study": "s", "number": 3}}
    (source,) = told.sources
    assert (source.study, source.taken) == ("s", 2)
    assert source.left_out == {"not among the best": 2, "not completed (infeasible)": 1}
    assert desk.state("new") == "active"


def test_a_point_that_was_found_twice_is_run_once(desk: Desk) -> None:
    desk.study("other")
    add(desk, "s", 0.1, 0.3, 0.1)
    add(desk, "other", 0.3, 0.2)
    told = start(desk, sources=["s", "other"], count=4)
    assert [one.params["lr"] for one in there(desk)] == [0.1, 0.2, 0.3]
    assert [one.taken for one in told.sources] == [1, 2]
    assert [one.left_out for one in told.sources] == [{"the same point as another": 2}, {}]


def test_points_are_bent_to_the_new_space_and_say_so(desk: Desk) -> None:
    add(desk, "s", 0.9)
    space = {"lr": {"type": "float", "low": 0.001, "high": 0.1}, "drop": {"type": "float", "low": 0, "high": 0.8}}
    start(desk, space=space)
    (trial,) = there(desk)
    assert trial.params == {"lr": 0.1, "drop": 0.4}
    assert trial.attrs["warm_start"] == {"study": "s", "number": 0, "clipped": ["lr"], "filled": ["drop"]}


def test_a_budget_holds_for_what_is_enqueued(desk: Desk) -> None:
    add(desk, "s", 0.1, 0.2, 0.3)
    told = start(desk, budget={"max_trials": 2})
    assert len(there(desk)) == 2
    assert told.sources[0].left_out == {"the budget has no room for it": 1}


def test_a_budget_holds_also_against_those_who_came_in_between(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    add(desk, "s", 0.1, 0.2, 0.3)
    desk.study("new", budget={"max_trials": 3})
    monkeypatch.setattr(warming, "ROWS_AT_ONCE", 10)
    write = MemoryStore.write
    hurried: list[Trial] = []

    async def raced(store: MemoryStore, work: Any) -> Any:
        if not hurried:
            hurried.append(await write(store, lambda tx: trials.add(tx, "new", NewTrial(params={"lr": 0.5}))))
        return await write(store, work)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "write", raced)
        desk.run(
            warming.warm(desk.store, Mirrors(100_000), "new", WarmStart.model_validate({"from": ["s"], "count": 3}))
        )
    assert [one.params["lr"] for one in there(desk)] == [0.5, 0.1, 0.2]


def test_with_several_objectives_the_best_of_each_comes_in_turn(desk: Desk) -> None:
    objectives = [{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}]
    desk.study("both", objectives=objectives)
    for rate, loss, speed in ((0.1, 1.0, 1.0), (0.2, 2.0, 9.0), (0.3, 3.0, 5.0)):
        new = NewTrial(params={"lr": rate}, state="completed", values={"loss": loss, "speed": speed})
        desk.write(lambda tx, new=new: trials.add(tx, "both", new))  # type: ignore[misc]
    start(desk, objectives=objectives, sources=["both"], count=2)
    assert [one.params["lr"] for one in there(desk)] == [0.1, 0.2]


def test_history_brings_states_values_and_curves(desk: Desk) -> None:
    points = [{"step": 1, "metrics": {"loss": 0.5, "f1": float("nan")}}, {"step": 4, "metrics": {"loss": 0.25}}]
    add(desk, "s", 0.25, points=points)
    add(desk, "s", 0.3, state="pruned", points=points[:1])
    add(desk, "s", 0.4, state="infeasible", values={"loss": float("inf")})
    add(desk, "s", 0.5, state="failed")
    desk.enqueue()
    told = start(desk, use="history", budget={"max_trials": 3, "max_completed": 1})
    taken = there(desk)
    assert [(one.origin, one.state, one.values) for one in taken] == [
        ("added", "completed", {"loss": 0.25}),
        ("added", "pruned", {"loss": 0.5}),
        ("added", "infeasible", {"loss": float("inf")}),
    ]
    curve = desk.read(lambda tx: tx.points.list(taken[0].study_id, 0, (0, 0), 9))
    assert [(point.seq, point.step, point.metrics["loss"]) for point in curve] == [(1, 1, 0.5), (2, 4, 0.25)]
    assert told.sources[0].left_out == {"no result (failed)": 1, "no result (queued)": 1}
    # What others have run is no part of the budget: three trials, and one of them completed, are still to come.
    desk.enqueue(1, "new")
    (lease,) = desk.ask(1, "new")
    desk.complete(lease, values={"loss": 0.1})
    assert desk.state("new") == "completed"


def test_history_is_only_what_has_its_place_here_as_it_is(desk: Desk) -> None:
    add(desk, "s", 0.05, 0.5)
    told = start(desk, use="history", space={"lr": {"type": "float", "low": 0.001, "high": 0.1}})
    assert [one.params for one in there(desk)] == [{"lr": 0.05}]
    assert told.sources[0].left_out == {"'lr' has a value that it cannot have here": 1}
    with pytest.raises(Invalid, match=r"warm_start.from\[0\]: has no trial that could be taken \(2 has no 'drop'\)"):
        start(desk, "third", use="history", space={**SPACE, "drop": {"type": "float", "low": 0, "high": 1}})


def test_of_many_the_best_the_newest_and_some_of_the_rest_are_taken(desk: Desk) -> None:
    rates = [0.9 - place / 1000 for place in range(200)]
    for rate in (*rates[100:], *rates[:100]):
        add(desk, "s", rate)
        desk.later(seconds=1)
    told = start(desk, use="history", count=30, seed=1)
    taken = [one.attrs["warm_start"]["number"] for one in there(desk)]
    assert len(taken) == 30
    assert taken == sorted(taken), "in their order"
    assert {*range(90, 100)} <= set(taken), "the best"
    assert {*range(190, 200)} <= set(taken), "the newest"
    assert told.sources[0].left_out == {"more than were asked for": 170}
    assert start(desk, "again", use="history", count=30, seed=1) == told
    assert [one.attrs["warm_start"]["number"] for one in there(desk, "again")] == taken, "the same seed, the same rest"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sources": ["s", "nope"]}, r"^warm_start.from\[1\]: there is no study named 'nope'"),
        ({"objectives": [{"metric": "f1"}]}, r"^warm_start.from\[0\]: must have the objective 'minimize f1' \(it has"),
        ({"objectives": [{"metric": "loss", "direction": "maximize"}]}, "must have the objective 'maximize loss'"),
        ({}, r"^warm_start.from\[0\]: has no trials yet"),
    ],
)
def test_what_is_wrong_names_its_field_and_makes_no_study(desk: Desk, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        start(desk, **fields)
    assert [one.name for one in desk.read(lambda tx: tx.studies.list(StudyQuery())).items] == ["s"]


def test_a_name_that_is_taken_takes_nothing(desk: Desk) -> None:
    add(desk, "s", 0.1)
    desk.study("new")
    with pytest.raises(NameTaken):
        start(desk)
    assert there(desk) == []


def test_asked_again_nothing_is_taken_twice(desk: Desk) -> None:
    add(desk, "s", 0.3, 0.2, 0.1)
    desk.study("new")
    for use in ("best", "history"):
        body = WarmStart.model_validate({"from": ["s"], "use": use, "count": 2})
        first = desk.run(warming.warm(desk.store, Mirrors(100_000), "new", body))
        again = desk.run(warming.warm(desk.store, Mirrors(100_000), "new", body))
        assert [first.sources[0].taken, again.sources[0].taken] == [2, 0]
    assert len(there(desk)) == 2 + 2


def test_results_do_not_come_back_to_where_they_were_measured(desk: Desk) -> None:
    add(desk, "s", 0.1)
    start(desk, use="history")
    add(desk, "new", 0.2)
    body = WarmStart.model_validate({"from": ["new"], "use": "history"})
    told = desk.run(warming.warm(desk.store, Mirrors(100_000), "s", body))
    assert told.sources[0].left_out == {"was measured by this study": 1}
    assert [one.params["lr"] for one in there(desk, "s")] == [0.1, 0.2]
    desk.study("third")
    body = WarmStart.model_validate({"from": ["s", "new"], "use": "history"})
    told = desk.run(warming.warm(desk.store, Mirrors(100_000), "third", body))
    assert [one.taken for one in told.sources] == [2, 0]
    assert told.sources[1].left_out == {"the same measurement as another": 2}


class Broken(Exception):
    """The server is killed."""


def test_a_large_warm_start_is_taken_in_pieces_and_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [{"step": step, "metrics": {"loss": 1.0}} for step in range(1, 11)]
    add(desk, "s", *(0.1 + place / 1000 for place in range(30)), points=points)
    monkeypatch.setattr(warming, "ROWS_AT_ONCE", 100)
    states: list[str] = []
    write = MemoryStore.write

    async def dies(store: MemoryStore, work: Any) -> Any:
        found = await write(store, work)
        states.append((await store.read(lambda tx: tx.studies.get("new"))).state)
        if len(states) == 3:
            raise Broken
        return found

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "write", dies)
        with pytest.raises(Broken):
            start(desk, use="history")
    assert states == ["paused"] * 3
    study = desk.read(lambda tx: tx.studies.get("new"))
    assert (study.state, study.reason) == ("paused", warming.GOING_ON)
    assert 0 < len(there(desk)) < 30
    assert desk.run(warming.go_on(desk.store, Mirrors(100_000))) == 1
    assert desk.state("new") == "active"
    assert sorted(one.attrs["warm_start"]["number"] for one in there(desk)) == list(range(30))
    assert desk.run(warming.go_on(desk.store, Mirrors(100_000))) == 0


def test_two_that_go_on_at_once_take_everything_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    add(desk, "s", *(0.1 + place / 1000 for place in range(20)))
    desk.study("new")
    monkeypatch.setattr(warming, "ROWS_AT_ONCE", 25)
    body = WarmStart.model_validate({"from": ["s"], "use": "history"})

    async def both() -> None:
        await asyncio.gather(*(warming.warm(desk.store, Mirrors(1_000), "new", body) for _ in range(2)))

    desk.run(both())
    assert sorted(one.attrs["warm_start"]["number"] for one in there(desk)) == list(range(20))


def test_what_a_user_paused_stays_paused(desk: Desk) -> None:
    add(desk, "s", 0.1)
    start(desk)
    desk.write(lambda tx: studies.pause(tx, "new", None))
    assert desk.run(warming.go_on(desk.store, Mirrors(100_000))) == 0
    assert desk.state("new") == "paused"


def test_curves_beyond_all_measure_are_thinned_or_left_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [{"step": step, "metrics": {"loss": 1.0}} for step in range(1, 101)]
    add(desk, "s", 0.1, 0.2, 0.3, points=points)
    monkeypatch.setattr(warming, "_LONGEST_CURVE", 10)
    monkeypatch.setattr(warming, "MOST_POINTS", 25)
    start(desk, use="history")
    study = desk.read(lambda tx: tx.studies.get("new")).id
    curves = [desk.read(lambda tx, n=n: tx.points.list(study, n, (0, 0), 999)) for n in range(3)]  # type: ignore[misc]
    assert [len(curve) for curve in curves] == [10, 10, 0], "a part of a curve would look like the whole of it"
    assert [(curves[0][0].step, curves[0][-1].step)] == [(1, 100)]
    assert [one.attempts for one in there(desk)] == [1, 1, 0]
