"""The rules that stop a trial by its own curve."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from service.domain.stopping import Rules, Stop, Watch
from service.domain.trial import AttemptKey, Point
from service.wire.study import StudyDefinition

KEY = AttemptKey(1, 0, 1)
SPACE = {"lr": {"type": "float", "low": 0.001, "high": 1.0}}


def rules(objectives: Any = "minimize", **stopping: Any) -> Rules:
    given = [{"metric": "loss", "direction": objectives}] if isinstance(objectives, str) else objectives
    return Rules(
        StudyDefinition.model_validate({"name": "s", "objectives": given, "space": SPACE, "stopping": stopping})
    )


def points(*losses: float, every: int = 1) -> list[Point]:
    return metrics(*({"loss": loss} for loss in losses), every=every)


def metrics(*each: dict[str, float], every: int = 1) -> list[Point]:
    return [Point(key=KEY, seq=seq, step=seq * every, metrics=one) for seq, one in enumerate(each, start=1)]


def stop(by: Rules, given: Sequence[Point]) -> Stop | None:
    return by.follow(Watch(), given)[1]


def where(by: Rules, given: Sequence[Point]) -> tuple[str, int] | None:
    found = stop(by, given)
    return None if found is None else (found.rule, found.step)


# --- nan


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_no_number_stops_a_trial(value: float) -> None:
    found = stop(rules(), points(0.5, value, 0.4))
    assert found is not None
    assert (found.rule, found.step, found.cut) == ("nan", 2, None)
    assert repr(found.value) == repr(value)
    assert found.reason == f"loss is {'NaN' if math.isnan(value) else 'infinite'} at step 2"
    assert where(rules(nan="ignore"), points(0.5, value, 0.4)) is None


def test_a_metric_that_is_no_objective_may_be_nan() -> None:
    assert where(rules(), metrics({"loss": 1.0, "gap": math.nan}, {"gap": math.inf})) is None


def test_each_of_several_objectives_is_looked_at() -> None:
    two = rules([{"metric": "loss"}, {"metric": "cost"}])
    found = stop(two, metrics({"loss": 1.0}, {"cost": math.nan}))
    assert found is not None
    assert found.reason == "cost is NaN at step 2"


def test_nan_needs_no_memory() -> None:
    assert not rules().remembers
    assert not rules(target={"loss": 0.1}, divergence={"limit": 3}).remembers
    assert rules(patience={"steps": 3}).remembers
    assert rules(divergence={"factor": 3}).remembers


# --- patience


@pytest.mark.parametrize(
    ("patience", "losses", "at"),
    [
        ({"reports": 2}, (0.9, 0.8, 0.8, 0.81), 4),
        ({"reports": 2}, (0.9, 0.95, 0.8, 0.81), None),
        ({"reports": 2, "min_delta": 0.1}, (0.9, 0.85, 0.82), 3),
        ({"reports": 2, "min_delta": 0.1}, (0.9, 0.85, 0.79, 0.7, 0.68), None),
        ({"reports": 2, "min_delta": 0.1}, (0.9, 0.85, 0.79, 0.7, 0.695), 5),
        ({"steps": 2}, (0.9, 0.91, 0.92), 3),
        ({"reports": 1}, (0.9,), None),
        ({"reports": 1}, (0.9, 0.9), 2),
        ({"reports": 1, "warmup_steps": 3}, (0.1, 0.2, 0.9, 0.8, 0.85), 5),
        ({"reports": 3}, (0.9, math.nan, math.nan, math.nan), 4),
        ({"reports": 2}, (math.nan, math.nan, 0.9, 0.8), None),
        ({"reports": 2}, (math.inf, 0.9, -math.inf, 0.1, 0.1), 5),
    ],
)
def test_patience_runs_out(patience: dict[str, Any], losses: tuple[float, ...], at: int | None) -> None:
    by = rules(patience=patience, nan="ignore")
    assert where(by, points(*losses)) == (None if at is None else ("patience", at))
    turned = rules("maximize", patience=patience, nan="ignore")
    assert where(turned, points(*(-loss for loss in losses))) == (None if at is None else ("patience", at))


def test_patience_in_steps_counts_steps_and_not_points() -> None:
    by = rules(patience={"steps": 25})
    assert where(by, points(0.9, 0.91, 0.92, 0.93, every=10)) == ("patience", 40)


def test_patience_counts_only_points_that_have_the_metric() -> None:
    by = rules(patience={"reports": 2, "metric": "acc", "direction": "maximize"})
    curve = metrics({"acc": 0.5}, {"loss": 9.0}, {"acc": 0.4}, {"loss": 9.0}, {"acc": 0.5, "loss": 1.0})
    assert where(by, curve) == ("patience", 5)
    found = stop(by, curve)
    assert found is not None
    assert (found.value, found.cut) == (0.5, 0.5)
    assert found.reason == "acc has not improved for 2 report(s): its best was 0.5 at step 1"


# --- target


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_a_trial_ends_at_its_target(direction: str, sign: int) -> None:
    by = rules(direction, target={"loss": 0.2 * sign})
    assert where(by, points(0.3 * sign, 0.2 * sign)) == ("target", 2)
    assert where(by, points(0.3 * sign, 0.21 * sign)) is None
    assert where(rules(direction, target={"loss": 0.2 * sign}, nan="ignore"), points(math.nan)) is None


def test_all_of_several_targets_are_reached_whenever_each_was_reported() -> None:
    by = rules(
        [{"metric": "loss"}, {"metric": "acc", "direction": "maximize"}, {"metric": "size"}],
        target={"loss": 0.2, "acc": 0.9},
    )
    assert by.remembers
    assert where(by, metrics({"loss": 0.1}, {"size": 1.0}, {"acc": 0.95})) == ("target", 3)
    assert where(by, metrics({"loss": 0.1}, {"loss": 0.3, "acc": 0.95})) is None, "what counts is the newest value"
    found = stop(by, metrics({"loss": 0.1, "acc": 0.95}))
    assert found is not None
    assert found.reason == "the trial's target is reached: loss 0.1 (target 0.2), acc 0.95 (target 0.9)"


# --- divergence


@pytest.mark.parametrize(
    ("direction", "divergence", "losses", "at"),
    [
        ("minimize", {"limit": 5}, (4.0, 5.0, 5.1), 3),
        ("maximize", {"limit": -5}, (-4.0, -5.0, -5.1), 3),
        ("minimize", {"limit": 5, "warmup_steps": 3}, (9.0, 9.0, 4.0, 6.0), 4),
        ("minimize", {"factor": 3}, (2.0, 0.01, 6.0, 6.1), 4),
        ("minimize", {"factor": 3, "of": "best"}, (2.0, 0.01, 0.02, 0.031), 4),
        # A negative loss that is three times as bad is as far off, not smaller.
        ("minimize", {"factor": 3}, (-2.0, -6.0, 1.9, 2.1), 4),
        ("maximize", {"factor": 3}, (2.0, 6.0, -1.9, -2.1), 4),
        ("maximize", {"factor": 3}, (-2.0, -6.0, -6.1), 3),
        ("minimize", {"factor": 3}, (0.0, 1e9), None),
        ("minimize", {"factor": 3, "limit": 100}, (0.0, 101.0), 2),
        ("minimize", {"factor": 3}, (math.inf, 2.0, 5.0, 6.1), 4),
        ("minimize", {"factor": 1e308}, (1e308, 1.7e308), None),
        ("minimize", {"factor": 3, "limit": 5}, (2.0, math.nan, math.inf), 3),
    ],
)
def test_divergence(direction: str, divergence: dict[str, Any], losses: tuple[float, ...], at: int | None) -> None:
    by = rules(direction, divergence=divergence, nan="ignore")
    assert where(by, points(*losses)) == (None if at is None else ("divergence", at))


def test_divergence_says_by_what() -> None:
    told = stop(rules(divergence={"factor": 3, "limit": 50}), points(2.0, 7.0))
    assert told is not None
    assert (told.cut, told.reason) == (6.0, "loss has diverged: 7 at step 2 is worse than 3 times its first value (6)")
    told = stop(rules(divergence={"factor": 3, "limit": 50}), points(2.0, 70.0))
    assert told is not None
    assert (told.cut, told.reason) == (50.0, "loss has diverged: 70 at step 2 is worse than the limit (50)")


# --- together


def test_the_gravest_rule_is_told() -> None:
    all_of = {
        "patience": {"reports": 1, "metric": "gap", "direction": "minimize"},
        "target": {"cost": 1},
        "divergence": {"limit": 5},
    }
    by = rules([{"metric": "loss"}, {"metric": "cost"}], **all_of)
    before = {"gap": 1.0, "loss": 1.0, "cost": 3.0}
    grave = {"gap": 1.0, "loss": 9.0, "cost": 0.5}
    assert where(by, metrics(before, {**grave, "cost": math.nan})) == ("nan", 2)
    assert where(by, metrics(before, grave)) == ("divergence", 2)
    assert where(by, metrics(before, {**grave, "loss": 1.0})) == ("target", 2)
    assert where(by, metrics(before, {**before, "loss": 0.5})) == ("patience", 2)


def test_points_may_come_in_any_pieces(rng: random.Random) -> None:
    by = rules(patience={"reports": 7, "min_delta": 0.05}, divergence={"factor": 9, "of": "best"}, nan="ignore")
    stopped = 0
    for _ in range(200):
        curve = points(*(rng.choice([rng.uniform(0.1, 1), rng.uniform(0.1, 1), math.nan]) for _ in range(10)))
        whole = stop(by, curve)
        watch, place, found = Watch(), 0, None
        while place < len(curve) and found is None:
            size = rng.randint(1, 6)
            watch, found = by.follow(watch, curve[place : place + size])
            place += size
        assert repr(found) == repr(whole)
        stopped += found is not None
    assert 20 < stopped < 180
