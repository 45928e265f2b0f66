"""The curve sampler: the same history gives the same point, the point is of the space, and little known is said so."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from service.domain.space import check
from service.search.engine import OptunaEngine
from service.search.pool.knowledge import SHAPE
from service.usecases.engine import History
from tests.unit.service.search.pool.pools import NUMBERS, RUNGS, crossing, curve_of, loss, showing, trained
from tests.unit.service.search.samples import curve, history, study, trial

CONDITIONAL: Mapping[str, Any] = {
    "y": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
    "kind": {"type": "categorical", "choices": ["plain", "fancy", True, 1]},
    "x": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": "fancy"}},
    "layers": {"type": "int", "low": 1, "high": 9, "step": 4},
    "many": {"type": "int", "low": 2, "high": 64, "log": True, "when": {"layers": {"min": 5}}},
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
}


def suggested(of: History, number: int, **engine: Any) -> Mapping[str, Any]:
    made = OptunaEngine(**engine).suggest(of, number)
    assert made.note is None
    return made.params


def mixed(count: int, chance: Random) -> History:
    """A study over a space with conditions, in which fancy trials are the best."""
    of = study(count, space=CONDITIONAL, scheduler="asha")
    trials, curves = [], {}
    for number in range(count):
        params: dict[str, Any] = {
            "y": 0.01 ** chance.random(),
            "kind": chance.choice(["plain", "fancy", True, 1]),
            "layers": chance.choice([1, 5, 9]),
            "batch": chance.choice([16, 32, 64]),
        }
        params |= {"x": chance.random()} if params["kind"] == "fancy" else {}
        params |= {"many": chance.randrange(2, 65)} if params["layers"] >= 5 else {}
        until = (1, 4, 16)[number % 3]
        like = {"x": params.get("x", 0.9), "y": params["y"]}
        values = [loss(like, rung) for rung in RUNGS if rung <= until]
        trials.append(showing(*values, number=number, params=params))
        curves[number] = curve_of(trial(number, params=like), until)
    return history(of, trials, curves)


def test_the_same_history_and_number_give_the_same_point() -> None:
    of = crossing(30, Random(1))
    for number in range(30, 36):
        assert suggested(of, number) == suggested(of, number)
    assert len({tuple(suggested(of, number).values()) for number in range(30, 36)}) == 6


def test_a_suggestion_that_is_made_anew_is_the_same_if_nothing_else_is_known() -> None:
    """The trial that has it is queued: neither does it keep away from itself, nor is it counted."""
    for known_before in (15, 30):
        of = crossing(known_before, Random(1))
        for number in range(known_before, known_before + 5):
            made = OptunaEngine().suggest(of, number)
            queued = trial(number, "queued", params=made.params, system=made.system)
            with_it = replace(of, trials={**of.trials, number: queued})
            again = OptunaEngine().suggest(with_it, number)
            assert (again.params, again.system) == (made.params, made.system)


def test_what_is_queued_is_not_suggested_again() -> None:
    of = crossing(30, Random(1))
    points = []
    for number in range(30, 42):
        point = suggested(of, number)
        points.append([float(point["x"]), float(point["y"])])
        of = replace(of, trials={**of.trials, number: trial(number, "queued", params=point)})
    apart = [np.linalg.norm(np.subtract(one, other)) for place, one in enumerate(points) for other in points[:place]]
    assert min(apart) > 0.001


def test_it_comes_to_where_the_end_is_good() -> None:
    chance = Random(4)
    of = crossing(48, chance)
    ends = [loss(suggested(of, number), 64) for number in range(48, 68)]
    anywhere = [loss({"x": chance.random(), "y": chance.random()}, 64) for _ in range(1000)]
    assert np.median(ends) < np.quantile(anywhere, 0.2)


def test_a_good_curve_that_was_cut_short_counts() -> None:
    """All that is known are trials that pause after their first rungs: they are learned from all the same."""
    of = crossing(48, Random(4), untils=(1, 4, 16))
    ends = [loss(suggested(of, number), 64) for number in range(48, 78)]
    assert np.median(ends) < 0.15


def test_it_keeps_away_from_where_nothing_can_be_trained() -> None:
    """It is the better the larger x is, but from the middle on there is not enough memory."""
    of, engine, chance = study(0, space=NUMBERS, scheduler="asha"), OptunaEngine(), Random(5)
    trials, curves = [], {}
    for number in range(40):
        params = {"x": chance.random(), "y": chance.random()}
        good = 1 - params["x"]
        trials.append(
            trial(number, "infeasible", params=params, values=None)
            if params["x"] > 0.5
            else showing(good + 1, good, number=number, params=params)
        )
        if params["x"] <= 0.5:
            curves[number] = curve(good + 1, good + 0.5, good, good)
    known_now = history(of, trials, curves)
    made: list[Mapping[str, Any]] = [engine.suggest(known_now, number).params for number in range(40, 80)]
    assert sum(params["x"] > 0.5 for params in made) < 16, "at random there would be 20"


@pytest.mark.parametrize("count", [0, 5, 20, 60])
def test_every_point_is_one_of_the_space(count: int, rng: Random) -> None:
    of = mixed(count, rng)
    space = of.study.definition.space
    for number in range(count, count + 12):
        point = suggested(of, number)
        checked, errors = check(space, point)
        assert errors == []
        assert dict(checked) == dict(point)
        assert ("x" in point) == (point["kind"] == "fancy")
        assert ("many" in point) == (point["layers"] >= 5)


def test_a_model_that_was_kept_is_gone_on_with() -> None:
    of = crossing(30, Random(1))
    numbers = range(30, 60)
    made = next(one for one in (OptunaEngine().suggest(of, number) for number in numbers) if SHAPE in one.study_system)
    assert list(made.study_system) == [SHAPE]
    kept = replace(of, system=dict(made.study_system))
    later = [OptunaEngine().suggest(kept, number).study_system for number in numbers]
    shapes = [one[SHAPE] for one in later if SHAPE in one]
    assert len(shapes) > 20
    assert shapes == [made.study_system[SHAPE]] * len(shapes)


def test_it_falls_back_where_too_little_is_known(caplog: pytest.LogCaptureFixture) -> None:
    few = crossing(7, Random(1))
    waiting = [trial(number, "queued", params={"x": 0.5, "y": 0.5}) for number in range(7, 40)]
    of = replace(few, trials={**few.trials, **{one.number: one for one in waiting}})
    with caplog.at_level(logging.WARNING):
        made = OptunaEngine().suggest(of, 41)
    assert (made.note, caplog.messages) == (None, [])
    assert SHAPE not in made.study_system
    assert made.params.keys() == NUMBERS.keys()


def test_nothing_but_failures_and_nan_does_not_break_it() -> None:
    of = study(9, space=NUMBERS, scheduler="auto")
    points = [{"x": place / 30, "y": (7 * place % 30) / 30} for place in range(30)]
    failed = [trial(place, "failed", params=point) for place, point in enumerate(points)]
    assert suggested(history(of, failed), 30).keys() == NUMBERS.keys()
    diverged = [showing(None, number=place, params=point) for place, point in enumerate(points)]
    assert suggested(history(of, diverged), 30).keys() == NUMBERS.keys()
    same = [showing(0.5, number=place, params=points[0]) for place in range(30)]
    assert suggested(history(of, same), 30).keys() == NUMBERS.keys()
    one = [trained(place, point, 64, "completed") for place, point in enumerate(points[:1])]
    assert suggested(history(of, [*one, *diverged[1:]], {0: curve_of(one[0], 64)}), 30).keys() == NUMBERS.keys()


def test_one_in_ten_is_drawn_without_the_model() -> None:
    of, engine = crossing(30, Random(1)), OptunaEngine()
    learned = replace(of, system=dict(engine.suggest(of, 30).study_system))
    modelled = [SHAPE in engine.suggest(learned, number).study_system for number in range(30, 80)]
    assert 40 < sum(modelled) < 50
