"""Importances on functions whose answer is known."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from service.domain.trial import Trial
from service.search.analysis.importances import NEEDED, importances
from service.usecases.analysis.analyst import Shares
from service.usecases.engine import History
from service.wire.analysis import Method
from tests.unit.service.search.samples import history, study, trial

SPACE: Mapping[str, Any] = {
    "a": {"type": "float", "low": 0, "high": 1},
    "b": {"type": "float", "low": 0, "high": 1},
    "c": {"type": "float", "low": 0, "high": 1},
    "one": {"type": "categorical", "choices": ["x"]},
    "fixed": {"type": "constant", "value": 7},
}
METHODS: tuple[Method, ...] = ("ped_anova", "fanova")


def told(
    value: Callable[[Mapping[str, Any]], float],
    count: int = 120,
    *,
    space: Mapping[str, Any] = SPACE,
    draw: Callable[[random.Random], Mapping[str, Any]] | None = None,
    **fields: Any,
) -> History:
    """A study of points drawn at random, with these values."""
    chance = random.Random(4)
    made: list[Trial] = []
    for number in range(count):
        params = dict(draw(chance)) if draw else {**{name: chance.random() for name in "abc"}, "one": "x"}
        made.append(trial(number, params=params, values={"loss": value(params)}))
    return history(study(count + 1, space=space, **fields), made)


def shares(found: Shares) -> dict[str, float]:
    return {one.name: one.share for one in found.importances}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_ten_times_one_and_once_the_other(method: Method, direction: str) -> None:
    of = told(lambda at: 10 * at["a"] + at["b"], objectives=[{"metric": "loss", "direction": direction}])
    found = importances(of, method, "loss")
    share = shares(found)
    assert share["a"] > 0.85
    assert share["a"] > share["b"] > share["c"]
    assert share["one"] == 0
    assert "fixed" not in share
    assert sum(share.values()) == pytest.approx(1)
    assert found.importances[0].name == "a"
    assert (found.trials, found.reason) == (120, None)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_trials_give_the_same_shares(method: Method) -> None:
    of = told(lambda at: at["a"] * at["b"])
    assert importances(of, method, "loss") == importances(of, method, "loss")


@pytest.mark.parametrize("method", METHODS)
def test_categories_and_conditions(method: Method) -> None:
    space = {
        "kind": {"type": "categorical", "choices": ["plain", "deep"]},
        "depth": {"type": "int", "low": 1, "high": 8, "when": {"kind": "deep"}},
        "rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "batch": {"type": "ordinal", "values": [16, 32, 64]},
    }

    def draw(chance: random.Random) -> Mapping[str, Any]:
        kind = chance.choice(["plain", "deep"])
        deep = {"depth": chance.randint(1, 8)} if kind == "deep" else {}
        return {"kind": kind, **deep, "rate": 10 ** chance.uniform(-5, -1), "batch": chance.choice([16, 32, 64])}

    of = told(
        lambda at: (5.0 if at["kind"] == "plain" else 0.0) + 0.1 * math.log10(at["rate"]), 150, space=space, draw=draw
    )
    share = shares(importances(of, method, "loss"))
    assert set(share) == {"kind", "depth", "rate", "batch"}
    # Coming to the best tenth takes a low rate as well; the values themselves hang on the kind.
    assert sorted(share, key=lambda name: -share[name])[: 1 if method == "fanova" else 2].count("kind") == 1
    deep = told(lambda at: float(at.get("depth", 4)), 150, space=space, draw=draw)
    share = shares(importances(deep, method, "loss"))
    assert max(share, key=lambda name: share[name]) == "depth"


@pytest.mark.parametrize("method", METHODS)
def test_too_few_trials(method: Method) -> None:
    found = importances(told(lambda at: at["a"], NEEDED - 1), method, "loss")
    assert (found.trials, list(found.importances)) == (NEEDED - 1, [])
    assert found.reason is not None
    assert f"at least {NEEDED}" in found.reason
    assert "1 to go" in found.reason
    assert importances(told(lambda at: at["a"], NEEDED), method, "loss").reason is None


@pytest.mark.parametrize("method", METHODS)
def test_nothing_makes_a_difference(method: Method) -> None:
    found = importances(told(lambda at: 1.0), method, "loss")
    assert found.reason == "all trials have the same value: no parameter makes a difference"
    assert set(shares(found).values()) == {0.0}
    space = {"one": SPACE["one"]}
    found = importances(told(lambda _: 1.5, space=space, draw=lambda _: {"one": "x"}), method, "loss")
    assert found.reason == "every parameter has one value only: none can make a difference"


@pytest.mark.parametrize("method", METHODS)
def test_nan_and_infinite_values_are_left_out(method: Method) -> None:
    def value(at: Mapping[str, Any]) -> float:
        return math.nan if at["c"] > 0.8 else math.inf if at["c"] > 0.6 else at["a"]

    of = told(value)
    found = importances(of, method, "loss")
    finite = sum(math.isfinite((one.values or {})["loss"]) for one in of.trials.values())
    assert found.trials == finite
    assert shares(found)["a"] > 0.8


def test_trials_that_were_stopped_early_count_among_the_others() -> None:
    """Without them only survivors are compared: what they have in common seems to matter less than it does."""
    full = told(lambda at: 10 * at["a"] + at["b"], 200)
    stopped = {
        number: one if one.params["a"] < 0.3 else trial(number, "pruned", params=one.params)  # type: ignore[operator]
        for number, one in full.trials.items()
    }
    of = History(full.study, stopped, {})
    survivors = {number: one for number, one in stopped.items() if one.state == "completed"}
    with_them = importances(of, "ped_anova", "loss")
    without = importances(History(full.study, survivors, {}), "ped_anova", "loss")
    assert with_them.trials == 200
    truth = shares(importances(full, "ped_anova", "loss"))["a"]
    assert abs(shares(with_them)["a"] - truth) < 0.02 < abs(shares(without)["a"] - truth)
    assert importances(of, "fanova", "loss").trials == len(survivors)


def test_of_stopped_trials_alone_nothing_can_be_told() -> None:
    of = told(lambda at: at["a"], 4)
    more = {number: trial(number, "pruned", params=of.trials[0].params) for number in range(4, 40)}
    found = importances(History(of.study, {**of.trials, **more}, {}), "ped_anova", "loss")
    assert found.reason == "it takes at least 5 completed trials, and there are 4: 1 to go"


def test_several_objectives() -> None:
    chance = random.Random(1)
    made = []
    for number in range(150):
        params = {**{name: chance.random() for name in "abc"}, "one": "x"}
        made.append(trial(number, params=params, values={"loss": params["a"], "speed": params["b"]}))
    objectives = [{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}]
    of = history(study(9, space=SPACE, objectives=objectives), made)
    for method in METHODS:
        assert shares(importances(of, method, "loss"))["a"] > 0.8
        assert shares(importances(of, method, "speed"))["b"] > 0.8
    both = shares(importances(of, "ped_anova", None))
    assert min(both["a"], both["b"]) > 0.15 > both["c"]
