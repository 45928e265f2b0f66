"""Asynchronous successive halving that pauses, against promotions worked out by hand and by the published rule."""

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from service.domain.trial import Trial
from service.search.engine import OptunaEngine
from service.search.pool.halving import Halving
from service.search.pool.rungs import SHOWN
from service.usecases.engine import Basis, Curve, History, Latest, Verdict
from service.wire.scheduler import AshaScheduler
from service.wire.trial import TrialState
from tests.unit.service.search.pool.pools import showing
from tests.unit.service.search.samples import SMALL, curve, history, latest, study, trial

TWO = [{"metric": "loss"}, {"metric": "accuracy", "direction": "maximize"}]


def halving(of: History) -> Halving:
    scheduler = of.study.definition.scheduler
    assert isinstance(scheduler, AshaScheduler)
    return Halving(of.study.definition, scheduler)


def pool(*trials: Trial, scheduler: Mapping[str, Any] | None = None, **fields: Any) -> History:
    of = study(1, scheduler={"type": "asha", "reduction_factor": 3, **(scheduler or {})}, **fields)
    return history(replace(of, next_number=len(trials)), trials)


def judged(of: History, own: Curve | None = None, told: Latest | None = None, system: Any = None) -> Verdict:
    running = trial(99, "running", system=system or {})
    points = own or curve(0.5)
    return halving(of).judge(of, running, points, told or latest(points))


def promoted(of: History, *, last_round: bool = False) -> int | None:
    found = halving(of).promote(of, last_round=last_round)
    return None if found is None else found.number


def at_first(*values: float, state: str = "paused") -> list[Trial]:
    return [showing(value, number=number, state=state) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("others", "own", "act", "rank"),
    [
        ([], 0.5, "pause", 1),
        ([0.6], 0.5, "pause", 1),
        ([0.6, 0.7], 0.5, "continue", 1),
        ([0.4, 0.7], 0.5, "pause", 2),
        ([0.1, 0.6, 0.7, 0.8], 0.5, "pause", 2),
        ([0.1, 0.6, 0.7, 0.8, 0.9], 0.5, "continue", 2),
        ([0.5, 0.7], 0.5, "pause", 2),
        ([math.nan, math.nan], 0.5, "continue", 1),
        ([0.1, 0.2, 0.3, 0.4, 0.6], math.nan, "pause", 6),
    ],
)
def test_the_best_third_goes_on_and_the_rest_pauses(others: list[float], own: float, act: str, rank: int) -> None:
    verdict = judged(pool(*at_first(*others)), curve(own))
    assert (verdict.act, verdict.next_step) == (act, 3)
    assert verdict.basis is not None
    assert (verdict.basis.rung, verdict.basis.step, verdict.basis.rank, verdict.basis.n) == (
        0,
        1,
        rank,
        len(others) + 1,
    )
    assert (verdict.reason is None) == (act == "continue")
    assert verdict.system == {SHOWN: [[None if math.isnan(own) else own]]}


def test_in_the_mode_stop_the_best_is_never_stopped() -> None:
    stopping = {"mode": "stop", "resource": "elapsed"}
    told = Latest(step=1, metrics={"loss": 0.5}, elapsed=1.0)
    assert judged(pool(scheduler=stopping), curve(0.5), told).act == "continue"
    assert judged(pool(*at_first(0.6), scheduler=stopping), curve(0.5), told).act == "continue"
    worse = judged(pool(*at_first(0.4), scheduler=stopping), curve(0.5), told)
    assert (worse.act, worse.reason) == ("stop", "number 2 of 2 at rung 0, where the best one goes on")


def test_between_rungs_and_at_a_rung_it_has_been_at_nothing_is_decided() -> None:
    of, been = pool(*at_first(0.1, 0.2)), {SHOWN: [[0.9], [0.9]]}
    assert judged(of, curve(0.9, steps=[8]), system=been) == Verdict(act="continue", next_step=9)
    assert judged(of, curve(0.9, steps=[3]), system=been) == Verdict(act="continue", next_step=9)
    assert judged(of, curve(0.9, steps=[9]), system=been).basis is not None


def test_before_the_first_rung_nothing_is_decided() -> None:
    of = pool(scheduler={"min_resource": 5})
    assert judged(of, curve(0.9, steps=[4])) == Verdict(act="continue", next_step=5)


def test_a_trial_that_skips_rungs_is_judged_at_the_highest_and_has_been_at_all() -> None:
    of = pool(showing(0.1, 0.6, number=0), showing(0.1, 0.7, number=1), showing(0.1, number=2))
    verdict = judged(of, curve(0.5, steps=[5]))
    assert verdict.basis == Basis(rung=1, step=5, value=0.5, cut=0.5, rank=1, n=3)
    assert (verdict.act, verdict.system, verdict.next_step) == ("continue", {SHOWN: [[0.5], [0.5]]}, 9)


def test_a_point_without_the_metric_puts_the_decision_off_to_the_next_one() -> None:
    of = pool(*at_first(0.1, 0.2, 0.3))
    without = judged(of, curve(0.9), Latest(step=1, metrics={"speed": 1.0}))
    assert without == Verdict(act="continue", next_step=2)
    assert judged(of, curve(0.9, steps=[2])).act == "pause"


def test_where_a_trial_is_done_nothing_is_left_to_decide() -> None:
    of = pool(*at_first(0.1, 0.2), scheduler={"max_resource": 3})
    assert judged(of, curve(0.9, steps=[2])).act == "pause"
    assert judged(of, curve(0.9, steps=[3])) == Verdict(act="continue")
    assert judged(of, curve(0.9, steps=[7])) == Verdict(act="continue")


@pytest.mark.parametrize(
    ("resource", "told", "rung"),
    [
        ("elapsed", Latest(step=50, metrics={"loss": 0.9}, elapsed=9.5), None),
        ("elapsed", Latest(step=50, metrics={"loss": 0.9}, elapsed=10.0), 0),
        ("elapsed", Latest(step=50, metrics={"loss": 0.9}, elapsed=29.0), 0),
        ("elapsed", Latest(step=50, metrics={"loss": 0.9}), None),
        ("cost", Latest(step=1, metrics={"loss": 0.9}, cost=31.0), 1),
        ("cost", Latest(step=1, metrics={"loss": 0.9}, elapsed=31.0), None),
        ("samples", Latest(step=1, metrics={"loss": 0.9, "samples": 95.0}), 2),
        ("samples", Latest(step=1, metrics={"loss": 0.9, "samples": math.nan}), None),
        ("samples", Latest(step=1, metrics={"loss": 0.9, "samples": math.inf}), None),
        ("samples", Latest(step=100, metrics={"loss": 0.9}), None),
    ],
)
def test_rungs_may_count_something_else_than_steps(resource: str, told: Latest, rung: int | None) -> None:
    of = pool(*at_first(0.1, 0.2), scheduler={"min_resource": 10, "resource": resource})
    verdict = judged(of, curve(0.9, steps=[told.step]), told)
    if rung is None:
        assert verdict == Verdict(act="continue")
        return
    assert verdict.act == "pause"
    assert verdict.basis is not None
    assert (verdict.basis.rung, verdict.basis.step) == (rung, told.step)
    assert verdict.next_step is None, "at which step the next rung lies cannot be told"
    assert verdict.system == {SHOWN: [[0.9]] * (rung + 1)}


def test_one_that_waits_may_go_on_when_more_have_come_to_its_rung() -> None:
    assert promoted(pool(*at_first(0.5))) is None
    assert promoted(pool(*at_first(0.5, 0.4))) is None
    assert promoted(pool(*at_first(0.5, 0.4, 0.6))) == 1
    assert promoted(pool(*at_first(0.5, 0.4, 0.6, 0.7, 0.8))) == 1
    gone = showing(0.4, number=1, state="running")
    waiting = [one for one in at_first(0.5, 0.4, 0.6, 0.7, 0.8) if one.number != 1]
    assert promoted(pool(*waiting, gone)) is None
    assert promoted(pool(*waiting, gone, showing(0.9, number=5))) == 0


def test_the_promotion_says_where_the_trial_stood() -> None:
    of = pool(*at_first(0.5, 0.4, 0.6))
    found = halving(of).promote(of, last_round=False)
    assert found is not None
    assert found.reason == "number 1 of 3 at rung 0, where the best one goes on"
    assert found.basis == Basis(rung=0, step=0, value=0.4, cut=0.4, rank=1, n=3)
    assert found.system == {}


def test_the_highest_rung_comes_first() -> None:
    low = [showing(value, number=number) for number, value in enumerate((0.1, 0.2, 0.3))]
    high = [showing(value, value, number=number) for number, value in enumerate((0.7, 0.8, 0.6), start=10)]
    assert promoted(pool(*low, *high)) == 12
    assert promoted(pool(*low, *high[:2])) == 0
    # At the highest rung one is among the best that runs already: the next rung is looked at.
    runs = showing(0.5, 0.5, number=13, state="running")
    assert promoted(pool(*low, *high, runs)) == 0


def test_what_failed_or_could_not_be_trained_is_not_counted() -> None:
    failed = [showing(0.1, number=number, state=state) for number, state in ((5, "failed"), (6, "infeasible"))]
    assert promoted(pool(*at_first(0.5, 0.4), *failed)) is None
    assert promoted(pool(*at_first(0.5, 0.4), showing(0.1, number=5, state="pruned"))) is None
    assert promoted(pool(*at_first(0.5, 0.4), showing(0.6, number=5, state="pruned"))) == 1


def test_the_larger_is_the_better_where_the_study_says_so() -> None:
    of = pool(*at_first(0.5, 0.4, 0.6), objectives=[{"metric": "loss", "direction": "maximize"}])
    assert promoted(of) == 2
    assert judged(of, curve(0.7)).act == "continue"
    assert judged(of, curve(0.3)).act == "pause"


def published(seen: Mapping[int, list[float]], promoted_from: Mapping[int, set[int]], factor: int) -> list[int]:
    """`get_job` of Li et al. (2020): from the top rung down, the best 1/factor that were not promoted from there."""
    top = max(map(len, seen.values()), default=0)
    for rung in reversed(range(top)):
        there = sorted((values[rung], number) for number, values in seen.items() if len(values) > rung)
        candidates = [number for _, number in there[: len(there) // factor]]
        left = [number for number in candidates if number not in promoted_from.get(rung, set())]
        if left:
            return left
    return []


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_promotions_are_those_of_the_published_rule(factor: int, rng: Random) -> None:
    """Every trial runs to its next rung and pauses there; who may go on is told as published, each once a rung."""
    seen: dict[int, list[float]] = {}
    promoted_from: dict[int, set[int]] = {}
    for _ in range(150):
        # In the published rule nobody runs on from a rung by himself: here all pause, and are promoted at once.
        trials = [
            showing(*values, number=number, state="completed" if len(values) == 4 else "paused", values={"loss": 0})
            for number, values in seen.items()
        ]
        found = promoted(pool(*trials, scheduler={"reduction_factor": factor}))
        for trial_of in seen:
            if len(seen[trial_of]) == 4:
                promoted_from.setdefault(3, set()).add(trial_of)
        expected = published(seen, promoted_from, factor)
        assert found == (expected[0] if expected else None)
        if found is None:
            seen[len(seen)] = [rng.random()]
            continue
        rung = len(seen[found]) - 1
        assert found not in promoted_from.setdefault(rung, set()), "promoted twice from one rung"
        promoted_from[rung].add(found)
        seen[found].append(rng.random())
    assert sum(map(len, promoted_from.values())) > 20


def test_in_the_last_round_somebody_comes_to_the_end() -> None:
    alone = pool(*at_first(0.5), budget={"max_trials": 1})
    assert promoted(alone) is None
    assert promoted(alone, last_round=True) == 0
    two = pool(*at_first(0.5, 0.4), budget={"max_trials": 2})
    assert promoted(two, last_round=True) == 1
    ahead = pool(showing(0.5, number=0), showing(0.4, 0.4, number=1), budget={"max_trials": 2})
    assert promoted(ahead, last_round=True) == 1
    runs = pool(showing(0.5, number=0), showing(0.4, 0.4, number=1, state="running"), budget={"max_trials": 2})
    assert promoted(runs, last_round=True) is None
    done = pool(showing(0.5, number=0), showing(0.4, 0.4, number=1, state="completed"), budget={"max_trials": 2})
    assert promoted(done, last_round=True) is None
    bad = pool(showing(0.3, number=0), showing(0.4, 0.4, number=1, state="completed"), budget={"max_trials": 2})
    assert promoted(bad, last_round=True) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"budget": {"max_trials": 6}},
        {"space": SMALL},
        {"space": SMALL, "scheduler": "auto"},
        {"budget": {"max_trials": 6}, "scheduler": "auto"},
        {"budget": {"max_trials": 1}, "scheduler": "auto"},
    ],
)
def test_a_study_that_may_add_no_more_is_played_to_the_end(fields: Any) -> None:
    """No new trials: what is promoted trains to its next rung until nobody is worth it, and one is at the end."""
    most = fields.get("budget", {}).get("max_trials", 6)
    of = study(1, **{"scheduler": {"type": "asha", "reduction_factor": 3}, **fields})
    points = [{"batch": batch, "width": width} for batch in (16, 32, 64) for width in ("narrow", "wide")]
    trials = {n: showing(0.1 * n, number=n, params=points[n]) for n in range(most)}
    engine, rounds = OptunaEngine(), 0
    while True:
        rounds += 1
        seen = history(replace(of, next_number=most, seq=of.seq + rounds), [trials[n] for n in sorted(trials)])
        found = engine.promote(seen, most)
        if found is None:
            break
        rungs = [*trials[found.number].system[SHOWN], [0.1 * found.number]]
        ends = len(rungs) == 4
        state: TrialState = "completed" if ends else "paused"
        values = {"loss": 0.1 * found.number} if ends else None
        trials[found.number] = replace(
            trials[found.number], system={SHOWN: rungs}, state=state, values=values, seq=99 + rounds
        )
        assert rounds < 30
    assert [n for n, one in trials.items() if one.state == "completed"] == [0]


def test_with_room_for_more_trials_a_space_that_is_not_used_up_is_no_last_round() -> None:
    of = study(1, scheduler={"type": "asha", "reduction_factor": 3}, space=SMALL)
    one = showing(0.5, params={"batch": 16, "width": "wide"})
    assert OptunaEngine().promote(history(of, [one]), 1) is None


def both(*values: tuple[float | None, float | None], state: str = "paused") -> list[Trial]:
    return [trial(number, state, system={SHOWN: [list(shown)]}, values=None) for number, shown in enumerate(values)]


def test_several_objectives_by_a_named_metric() -> None:
    named = {"metric": "accuracy"}
    of = pool(*at_first(0.5, 0.4, 0.6), scheduler=named, objectives=TWO)
    assert promoted(of) == 2, "the larger accuracy is the better"
    told = Latest(step=1, metrics={"loss": 9.0, "accuracy": 0.7})
    verdict = judged(of, curve(0.7), told)
    assert verdict.act == "continue"
    assert verdict.basis == Basis(rung=0, step=1, value=0.7, cut=0.7, rank=1, n=4)


def test_several_objectives_by_rank() -> None:
    # 0 and 1 dominate 2 and 3 (accuracy is to be large); of a front those at its ends stand first.
    of = pool(*both((0.1, 0.5), (0.4, 0.9), (0.5, 0.4), (0.6, 0.3)), objectives=TWO)
    assert promoted(of) == 0
    better = judged(of, curve(0.05), Latest(step=1, metrics={"loss": 0.05, "accuracy": 0.95}))
    assert (better.act, better.system) == ("continue", {SHOWN: [[0.05, 0.95]]})
    assert better.basis == Basis(rung=0, step=1, value=0.05, cut=None, rank=1, n=5)
    worse = judged(of, curve(0.7), Latest(step=1, metrics={"loss": 0.7, "accuracy": 0.1}))
    assert (worse.act, worse.reason) == ("pause", "number 5 of 5 at rung 0, where the best one goes on")
    half = judged(of, curve(0.05), Latest(step=1, metrics={"loss": 0.05}))
    assert half == Verdict(act="continue", next_step=2), "as long as an objective is missing nothing is decided"
    told = halving(of).promote(of, last_round=False)
    assert told is not None
    assert told.basis.cut is None
