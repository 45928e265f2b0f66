"""Controls: how many there are, what they tell of each rung, and what follows from it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from service.domain.trial import Trial
from service.search.pool.controls import CONTROL, FEWEST, SHARE, Agreement, Spending, agreements
from service.search.pool.rungs import SHOWN
from service.usecases.engine import Curve, History, Track
from tests.unit.service.search.pool.pools import NUMBERS, crossing, known, trained
from tests.unit.service.search.samples import curve, history, study, trial

MARKED = {CONTROL: True}
POINT = {"x": 0.5, "y": 0.5}


def is_wanted(*controls: Trial, others: int = 40, amounts: Any = None, number: int = 999) -> bool:
    of = crossing(others, Random(1), untils=(16,))
    curves = {**of.curves, **{number: curve(*[0.5] * until) for number, until in (amounts or {}).items()}}
    trials = [*of.trials.values(), *controls]
    return wanted(history(study(1, space=NUMBERS), trials, curves), number=number)


def wanted(seen: History, spending: Spending | None = None, number: int = 999) -> bool:
    return (spending or Spending(known(seen).sightings)).wants_control(seen, number)


def test_a_study_that_has_not_trained_yet_wants_none() -> None:
    assert not wanted(history(study(1, space=NUMBERS), []))


def test_controls_get_their_share_of_all_training_and_no_more() -> None:
    assert is_wanted()
    done = [trained(90 + place, POINT, 1, "completed", system=MARKED) for place in range(3)]
    # The others have trained 640: the share of all is reached between 18 and 22.
    assert is_wanted(done[0], amounts={90: 18})
    assert SHARE * (640 + 18) > 18
    assert not is_wanted(done[0], amounts={90: 22})
    assert SHARE * (640 + 22) < 22
    assert not is_wanted(*done[:2], amounts={90: 12, 91: 12})
    assert is_wanted(*done[:2], amounts={90: 12, 91: 12}, number=90), "its own is not counted"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_one_at_a_time(state: Any) -> None:
    assert not is_wanted(trial(90, state, params=POINT, system=MARKED))
    assert is_wanted(trial(90, state, params=POINT))
    assert is_wanted(trial(90, "failed", params=POINT, system=MARKED)), "one that failed is made up for"


@pytest.mark.parametrize(("asked", "expected"), [(90, True), (91, False)])
def test_one_that_is_suggested_anew_does_not_stand_in_its_own_way(asked: int, expected: bool) -> None:
    of = crossing(40, Random(1), untils=(16,))
    trials = [*of.trials.values(), trial(90, "queued", params=POINT, system=MARKED)]
    assert wanted(history(study(1, space=NUMBERS), trials, of.curves), number=asked) is expected


def test_what_is_counted_on_is_what_is_counted_anew(rng: Random) -> None:
    """Whatever happens to trials, the trail leads to the same answer, also after a look at imagined ones."""
    track, trials, curves, answers = Track(), dict[int, Trial](), dict[int, Curve](), Counter[bool]()
    counting: Spending | None = None
    past: list[History] = []
    for seq in range(1, 400):
        number = rng.randrange(len(trials) + 1)
        state: Any = rng.choice(["queued", "running", "paused", "completed", "pruned", "failed", "infeasible"])
        system = {CONTROL: rng.random() < 0.3, SHOWN: [[rng.random()] for _ in range(rng.randint(0, 2))]}
        trials[number] = trial(number, state, params=POINT, system=system if rng.random() < 0.5 else {}, seq=seq)
        if state not in {"queued", "running"}:
            curves[number] = curve(*[0.5] * rng.randint(1, 20))
        track.add((number,))
        seen = replace(history(study(seq, space=NUMBERS), list(trials.values()), dict(curves)), trail=track.trail)
        past.append(seen)
        if rng.random() < 0.2:
            seen = rng.choice([replace(seen, trail=None), rng.choice(past)])
        counting = counting or Spending(known(seen).sightings)
        asked = rng.randrange(len(trials) + 1)
        answers[answer := wanted(seen, counting, asked)] += 1
        assert answer is wanted(seen, number=asked)
    assert min(answers.values()) > 20


def controls(*pairs: tuple[Sequence[float | None], float], state: Any = "completed") -> list[Trial]:
    """Completed controls with what they showed at the rungs and what they came to."""
    return [
        trial(number, state, system={**MARKED, SHOWN: [[one] for one in rungs]}, values={"loss": last})
        for number, (rungs, last) in enumerate(pairs)
    ]


def test_the_order_at_a_rung_is_held_against_that_at_the_end() -> None:
    # At rung 0 the order is that of the end, at rung 1 it is reversed; by hand 1 and -1. At rung 2 two pairs have
    # changed places: 1 - 6 * (1 + 1 + 1 + 1) / (6 * 35).
    ends = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    swapped = [0.2, 0.1, 0.3, 0.4, 0.6, 0.5]
    done = controls(*[((end, -end, swap), end) for end, swap in zip(ends, swapped, strict=True)])
    of = study(1)
    found = agreements(history(of, done), of.definition)
    assert [(one.rung, one.controls, one.decides) for one in found] == [(0, 6, True), (1, 6, False), (2, 6, True)]
    assert [one.correlation for one in found] == pytest.approx([1.0, -1.0, 1 - 24 / 210])


def test_the_larger_may_be_the_better() -> None:
    ends = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    of = study(1, objectives=[{"metric": "loss", "direction": "maximize"}])
    found = agreements(history(of, controls(*[((end,), end) for end in ends])), of.definition)
    assert [one.correlation for one in found] == pytest.approx([1.0])


def test_few_controls_speak_against_nothing() -> None:
    done = controls(*[((-0.1 * place,), 0.1 * place) for place in range(FEWEST - 1)])
    of = study(1)
    assert agreements(history(of, done), of.definition) == [Agreement(0, FEWEST - 1, None)]
    assert Agreement(0, 3, None).decides
    assert agreements(history(of, []), of.definition) == []


def test_each_rung_is_held_against_those_that_came_to_it() -> None:
    done = controls(*[((0.1 * place,) * (1 + place % 2), 0.1 * place) for place in range(12)])
    of = study(1)
    found = agreements(history(of, done), of.definition)
    assert [one.controls for one in found] == [12, 6]
    assert [one.correlation for one in found] == pytest.approx([1.0, 1.0])


def test_only_controls_that_completed_count() -> None:
    of = study(1)
    running = controls(*[((0.1 * place,), 0.1 * place) for place in range(8)], state="running")
    assert agreements(history(of, running), of.definition) == []
    plain = [trial(place, system={SHOWN: [[0.1]]}) for place in range(8)]
    assert agreements(history(of, plain), of.definition) == []


def test_a_control_that_showed_nan_stands_last() -> None:
    pairs: list[tuple[Sequence[float | None], float]] = [((0.1 * place,), 0.1 * place) for place in range(6)]
    of = study(1)
    found = agreements(history(of, controls(*pairs, ((None,), 0.9))), of.definition)
    assert [one.correlation for one in found] == pytest.approx([1.0])
