"""Whether a study still gets better."""

import itertools
import math
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain import gain
from service.domain.gain import Progress
from service.domain.trial import Trial
from service.wire.objective import NoGain, Objective

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOSS = (Objective(metric="loss"),)
TWO = (Objective(metric="loss"), Objective(metric="acc", direction="maximize"))


def completed(seq: int, *values: float, **fields: Any) -> Trial:
    filled: dict[str, Any] = {"state": "completed", "origin": "sampled", "params": {}, "created_at": NOW, **fields}
    named = dict(zip(("loss", "acc"), values, strict=False))
    return Trial(study_id=1, number=seq, seq=seq, values=named or None, **filled)


def since(rule: NoGain, *losses: float) -> list[int]:
    trials = [completed(seq, loss) for seq, loss in enumerate(losses, start=1)]
    return [gain.further(Progress(), trials[:end], LOSS, rule, 0).since for end in range(1, len(trials) + 1)]


def test_trials_without_a_gain_are_counted() -> None:
    assert since(NoGain(trials=9), 0.5, 0.6, 0.5, 0.4, 0.4) == [0, 1, 2, 0, 1]


def test_a_gain_is_more_than_the_least_against_the_last_gain() -> None:
    rule = NoGain(trials=9, min_gain=0.1)
    # Many small steps are a gain as soon as they add up to one.
    assert since(rule, 0.5, 0.45, 0.41, 0.39, 0.35, 0.295, 0.285) == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("losses", "counted"), [((math.inf, 1.0, math.inf), [0, 0, 1]), ((-math.inf, -math.inf, -1e308), [0, 1, 2])]
)
def test_infinite_values_are_compared(losses: tuple[float, ...], counted: list[int]) -> None:
    assert since(NoGain(trials=9), *losses) == counted


def test_with_several_objectives_a_gain_is_beaten_by_none_before() -> None:
    rule = NoGain(trials=9)
    progress = Progress()
    told = []
    for seq, values in enumerate([(1.0, 0.5), (2.0, 0.4), (2.0, 0.9), (0.5, 0.6), (0.6, 0.7), (0.6, 0.7)], start=1):
        progress = gain.further(progress, [completed(seq, *values)], TWO, rule, 0)
        told.append(progress.since)
    assert told == [0, 1, 0, 0, 0, 1]
    assert set(progress.front) == {(2.0, -0.9), (0.5, -0.6), (0.6, -0.7)}


def test_what_ran_elsewhere_sets_the_mark_and_is_not_counted() -> None:
    rule = NoGain(trials=9)
    trials = [completed(1, 0.1, origin="added"), completed(2, 0.5), completed(3, 0.2, origin="added")]
    assert gain.further(Progress(), trials, LOSS, rule, 0) == Progress(3, 1, ((0.1,),))


def test_what_was_before_a_resume_sets_the_mark_and_is_not_counted() -> None:
    trials = [completed(seq, 0.5) for seq in range(1, 9)]
    assert gain.further(Progress(), trials, LOSS, NoGain(trials=9), 5) == Progress(8, 3, ((0.5,),))


def test_trials_that_did_not_complete_count_for_nothing() -> None:
    trials = [completed(1, 0.5), completed(2, 0.1, state="pruned"), completed(3, state="failed"), completed(4, 0.4)]
    assert gain.further(Progress(), trials, LOSS, NoGain(trials=1), 0) == Progress(4, 0, ((0.4,),))


def test_it_is_kept_as_it_is_and_thrown_away_under_another_measure() -> None:
    rule = NoGain(trials=3, min_gain=0.1)
    progress = Progress(7, 2, ((0.1, -0.3), (math.inf, -1.0)))
    kept = {"gain": gain.written(progress, rule)}
    assert gain.read(kept, rule) == progress
    assert gain.read(kept, NoGain(trials=5, min_gain=0.1)) == progress
    assert gain.read(kept, NoGain(trials=3, min_gain=0.2)) == Progress()
    assert gain.read({}, rule) == Progress()


def test_the_reason_promises_no_more_than_was_counted() -> None:
    assert gain.over(Progress(since=39), NoGain(trials=40)) is None
    assert gain.over(Progress(since=40), NoGain(trials=40)) == "no gain in the last 40 completed trials"
    told = gain.over(Progress(since=41), NoGain(trials=40, min_gain=0.001))
    assert told == "no gain of more than 0.001 in the last 41 completed trials"


def test_pieces_come_to_the_same_as_the_whole(rng: random.Random) -> None:
    rule = NoGain(trials=5, min_gain=0.2)
    trials = [completed(seq, rng.random(), rng.random()) for seq in range(1, 200)]
    whole = gain.further(Progress(), trials, TWO, rule, 0)
    parts = Progress()
    rest = iter(trials)
    while piece := list(itertools.islice(rest, rng.randint(1, 9))):
        parts = gain.read({"gain": gain.written(gain.further(parts, piece, TWO, rule, 0), rule)}, rule)
    assert parts == whole
