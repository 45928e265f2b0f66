"""Several suggestions at once: they are those that would have been made one after the other."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.trial import Trial
from service.search.engine import OptunaEngine
from service.usecases.engine import Exhausted, History, Suggestion, one_by_one
from tests.unit.service.search.samples import SMALL, curve, history, study, trial

LONG = 60.0
DONE = [
    trial(number, params={"rate": 10.0 ** -(1 + number % 4), "batch": (16, 32, 64)[number % 3], "width": "wide"})
    for number in range(15)
]


def begun(**fields: Any) -> History:
    made = study(len(DONE), **fields)
    return history(replace(made, next_number=len(DONE)), DONE, {one.number: curve(1, 2) for one in DONE})


def in_turn(seen: History, count: int, engine: OptunaEngine) -> list[Suggestion]:
    """What would be suggested if each were queued before the next is asked for."""
    found: list[Suggestion] = []
    trials, system = dict(seen.trials), dict(seen.system)
    for number in range(len(DONE), len(DONE) + count):
        now = replace(seen.study, seq=number + 1, next_number=number)
        found.append(engine.suggest(History(now, dict(trials), seen.curves, dict(system)), number))
        system |= found[-1].study_system
        trials[number] = queued(number, found[-1].params)
    return found


def queued(number: int, params: Any) -> Trial:
    return trial(number, "queued", params=params)


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "qmc", "random", "nsga2", "auto"])
def test_they_are_those_that_would_be_made_in_turn(sampler: str) -> None:
    seen = begun(sampler=sampler)
    together = OptunaEngine().several(seen, len(DONE), 5, LONG)
    assert [one.params for one in together] == [one.params for one in in_turn(seen, 5, OptunaEngine())]
    assert len({str(one.params) for one in together}) == 5


def test_what_was_imagined_leaves_no_trace() -> None:
    """None of them was queued after all: the next suggestion is the first of them again, and not what comes behind."""
    seen, engine = begun(sampler="tpe"), OptunaEngine()
    first, *_ = engine.several(seen, len(DONE), 4, LONG)
    another = replace(seen, study=replace(seen.study, seq=seen.study.seq + 1))
    assert engine.suggest(another, len(DONE)).params == first.params


def test_it_may_be_enough() -> None:
    answers = iter([False, True])
    assert len(one_by_one(OptunaEngine().suggest, begun(), len(DONE), 5, lambda: next(answers))) == 2


def test_one_there_is_though_the_time_is_over() -> None:
    assert len(OptunaEngine().several(begun(), len(DONE), 5, seconds=-1)) == 1


def test_those_that_are_left_are_all() -> None:
    seen = history(study(1, space=SMALL, sampler="random"), [])
    engine = OptunaEngine()
    assert len(engine.several(seen, 0, 9, LONG)) == 6
    tried = [queued(place, {"batch": batch, "width": width}) for place, (batch, width) in enumerate(POINTS)]
    with pytest.raises(Exhausted):
        engine.several(history(study(2, space=SMALL), tried), 6, 9, LONG)


POINTS = [(batch, width) for batch in (16, 32, 64) for width in ("narrow", "wide")]
