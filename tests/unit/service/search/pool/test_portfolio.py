"""The scheduler `auto`: who pauses, who is spared, and who of the paused goes on, by halving and by the model."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from service.search.engine import OptunaEngine
from service.search.pool.controls import CONTROL
from service.search.pool.knowledge import PACE, SHAPE
from service.search.pool.rungs import SHOWN
from service.usecases.engine import Basis, Curve, History, Latest, Promotion, Verdict
from tests.unit.service.search.pool.pools import NUMBERS, crossing, curve_of, known, loss, showing, trained
from tests.unit.service.search.samples import curve, history, latest, study, trial

POINT = {"x": 0.5, "y": 0.5}
PLACES = [{"x": place / 40, "y": 0.5} for place in range(40)]


def pool(*values: float, state: str = "paused", **fields: Any) -> History:
    """Trials that have shown these values at the first rung."""
    trials = [showing(value, number=number, params=PLACES[number], state=state) for number, value in enumerate(values)]
    return history(study(1, **{"space": NUMBERS, "scheduler": "auto", **fields}), trials)


def judged(of: History, own: Curve, system: Any = None, *, resumes: bool = True, **told: Any) -> Verdict:
    running = trial(99, "running", params=POINT, system=system or {})
    return OptunaEngine().judge(of, running, own, latest(own, resumes=resumes, **told))


@pytest.mark.parametrize(
    ("others", "own", "act"),
    [
        ([], 0.5, "pause"),
        ([0.6], 0.5, "pause"),
        ([0.6, 0.7], 0.5, "pause"),
        ([0.4], 0.5, "pause"),
        ([0.6, 0.7, 0.8], 0.5, "continue"),
        ([0.4, 0.7, 0.8], 0.5, "pause"),
        ([0.1, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6], 0.5, "continue"),
        ([0.1, 0.2, 0.6, 0.6, 0.6, 0.6, 0.6], 0.5, "pause"),
    ],
)
def test_a_quarter_goes_on_and_the_rest_pauses(others: list[float], own: float, act: str) -> None:
    # A curve that begins at 5 counts in fives: one report is the first rung, four are the second.
    verdict = judged(pool(*others), curve(own, steps=[5]))
    assert (verdict.act, verdict.next_step, verdict.system) == (act, 20, {SHOWN: [[own]]})
    assert verdict.basis is not None
    assert (verdict.basis.rung, verdict.basis.step, verdict.basis.n) == (0, 5, len(others) + 1)


@pytest.mark.parametrize(
    ("steps", "rung", "next_step"),
    [
        ([0], 0, 3),
        ([0, 1, 2, 3], 1, 15),
        ([1, 2, 3, 4], 1, 16),
        ([100, 400], 1, 1600),
        ([0, 7], 1, 15),
        ([3, 50], 2, 192),
    ],
)
def test_rungs_count_in_first_reports(steps: Sequence[int], rung: int, next_step: int) -> None:
    verdict = judged(pool(0.1, 0.1), curve(*[0.9] * len(steps), steps=steps))
    assert verdict.basis is not None
    assert (verdict.basis.rung, verdict.basis.step, verdict.next_step) == (rung, steps[-1], next_step)
    assert verdict.system == {SHOWN: [[0.9]] * (rung + 1)}


def test_between_rungs_nothing_is_decided() -> None:
    been = {SHOWN: [[0.9], [0.9]]}
    assert judged(pool(0.1), curve(*[0.9] * 7), been) == Verdict(act="continue", next_step=16)
    assert judged(pool(0.1), curve(*[0.9] * 7, steps=range(7)), been) == Verdict(act="continue", next_step=15)


def test_a_point_without_the_metric_puts_the_decision_off_to_the_next_one() -> None:
    told = Latest(step=5, metrics={"speed": 1.0}, resumes=True)
    running = trial(99, "running", params=POINT, system={SHOWN: [[0.9]]})
    verdict = OptunaEngine().judge(pool(0.1), running, curve(0.9), told)
    assert verdict == Verdict(act="continue", next_step=6)
    later = OptunaEngine().judge(
        pool(0.1), running, curve(0.9, 0.9, steps=[1, 6]), latest(curve(0.9, steps=[6]), resumes=True)
    )
    assert later.basis is not None
    assert later.basis.rung == 1


def test_how_long_it_took_is_remembered() -> None:
    verdict = judged(pool(0.1), curve(0.9, steps=[10]), elapsed=3.0)
    assert verdict.system == {SHOWN: [[0.9]], PACE: 3.0}
    assert judged(pool(0.1), curve(0.9, 0.9, steps=[10, 40]), elapsed=3.0).system[PACE] == 0.75


def test_a_control_is_never_paused_nor_stopped() -> None:
    of = pool(*[0.1] * 12, state="completed")
    for resumes in (True, False):
        for own in (curve(0.9), curve(0.9, 0.9, 0.9, 0.9)):
            verdict = judged(of, own, {CONTROL: True}, resumes=resumes)
            assert verdict.act == "continue"
            assert SHOWN in verdict.system
    told = judged(of, curve(0.9), {CONTROL: True})
    assert told.reason == "it is a control, which trains to the end"
    assert told.basis == Basis(rung=0, step=1, value=0.9, cut=0.1, rank=13, n=13)


def test_a_rung_whose_order_is_reversed_decides_nothing_and_says_so() -> None:
    controls = [
        trial(
            number,
            params=PLACES[number],
            system={CONTROL: True, SHOWN: [[0.1 * number], [1 - 0.1 * number]]},
            values={"loss": 1 - 0.1 * number},
        )
        for number in range(8)
    ]
    of = history(study(1, space=NUMBERS, scheduler="auto"), controls)
    first = judged(of, curve(0.9))
    assert first.act == "continue"
    assert first.reason == (
        "rung 0 decides nothing: over 8 controls its order agrees with that at the end by -1.00 only"
    )
    assert first.basis is not None
    assert first.basis.rank == 9
    second = judged(of, curve(0.9, 0.9, 0.9, 0.95), {SHOWN: [[0.9]]})
    assert (second.act, second.reason) == ("pause", "number 8 of 9 at rung 1, where the best 2 go on")


def test_what_cannot_be_paused_is_stopped_by_optunas_rule() -> None:
    stopped = {"completed_rung_0": 0.1}
    trials = [
        trial(number, params=PLACES[number], system={**stopped, SHOWN: [[0.1]]}, values={"loss": 0.1})
        for number in range(8)
    ]
    curves = {number: curve(0.1, 0.1, 0.1) for number in range(8)}
    of = history(study(1, space=NUMBERS, scheduler="auto"), trials, curves)
    verdict = judged(of, curve(0.9), resumes=False)
    assert verdict.act == "stop"
    assert verdict.reason == "number 9 of 9 at rung 0 (step 1), where the best 2 go on: 0.9 > 0.1"
    assert verdict.system == {"completed_rung_0": 0.9, SHOWN: [[0.9]]}
    assert judged(of, curve(0.9)).act == "pause"


def promoted(of: History, number: int) -> Promotion | None:
    return OptunaEngine().promote(of, number)


def by_halving_and_by_promise(of: History) -> tuple[list[Promotion | None], list[Promotion | None]]:
    """What either of the two decides when it is its turn; where halving promotes nobody, it is counted as the other."""
    halving: list[Promotion | None] = []
    promise: list[Promotion | None] = []
    engine, learned = OptunaEngine(), replace(of, system={SHAPE: known(of).stored()})
    for number in range(100):
        found = engine.promote(learned, number)
        (promise if found is None or "curve model" in found.reason else halving).append(found)
    return halving, promise


def test_a_coin_decides_whose_turn_it_is() -> None:
    of = crossing(40, Random(3))
    halving, promise = by_halving_and_by_promise(of)
    assert len(halving) > 30
    best = min((loss(one.params, 16), number) for number, one in of.trials.items() if len(one.system[SHOWN]) == 3)
    assert {one.number for one in halving if one is not None} == {best[1]}, "one and the same, at the highest rung"
    assert {one.number for one in promise if one is not None} <= {
        number for number, one in of.trials.items() if one.state == "paused"
    }


def test_the_same_moment_has_the_same_answer() -> None:
    of = crossing(40, Random(3))
    assert [promoted(of, number) for number in range(20)] == [promoted(of, number) for number in range(20)]


def test_the_model_goes_on_with_what_will_be_good_and_not_with_what_is() -> None:
    """One that is behind for now, and slow, lies where trials have ended best."""
    of = crossing(60, Random(3), untils=(64,))
    slow, quick = trained(60, {"x": 0.3, "y": 0.7}, 4), trained(61, {"x": 1.0, "y": 0.3}, 4)
    trials = {**of.trials, 60: slow, 61: quick}
    curves = {
        **of.curves,
        60: curve(*(loss(slow.params, step) for step in (1, 2, 4)), steps=[1, 2, 4]),
        61: curve(*(loss(quick.params, step) for step in (1, 2, 4)), steps=[1, 2, 4]),
    }
    assert loss(slow.params, 4) > loss(quick.params, 4)
    _, promise = by_halving_and_by_promise(replace(of, trials=trials, curves=curves))
    chosen = {None if one is None else one.number for one in promise}
    assert 60 in chosen
    assert 61 not in chosen
    told = next(one for one in promise if one is not None)
    assert told.reason.startswith("the curve model expects")
    assert "2 that are paused" in told.reason
    assert (told.basis.rank, told.basis.n) == (1, 2)


def test_of_two_that_promise_the_same_the_one_that_needs_less_training_goes_on() -> None:
    of = crossing(60, Random(3), untils=(64,))
    twins = {60: trained(60, {"x": 0.3, "y": 0.7}, 1), 61: trained(61, {"x": 0.3, "y": 0.7}, 16)}
    curves = {60: curve_of(twins[60], 1), 61: curve_of(twins[61], 16)}
    seen = replace(of, trials={**of.trials, **twins}, curves={**of.curves, **curves})
    _, promise = by_halving_and_by_promise(seen)
    assert {one.number for one in promise if one is not None} == {61}


def test_where_the_paused_are_bad_a_new_one_begins() -> None:
    of = crossing(60, Random(3), untils=(64,))
    bad = trained(60, {"x": 0.99, "y": 0.01}, 16)
    seen = replace(of, trials={**of.trials, 60: bad}, curves={**of.curves, 60: curve(0.9)})
    halving, promise = by_halving_and_by_promise(seen)
    assert set(promise) == {None}
    assert halving == []


def test_who_is_not_paused_is_not_promoted() -> None:
    for state in ("running", "queued", "completed", "pruned", "failed"):
        of = pool(*[0.1 * place for place in range(12)], state=state)
        assert {promoted(of, number) for number in range(30)} == {None}
    empty = history(study(1, space=NUMBERS, scheduler="auto"), [])
    assert promoted(empty, 0) is None


def test_with_little_known_halving_alone_decides() -> None:
    found = [promoted(pool(0.3, 0.2, 0.4, 0.5), number) for number in range(30)]
    assert {one.number if one else None for one in found} == {1}
    assert [promoted(pool(0.3, 0.2, 0.4), number) for number in range(30)] == [None] * 30


def test_in_the_last_round_halving_alone_decides_and_one_comes_to_the_end() -> None:
    of = crossing(40, Random(3), of=study(1, space=NUMBERS, scheduler="auto", budget={"max_trials": 40}))
    spent = replace(of, study=replace(of.study, next_number=40))
    found = [promoted(spent, number) for number in range(40)]
    assert {one.number if one else None for one in found} == {by_halving_and_by_promise(of)[0][0].number}  # type: ignore[union-attr]
    one = pool(0.3, budget={"max_trials": 1})
    alone = replace(one, study=replace(one.study, next_number=1))
    only = promoted(alone, 1)
    assert only is not None
    assert only.reason == "number 1 of 1 at rung 0, where the best one goes on"


def test_other_schedulers_promote_nobody() -> None:
    of = pool(*[0.1 * place for place in range(12)], scheduler={"type": "asha", "mode": "stop"})
    assert promoted(of, 50) is None
    assert promoted(pool(0.1, 0.2, scheduler="none"), 50) is None
