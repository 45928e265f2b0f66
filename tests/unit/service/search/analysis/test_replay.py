"""Replays, against tables worked out by hand and against Optuna's own pruners."""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner, ThresholdPruner
from pydantic import TypeAdapter

from service.domain.trial import Trial
from service.search.analysis import replay as module
from service.search.analysis.replay import replay
from service.search.quiet import hush
from service.usecases.analysis.analyst import Ran, Recording
from service.usecases.engine import Curve
from service.wire.analysis import Replay
from service.wire.scheduler import AnyScheduler
from tests.conformance.engine.drivers import NOW
from tests.unit.service.search.samples import curve, study, trial

_SCHEDULER: TypeAdapter[AnyScheduler] = TypeAdapter(AnyScheduler)


def recording(
    curves: Sequence[Curve], changed: Mapping[int, Mapping[str, Any]] | None = None, **fields: Any
) -> Recording:
    """Trials one behind the other, each of ten seconds; a completed one's loss is its last value."""
    trials: dict[int, Trial] = {}
    ran: dict[int, Ran] = {}
    for number, points in enumerate(curves):
        began = NOW + timedelta(seconds=10 * number)
        ended = began + timedelta(seconds=10)
        given = {"values": {"loss": points.values[-1]}, "created_at": began, "started_at": began, "finished_at": ended}
        trials[number] = trial(number, **{**given, **(changed or {}).get(number, {})})
        ran[number] = Ran(began, ended, 2.0 * len(points))
    return Recording(study(len(trials) + 1, **fields), trials, dict(enumerate(curves)), ran)


def replayed(of: Recording, scheduler: Any) -> Replay:
    return replay(of, _SCHEDULER.validate_python(scheduler))


def stops(found: Replay) -> dict[int, int]:
    return {one.number: one.step for one in found.halted}


FOUR = (curve(4.0, 3.0, 2.0, 1.0), curve(6.0, 5.0, 5.0, 5.0), curve(5.0, 9.0, 9.0, 0.5), curve(3.0, 2.0, 1.0, 0.9))


def test_a_table_worked_out_by_hand() -> None:
    """Halving at steps 1, 2 and 4: trial 1 is behind trial 0 at step 1, trial 2 as well; trial 3 leads everywhere."""
    found = replayed(recording(FOUR), {"type": "asha", "reduction_factor": 2, "mode": "stop"})
    assert stops(found) == {1: 1, 2: 1}
    assert (found.trials, found.of, found.stopped, found.paused, found.really_stopped) == (4, 4, 2, 0, 0)
    assert (found.steps.really, found.steps.replayed, found.steps.saved) == (16, 10, 6)
    assert found.gpu_seconds is not None
    assert (found.gpu_seconds.really, found.gpu_seconds.saved, found.gpu_trials) == (32.0, 12.0, 4)
    # The best trial of all is number 2: it looked bad at first.
    assert found.best is not None
    assert (found.best.number, found.best.value, found.best.kept, found.best.stopped_at) == (2, 0.5, False, 1)
    assert (found.best.next_number, found.best.next_value) == (3, 0.9)
    assert found.best.regret == pytest.approx(0.4)
    assert [(one.k, one.kept) for one in found.top] == [(1, 0), (3, 2)]


def test_paused_trials_go_on_when_they_come_to_be_among_the_best() -> None:
    """Halving that promotes: trial 0 waits at step 1 until trial 1 has come there and is worse, and then at step 2."""
    found = replayed(recording(FOUR), {"type": "asha", "reduction_factor": 2})
    assert stops(found) == {0: 2, 1: 1, 2: 1}
    assert (found.stopped, found.paused, found.promoted) == (0, 3, 1)
    assert {one.act for one in found.halted} == {"pause"}
    assert (found.steps.really, found.steps.replayed) == (16, 2 + 1 + 1 + 4)
    assert any("went on when another" in note for note in found.notes)


def test_a_promoted_trial_comes_to_its_real_end() -> None:
    curves = (curve(3.0, 3.0), curve(4.0, 4.0), curve(5.0, 5.0), curve(6.0, 6.0))
    found = replayed(recording(curves), {"type": "asha", "reduction_factor": 2, "max_resource": 2})
    # 0 goes on once 1 is there, to its end; 1 once 3 is there. Half of them come to the last step.
    assert stops(found) == {2: 1, 3: 1}
    assert found.promoted == 2
    assert found.best is not None
    assert (found.best.number, found.best.kept) == (0, True)


def test_bounds() -> None:
    curves = (curve(1.0, 2.0, 9.0), curve(1.0, math.nan, 1.0), curve(1.0, 1.0, 1.0), curve(1.0, 1.0, math.inf, 2.0))
    found = replayed(recording(curves), {"type": "threshold", "upper": 5})
    # The first leaves the bounds with its last point: there is nothing left to save.
    assert stops(found) == {1: 2, 3: 3}


def test_no_scheduler_stops_nothing() -> None:
    found = replayed(recording(FOUR), "none")
    assert (stops(found), found.steps.saved) == ({}, 0)
    assert found.best is not None
    assert (found.best.kept, found.best.regret) == (True, 0.0)


def test_trials_side_by_side_are_judged_as_they_grow() -> None:
    """Trial 1 begins before trial 0 has ended, and is judged by what trial 0 had by then."""
    of = recording((curve(*[1.0] * 9), curve(2.0, 2.0, 0.1, 0.1)))
    ran = {0: of.ran[0], 1: Ran(NOW + timedelta(seconds=2), NOW + timedelta(seconds=6), None)}
    both = replayed(
        Recording(of.study, of.trials, of.curves, ran), {"type": "asha", "reduction_factor": 2, "mode": "stop"}
    )
    assert stops(both) == {1: 1}
    assert both.gpu_trials == 1
    behind = {0: Ran(NOW + timedelta(seconds=60), NOW + timedelta(seconds=70)), 1: ran[1]}
    later = replayed(
        Recording(of.study, of.trials, of.curves, behind), {"type": "asha", "reduction_factor": 2, "mode": "stop"}
    )
    assert stops(later) == {0: 4}
    assert later.gpu_seconds is None


def test_curves_that_were_cut_short_are_unknown_behind_the_cut() -> None:
    changed = {1: {"state": "pruned", "values": None}, 2: {"state": "paused", "values": None, "finished_at": None}}
    curves = (curve(4.0, 3.0, 2.0, 1.0), curve(3.0), curve(9.0, 9.0), curve(3.0, 2.0, 1.0, 0.9))
    found = replayed(recording(curves, changed), {"type": "threshold", "upper": 5})
    assert stops(found) == {2: 1}
    assert (found.really_stopped, found.unknown) == (2, 1)
    assert any("unknown" in note for note in found.notes)


def test_what_has_no_end_or_no_curve_is_not_judged() -> None:
    of = recording((*FOUR, curve(9.0)), {4: {"state": "running", "values": None}})
    found = replayed(of, {"type": "threshold", "upper": 1})
    assert (found.of, 4 in stops(found)) == (4, False)
    empty = Recording(of.study, of.trials, {}, of.ran)
    nothing = replayed(empty, "median")
    assert (nothing.of, nothing.trials, nothing.best, nothing.top) == (0, 0, None, ())


def test_trials_that_ran_elsewhere_are_compared_with_and_not_judged() -> None:
    changed = {0: {"origin": "added"}, 1: {"origin": "added"}}
    curves = (curve(1.0, 1.0), curve(9.0, 9.0), curve(6.0, 6.0, 6.0))
    found = replayed(recording(curves, changed), {"type": "median", "startup_trials": 2})
    assert (found.given, found.trials, stops(found)) == (2, 1, {2: 1})


def test_the_largest_is_the_best_where_it_is_to_be_large() -> None:
    objectives = [{"metric": "loss", "direction": "maximize"}]
    found = replayed(recording(FOUR, objectives=objectives), {"type": "asha", "reduction_factor": 2, "mode": "stop"})
    assert 1 not in stops(found)
    assert 3 in stops(found)
    assert found.best is not None
    assert (found.best.number, found.best.kept) == (1, True)


def test_several_objectives_are_judged_by_the_named_metric() -> None:
    objectives = [{"metric": "other"}, {"metric": "loss"}]
    changed = {number: {"values": {"other": 1.0, "loss": FOUR[number].values[-1]}} for number in range(4)}
    of = recording(FOUR, changed, objectives=objectives)
    found = replayed(of, {"type": "asha", "reduction_factor": 2, "mode": "stop", "metric": "loss"})
    assert stops(found) == {1: 1, 2: 1}
    assert found.best is not None
    assert (found.best.metric, found.best.number) == ("loss", 2)
    assert replayed(of, "auto").stopped == 0


def test_failed_and_infeasible_trials_and_those_without_numbers_have_no_rank() -> None:
    changed: dict[int, Mapping[str, Any]] = {
        0: {"state": "failed", "values": None},
        1: {"state": "infeasible", "values": None},
        2: {"values": {"loss": math.nan}},
    }
    found = replayed(recording(FOUR, changed), "none")
    assert found.best is not None
    assert (found.best.number, [one.k for one in found.top]) == (3, [1])


PRUNERS: Sequence[tuple[Any, BasePruner]] = (
    ({"type": "median"}, MedianPruner()),
    ({"type": "median", "startup_trials": 3, "warmup_steps": 4, "interval_steps": 3}, MedianPruner(3, 4, 3)),
    (
        {"type": "asha", "reduction_factor": 3, "mode": "stop"},
        SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    ),
    ({"type": "hyperband", "max_resource": 12, "reduction_factor": 3}, HyperbandPruner(1, 12, 3)),
    ({"type": "threshold", "upper": 2.2}, ThresholdPruner(upper=2.2)),
)


@pytest.mark.parametrize(("scheduler", "pruner"), PRUNERS, ids=lambda one: one["type"] if isinstance(one, dict) else "")
@pytest.mark.parametrize("seed", range(3))
def test_against_optunas_own_pruner(scheduler: Any, pruner: BasePruner, seed: int) -> None:
    """Trials one behind the other: Optuna's study is told the same curves, and says where it would have stopped."""
    hush()
    chance = random.Random(seed)
    curves = []
    for _ in range(40):
        level = chance.random()
        values = [level * (1 + 2 / step) + 0.3 * chance.random() for step in range(1, 13)]
        curves.append(curve(*values))
    expected: dict[int, int] = {}
    theirs = optuna.create_study(study_name="sample", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for number, points in enumerate(curves):
        asked = theirs.ask()
        for step, value in zip(points.steps, points.values, strict=True):
            asked.report(value, step)
            if step < points.steps[-1] and asked.should_prune():
                expected[number] = step
                break
        if number in expected:
            theirs.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            theirs.tell(asked, points.values[-1])
    assert stops(replayed(recording(curves), scheduler)) == expected
    assert expected


def test_auto_stops_trials_also_where_they_could_be_paused() -> None:
    """It is not pausing that is replayed, and that is said."""
    chance = random.Random(3)
    curves = [curve(*[5 * chance.random() + 1 / step for step in range(1, 20)]) for _ in range(30)]
    of = recording(curves)
    ran = {number: Ran(one.began, one.ended, one.gpu_seconds, resumes=True) for number, one in of.ran.items()}
    found = replayed(Recording(of.study, of.trials, of.curves, ran), "auto")
    assert found.stopped > 0
    assert (found.paused, found.promoted) == (0, 0)
    assert stops(found) == stops(replayed(of, "auto"))
    assert any(note.startswith("auto is replayed") for note in found.notes)


def test_rungs_of_a_reported_metric() -> None:
    """Rungs at 10 and 20 samples, of which trial 0 makes ten a step and trial 1 twenty."""
    of = recording((curve(1.0, 1.0, 1.0), curve(2.0, 2.0, 2.0)))
    resources = {0: curve(10.0, 20.0, 30.0), 1: curve(9.0, 29.0, 49.0)}
    scheduler = {"type": "asha", "mode": "stop", "resource": "samples", "min_resource": 10, "reduction_factor": 2}
    found = replayed(Recording(of.study, of.trials, of.curves, of.ran, resources), scheduler)
    assert stops(found) == {1: 2}


def test_a_large_study_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIALS", 30)
    chance = random.Random(1)
    curves = [curve(*[chance.random() for _ in range(5)]) for _ in range(300)]
    found = replayed(recording(curves), "median")
    assert 30 <= found.trials <= 40
    assert found.of == 300
    assert found.best is not None
    assert found.best.value == min(points.values[-1] for points in curves)
    assert any("were left out" in note for note in found.notes)
