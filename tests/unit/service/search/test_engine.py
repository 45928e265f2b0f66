"""The engine as a whole: points, duplicates, the end of a space, failures of samplers, caches and threads."""

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler

from service.search.desk import Desk
from service.search.engine import OptunaEngine
from service.search.points import place, size
from service.search.quiet import hush
from service.usecases.engine import Engine, Exhausted, History, judged
from tests.conformance.engine.drivers import MemoryDriver
from tests.conformance.engine.play import loss
from tests.unit.service.search.samples import PARAMS, SMALL, curve, definition, history, latest, study, trial


def finished(count: int, **fields: Any) -> History:
    """A study with trials at different points."""
    trials = [trial(number, params={**PARAMS, "rate": 0.1 / (number + 1)}) for number in range(count)]
    return history(study(count, **fields), trials)


def play(driver: MemoryDriver, number: int) -> None:
    got, params = driver.ask()
    assert got == number
    driver.end(number, "completed", [loss(params)])


def test_it_is_an_engine() -> None:
    engine: Engine = OptunaEngine()
    assert engine.suggest(finished(3, sampler="tpe"), 3).note is None


@pytest.mark.parametrize("sampler", ["auto", "tpe", "cmaes", "qmc", "random", "nsga2"])
def test_the_same_history_and_number_give_the_same_point(sampler: str) -> None:
    known = finished(20, sampler=sampler)
    used = OptunaEngine()
    for number in (25, 20, 21):
        used.suggest(finished(number - 5, sampler=sampler), number)
    assert used.suggest(known, 20) == OptunaEngine().suggest(known, 20) == used.suggest(known, 20)
    # A sequence goes on when the study remembers where it was, not by the number of the trial.
    assert sampler == "qmc" or used.suggest(known, 20) != used.suggest(known, 21)


def test_a_trial_that_waits_can_be_suggested_anew() -> None:
    known = finished(12, sampler="tpe")
    waiting = history(known.study, [*known.trials.values(), trial(12, "queued", params={**PARAMS, "rate": 0.05})])
    assert OptunaEngine().suggest(waiting, 12) == OptunaEngine().suggest(known, 12)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "brute_force", "nsga2", "qmc", "cmaes", "auto"])
def test_a_small_space_is_tried_point_by_point_and_then_exhausted(sampler: str) -> None:
    """One point was given beforehand, which no sampler's own order knows of."""
    driver = MemoryDriver(definition(space=SMALL, sampler=sampler), [OptunaEngine()])
    driver.end(driver.begin({"batch": 32, "width": "wide"}), "failed", None)
    for number in range(1, 6):
        assert not driver.exhausted
        play(driver, number)
    desk = Desk(driver.study)
    assert size(desk.layout) == len({place(desk.layout, one.params) for one in driver.trials.values()}) == 6
    assert driver.exhausted
    with pytest.raises(Exhausted):
        driver.ask()


def test_the_last_point_is_found_also_for_a_trial_that_holds_it() -> None:
    driver = MemoryDriver(definition(space=SMALL, sampler="tpe"), [OptunaEngine()])
    for number in range(6):
        play(driver, number)
    last = replace(driver.trials[5], state="queued")
    waiting = history(replace(driver.study, seq=99), [*list(driver.trials.values())[:5], last])
    assert OptunaEngine().suggest(waiting, 5).params == last.params


def test_points_may_be_repeated_if_nobody_minds() -> None:
    driver = MemoryDriver(definition(space=SMALL, sampler="random"), [OptunaEngine(redraws=0)])
    points = []
    for number in range(5):
        play(driver, number)
        points.append(str(driver.trials[number].params))
    assert len(set(points)) < 5


def test_a_large_discrete_space_has_no_duplicates_either() -> None:
    space = {"a": {"type": "int", "low": 1, "high": 40}, "b": {"type": "int", "low": 1, "high": 40}}
    driver = MemoryDriver(definition(space=space, sampler={"type": "tpe", "startup_trials": 5}), [OptunaEngine()])
    for number in range(60):
        play(driver, number)
    assert len({str(one.params) for one in driver.trials.values()}) == 60


class Broken(TPESampler):
    """Fails when it is asked."""

    def sample_relative(self, *args: Any) -> Any:
        raise ZeroDivisionError("no way " + "x" * 1000)

    def sample_independent(self, *args: Any) -> Any:
        return self.sample_relative()


def test_where_a_sampler_fails_the_point_is_drawn_at_random_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "sampler", lambda *_, **__: Broken())
    known = finished(20, sampler="tpe")
    suggestion = OptunaEngine().suggest(known, 20)
    assert suggestion.note is not None
    assert suggestion.note.startswith("drawn at random, since the sampler failed: ZeroDivisionError: no way")
    assert len(suggestion.note) <= 300
    assert suggestion.system == {}
    assert suggestion == OptunaEngine().suggest(known, 20)


def test_what_is_kept_is_kept_for_the_studies_used_last() -> None:
    engine = OptunaEngine(keep_trials=25)
    for number in (1, 2, 3):
        known = finished(10, sampler="tpe")
        engine.suggest(replace(known, study=replace(known.study, id=number)), 10)
    known = finished(10, sampler="tpe")
    engine.suggest(known, 10)
    assert list(engine._desks) == [3, 1]


def test_a_study_that_took_an_ids_place_is_another() -> None:
    engine = OptunaEngine()
    engine.suggest(finished(3, sampler="tpe"), 3)
    later = study(1, space=SMALL, sampler="random")
    again = replace(later, created_at=later.created_at.replace(year=2027))
    assert set(engine.suggest(history(again, []), 0).params) == set(SMALL)


def test_many_threads_get_what_one_would() -> None:
    """Caches are shared, and histories come in any order."""
    moments = [
        finished(count, sampler={"type": "tpe", "startup_trials": 4}, scheduler="median") for count in range(4, 16)
    ]
    calls = [(moment, number) for moment in moments for number in range(20, 24)]
    running = trial(30, "running")
    alone = OptunaEngine()
    together = OptunaEngine()
    start = threading.Barrier(4)

    def work(calls: Sequence[tuple[History, int]]) -> list[Any]:
        start.wait()
        return [
            (together.suggest(*call), together.judge(call[0], running, curve(9.0), latest(curve(9.0))))
            for call in calls
        ]

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(work, [calls[place::4] for place in range(4)]))
    for place_of, part in enumerate(parts):
        for call, got in zip(calls[place_of::4], part, strict=True):
            assert got == (alone.suggest(*call), alone.judge(call[0], running, curve(9.0), latest(curve(9.0))))


def test_optunas_warnings_are_not_heard() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hush()
        warnings.warn_explicit("new", optuna.exceptions.ExperimentalWarning, "x.py", 1, module="service.search")
        warnings.warn_explicit("hm", UserWarning, "x.py", 1, module="optuna.pruners._wilcoxon")
        warnings.warn_explicit("0/0", RuntimeWarning, "x.py", 1, module="numpy.lib")
        with pytest.raises(UserWarning):
            warnings.warn_explicit("ours", UserWarning, "x.py", 1, module="service.http")


@pytest.mark.parametrize(
    ("scheduler", "metric"),
    [
        ("none", "loss"),
        ("median", "loss"),
        ({"type": "median", "metric": "seconds"}, "seconds"),
        ({"type": "patient", "patience": 1, "metric": "seconds", "wrapped": "median"}, "seconds"),
        ({"type": "patient", "patience": 1, "wrapped": {"type": "median", "metric": "seconds"}}, "seconds"),
        ({"type": "patient", "patience": 1}, "loss"),
    ],
)
def test_the_metric_that_is_judged(scheduler: Any, metric: str) -> None:
    assert judged(definition(scheduler=scheduler)) == metric


def test_several_objectives_with_a_pruned_metric_are_sampled_and_judged() -> None:
    objectives = [{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}]
    scheduler = {"type": "median", "metric": "speed", "startup_trials": 1}
    of = study(1, objectives=objectives, scheduler=scheduler, sampler={"type": "tpe", "startup_trials": 1})
    trials = [
        trial(number, "completed", values={"loss": 1.0 / (number + 1), "speed": float(number)}) for number in range(3)
    ]
    trials += [trial(3, "pruned", values={"speed": 0.1}), trial(4, "pruned", values={}), trial(5, "infeasible")]
    curves = {number: curve(float(number), number + 1.0) for number in range(4)}
    known = history(of, [*trials, trial(6, "running")], curves)
    engine = OptunaEngine()
    assert engine.suggest(known, 7).note is None
    assert engine.judge(known, trial(6, "running"), curve(0.5), latest(curve(0.5))).act == "stop"
    assert engine.judge(known, trial(6, "running"), curve(1.5), latest(curve(1.5))).act == "continue"
