"""Verdicts: what they were based on, and why a trial is stopped, in a sentence."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from service.search.engine import OptunaEngine
from service.usecases.engine import Basis, Curve, Latest, Verdict
from tests.unit.service.search.samples import curve, history, latest, study, trial

TWO = [{"metric": "loss"}, {"metric": "accuracy", "direction": "maximize"}]


def judged(
    scheduler: Any, own: Curve, others: Mapping[int, Curve], *, system: Any = None, states: Any = None, **fields: Any
) -> Verdict:
    """The verdict on trial 9 beside others, which are completed; their loss is their last value."""
    of = study(1, scheduler=scheduler, **fields)
    trials = [
        trial(
            number,
            (states or {}).get(number, "completed"),
            values={objective.metric: points.values[-1] for objective in of.definition.objectives},
            system=(system or {}).get(number, {}),
        )
        for number, points in others.items()
    ]
    ninth = trial(9, "running", system=(system or {}).get(9, {}))
    told = latest(own) if own else Latest(step=1, metrics={"speed": 1.0})
    return OptunaEngine().judge(history(of, [*trials, ninth], others), ninth, own, told)


FOUR = {0: curve(0.5, 0.4), 1: curve(0.7, 0.6), 2: curve(0.9, 0.8), 3: curve(1.1)}
MEDIAN = {"type": "median", "startup_trials": 2}


def test_no_scheduler_never_decides() -> None:
    assert judged("none", curve(9.0), FOUR) == Verdict(act="continue")


def test_no_points_are_no_reason() -> None:
    assert judged(MEDIAN, curve(), FOUR) == Verdict(act="continue")


def test_worse_than_the_median() -> None:
    verdict = judged(MEDIAN, curve(1.0, 0.95), FOUR)
    assert verdict.act == "stop"
    assert verdict.reason == "its best value so far is worse than the median of 3 trials at step 2: 0.95 > 0.6"
    assert verdict.basis == Basis(rung=2, step=2, value=0.95, cut=0.6, rank=4, n=3)


def test_better_than_the_median_is_a_decision_too() -> None:
    verdict = judged(MEDIAN, curve(1.0, 0.5), FOUR)
    assert (verdict.act, verdict.reason) == ("continue", None)
    assert verdict.basis == Basis(rung=2, step=2, value=0.5, cut=0.6, rank=2, n=3)


def test_too_few_trials_or_the_wrong_step_decide_nothing() -> None:
    assert judged({**MEDIAN, "startup_trials": 5}, curve(9.0), FOUR).basis is None
    assert judged({**MEDIAN, "warmup_steps": 2}, curve(9.0), FOUR).basis is None
    assert judged({**MEDIAN, "interval_steps": 5}, curve(9.0, 9.0), FOUR).basis is None
    assert judged({**MEDIAN, "min_trials": 4}, curve(9.0, 9.0), FOUR).basis is None
    assert judged(MEDIAN, curve(9.0, steps=[7]), FOUR).basis is None


def test_nothing_but_nan_is_stopped() -> None:
    verdict = judged(MEDIAN, curve(math.nan, math.nan), FOUR)
    assert verdict.reason == "it has reported nothing but NaN up to step 2"
    assert verdict.basis is not None
    assert math.isnan(verdict.basis.value)


def test_outside_the_best_percentile() -> None:
    scheduler = {"type": "percentile", "percentile": 25, "startup_trials": 2, "interval_steps": 2}
    verdict = judged(scheduler, curve(0.66), FOUR)
    assert verdict.reason == "its best value so far is not among the best 25 % of 4 trials at step 1: 0.66 > 0.65"
    assert verdict.basis is not None
    assert verdict.basis.cut == pytest.approx(0.65)
    assert (verdict.basis.rank, verdict.basis.n) == (2, 4)


def test_larger_is_better_where_the_study_says_so() -> None:
    objectives = [{"metric": "accuracy", "direction": "maximize"}]
    verdict = judged(MEDIAN, curve(0.1), {0: curve(0.5), 1: curve(0.7)}, objectives=objectives)
    assert verdict.reason == "its best value so far is worse than the median of 2 trials at step 1: 0.1 < 0.6"


RUNGS = {number: {"completed_rung_0": 0.1 * number} for number in range(8)}
PLAIN = {number: curve(0.1 * number) for number in range(8)}


def test_not_among_the_best_at_a_rung() -> None:
    verdict = judged({"type": "asha", "mode": "stop"}, curve(0.25), PLAIN, system=RUNGS)
    assert verdict.act == "stop"
    assert verdict.reason == "number 4 of 9 at rung 0 (step 1), where the best 2 go on: 0.25 > 0.1"
    assert verdict.basis == Basis(rung=0, step=1, value=0.25, cut=0.1, rank=4, n=9)
    assert verdict.system == {"completed_rung_0": 0.25}


SHOWN = {number: {"basin:rungs": [[0.1 * number]]} for number in range(8)}


def test_in_the_mode_promote_a_trial_pauses() -> None:
    verdict = judged("asha", curve(0.25), PLAIN, system=SHOWN)
    assert verdict.act == "pause"
    assert verdict.reason == "number 4 of 9 at rung 0, where the best 2 go on"
    assert verdict.basis == Basis(rung=0, step=1, value=0.25, cut=0.1, rank=4, n=9)
    assert verdict.system == {"basin:rungs": [[0.25]]}
    assert verdict.next_step == 4
    assert judged("asha", curve(0.05), PLAIN, system=SHOWN).act == "continue"
    assert judged("asha", curve(0.25), PLAIN, system=RUNGS).act == "pause", "what Optuna remembers is not ours"


@pytest.mark.parametrize(
    ("scheduler", "objectives"),
    [
        ({"type": "asha", "mode": "stop", "resource": "elapsed"}, None),
        ({"type": "asha", "mode": "stop"}, TWO),
        ({"type": "asha"}, TWO),
    ],
)
def test_halving_by_other_things_than_steps_or_one_metric_is_ours(scheduler: Any, objectives: Any) -> None:
    of = study(1, scheduler=scheduler, objectives=objectives or [{"metric": "loss"}])
    metrics = {"loss": 0.5, "accuracy": 0.5}
    trials = [trial(number, "running", system={"basin:rungs": [[0.1, 0.9]]}) for number in range(4)]
    known = history(of, [*trials, trial(9, "running")])
    told = Latest(step=1, metrics=metrics, elapsed=2.0)
    verdict = OptunaEngine().judge(known, trial(9, "running"), curve(0.5), told)
    assert verdict.act == scheduler.get("mode", "pause")
    assert verdict.basis is not None
    assert (verdict.basis.rank, verdict.basis.n) == (5, 5)
    assert verdict.system == {"basin:rungs": [[0.5, 0.5] if objectives else [0.5]]}


def test_a_trial_that_comes_to_two_rungs_at_once_is_judged_at_the_higher_one() -> None:
    verdict = judged({"type": "asha", "mode": "stop"}, curve(0.05, steps=[4]), PLAIN, system=RUNGS)
    assert verdict.act == "continue"
    assert verdict.basis == Basis(rung=1, step=4, value=0.05, cut=0.05, rank=1, n=1)
    assert verdict.system == {"completed_rung_0": 0.05, "completed_rung_1": 0.05}


def test_between_rungs_nothing_is_decided() -> None:
    system = {**RUNGS, 9: {"completed_rung_0": 0.1}}
    verdict = judged({"type": "asha", "mode": "stop"}, curve(0.2, 9.0, 9.0), PLAIN, system=system)
    assert verdict == Verdict(act="continue")


def test_where_a_trial_is_done_nothing_is_left_to_decide() -> None:
    scheduler = {"type": "asha", "mode": "stop", "max_resource": 4}
    assert judged(scheduler, curve(0.9, steps=[4]), PLAIN, system=RUNGS) == Verdict(act="continue")
    assert judged(scheduler, curve(0.9, steps=[3]), PLAIN, system=RUNGS).act == "stop"


def test_nan_at_a_rung() -> None:
    verdict = judged({"type": "asha", "mode": "stop"}, curve(math.nan), PLAIN, system=RUNGS)
    assert verdict.reason == "its value at step 1 is NaN"
    assert verdict.system == {}


def test_hyperband_compares_within_the_bracket() -> None:
    scheduler = {"type": "hyperband", "max_resource": 27, "reduction_factor": 3}
    verdict = judged(scheduler, curve(0.9, steps=[26]), PLAIN, system=RUNGS)
    assert verdict.basis is not None
    assert verdict.basis.n is not None
    assert verdict.basis.n < 9
    assert (verdict.act == "stop") == (verdict.basis.cut != verdict.basis.value)


@pytest.mark.parametrize(
    ("own", "reason", "cut"),
    [
        (curve(12.0), "above the upper bound at step 1: 12 > 10", 10.0),
        (curve(-3.0), "below the lower bound at step 1: -3 < -1", -1.0),
        (curve(math.nan), "its value at step 1 is NaN", 10.0),
        (curve(math.inf), "above the upper bound at step 1: inf > 10", 10.0),
        (curve(9.0), None, 10.0),
        (curve(0.0), None, -1.0),
    ],
)
def test_bounds(own: Curve, reason: str | None, cut: float) -> None:
    verdict = judged({"type": "threshold", "lower": -1, "upper": 10}, own, {})
    assert verdict.reason == reason
    assert verdict.basis is not None
    assert verdict.basis.cut == cut


def test_bounds_hold_for_a_metric_that_is_no_objective() -> None:
    scheduler = {"type": "threshold", "upper": 10, "metric": "gradient_norm", "warmup_steps": 1}
    assert judged(scheduler, curve(12.0), FOUR).act == "stop"
    assert judged({**scheduler, "warmup_steps": 2}, curve(12.0), FOUR).basis is None


def test_folds_are_compared_with_the_best_trials() -> None:
    folds = {0: curve(1.0, 1.1, 1.2, 0.9), 1: curve(3.0, 3.1, 3.2, 2.9), 2: curve(0.1)}
    states = {2: "infeasible"}
    verdict = judged({"type": "wilcoxon", "p_threshold": 0.2}, curve(2.0, 2.1, 2.2), folds, states=states)
    assert verdict.reason == "worse than trial 0 on 3 shared steps (p < 0.2): mean 2.1 > 1.1"
    assert verdict.basis is not None
    assert verdict.basis.n == 3
    assert judged("wilcoxon", curve(2.0), folds, states=states).basis is None
    assert judged("wilcoxon", curve(2.0, 2.0), {}).basis is None


def test_patience() -> None:
    scheduler = {"type": "patient", "patience": 1, "min_delta": 0.05}
    verdict = judged(scheduler, curve(0.5, 0.3, 0.4, 0.36), {})
    assert verdict.reason == "no better than before in its last 2 reports: 0.36 > 0.3"
    assert verdict.basis == Basis(rung=1, step=4, value=0.36, cut=0.35)
    assert judged(scheduler, curve(0.5, 0.3, 0.4, 0.34), {}).act == "continue"
    assert judged(scheduler, curve(0.5, 0.6), {}).basis is None


def test_patience_leaves_the_verdict_to_another_rule() -> None:
    scheduler = {"type": "patient", "patience": 0, "wrapped": MEDIAN}
    still_falling = judged(scheduler, curve(0.99, 0.95), FOUR)
    assert still_falling.act == "continue"
    stalled = judged(scheduler, curve(0.95, 0.99), FOUR)
    assert stalled.reason == "its best value so far is worse than the median of 3 trials at step 2: 0.95 > 0.6"
    assert stalled.basis == Basis(rung=2, step=2, value=0.95, cut=0.6, rank=4, n=3)


def test_of_several_objectives_a_named_one_is_judged_by_its_own_direction() -> None:
    scheduler = {**MEDIAN, "metric": "accuracy"}
    assert judged(scheduler, curve(0.95), FOUR, objectives=TWO).act == "continue"
    assert judged(scheduler, curve(0.45), FOUR, objectives=TWO).act == "stop"
    assert judged(MEDIAN, curve(0.95), FOUR, objectives=TWO).act == "stop"


def test_auto_does_not_stop_what_may_be_at_its_end() -> None:
    once = {number: curve(0.1 * number) for number in range(8)}
    longer = {number: curve(0.1 * number, 0.1, 0.1, 0.1, 0.1) for number in range(8)}
    running = dict.fromkeys(range(8), "running")
    assert judged("auto", curve(0.9), once, system=RUNGS).act == "continue"
    assert judged("auto", curve(0.9), longer, system=RUNGS).act == "stop"
    assert judged("auto", curve(0.9, 0.9, 0.9, 0.9, 0.9), longer, system=RUNGS).act == "continue"
    assert judged("auto", curve(0.9), {}, system=RUNGS).act == "continue"
    of = study(1, scheduler="auto")
    trials = [trial(number, state, values=None, system=RUNGS[number]) for number, state in running.items()]
    ninth = trial(9, "running")
    engine, known = OptunaEngine(), history(of, [*trials, ninth])
    assert engine.judge(known, ninth, curve(0.9), latest(curve(0.9))).act == "continue"
    assert engine.judge(known, ninth, curve(0.9, 0.9), latest(curve(0.9, 0.9))).act == "stop"


def test_auto_pauses_what_can_go_on() -> None:
    of = study(1, scheduler="auto")
    known = history(of, [*(trial(number, "running", system=SHOWN[number]) for number in range(8)), trial(9, "running")])
    worst = curve(0.9)
    verdict = OptunaEngine().judge(known, trial(9, "running"), worst, latest(worst, resumes=True))
    assert (verdict.act, verdict.reason) == ("pause", "number 9 of 9 at rung 0, where the best 2 go on")
    assert verdict.basis == Basis(rung=0, step=1, value=0.9, cut=0.1, rank=9, n=9)
    assert (verdict.system, verdict.next_step) == ({"basin:rungs": [[0.9]]}, 4)
    best = curve(0.05)
    assert OptunaEngine().judge(known, trial(9, "running"), best, latest(best, resumes=True)).act == "continue"


def test_auto_remembers_rungs_also_of_what_it_can_only_stop() -> None:
    verdict = judged("auto", curve(0.9), {number: curve(0.1 * number, 0.1, 0.1) for number in range(8)}, system=RUNGS)
    assert verdict.act == "stop"
    assert verdict.reason == "number 9 of 9 at rung 0 (step 1), where the best 2 go on: 0.9 > 0.1"
    assert verdict.system == {"completed_rung_0": 0.9, "basin:rungs": [[0.9]]}


def test_auto_stops_nothing_where_there_are_several_objectives_and_none_is_named() -> None:
    assert judged("auto", curve(0.9, 0.9), PLAIN, system=RUNGS, objectives=TWO) == Verdict(act="continue")


def test_numbers_that_hardly_differ_are_told_with_the_digits_they_need() -> None:
    verdict = judged(MEDIAN, curve(0.60000002), {0: curve(0.6), 1: curve(0.6)})
    assert verdict.reason is not None
    assert verdict.reason.endswith("0.60000002 > 0.6")
