"""Importances of parameters, by PED-ANOVA or fANOVA, over the trials that have ended.

PED-ANOVA asks which parameters set the best trials apart from all others. Trials that were stopped early count among
the others: without them only survivors would be compared, and what matters most would hardly be seen any more. fANOVA
explains the values themselves, so it can use completed trials alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.domain.trial import Trial
from service.search.analysis.front import completed
from service.search.analysis.still import still
from service.search.distributions import Layout
from service.search.frozen import frozen
from service.search.quiet import hush
from service.usecases.analysis.analyst import Shares
from service.usecases.engine import History
from service.wire.analysis import Importance, Method
from service.wire.objective import Objective

NEEDED = 20
_LEAST_COMPLETED = 5
_TOP = 0.1
# The time that a forest takes grows with the square of this; more tells the same.
_MOST_FOR_FOREST = 400


@dataclass(frozen=True, slots=True)
class _Sample:
    """Trials with their losses: smaller is better. Those that were stopped early have a loss behind all others'."""

    trials: Sequence[Trial]
    losses: Sequence[list[float]]
    completed: int


def missing(method: Method) -> str | None:
    """What a method needs and this server lacks."""
    if method == "fanova" and find_spec("sklearn") is None:
        return "needs scikit-learn on the server: install it there, or take ped_anova"
    return None


def importances(history: History, method: Method, metric: str | None) -> Shares:
    """The shares of all parameters that are searched."""
    hush()
    objectives = [one for one in history.study.definition.objectives if metric in {None, one.metric}]
    layout = Layout(history.study.definition.space)
    sample = _sample(history, objectives, pruned=method == "ped_anova")
    count = len(sample.trials)
    if reason := _too_few(sample, method):
        return Shares(count, reason=reason)
    if all(one.distribution.single() for one in layout.dimensions.values()):
        return Shares(count, _shares(layout, {}), "every parameter has one value only: none can make a difference")
    if len({tuple(losses) for losses in sample.losses}) == 1:
        return Shares(count, _shares(layout, {}), "all trials have the same value: no parameter makes a difference")
    found = _ped_anova(history, layout, sample) if method == "ped_anova" else _fanova(history, layout, sample)
    shares = _shares(layout, found)
    flat = None if any(one.share for one in shares) else "no parameter makes a difference that can be told"
    return Shares(min(count, _MOST_FOR_FOREST) if method == "fanova" else count, shares, flat)


def _too_few(sample: _Sample, method: Method) -> str | None:
    count = len(sample.trials)
    if count < NEEDED:
        kind = "completed or stopped early" if method == "ped_anova" else "completed"
        return f"it takes at least {NEEDED} trials that have {kind}, and there {_are(count)}: {NEEDED - count} to go"
    if sample.completed < _LEAST_COMPLETED:
        short = _LEAST_COMPLETED - sample.completed
        return (
            f"it takes at least {_LEAST_COMPLETED} completed trials, and there {_are(sample.completed)}: {short} to go"
        )
    return None


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def _sample(history: History, objectives: Sequence[Objective], *, pruned: bool) -> _Sample:
    signs = [1.0 if one.direction == "minimize" else -1.0 for one in objectives]
    trials: list[Trial] = []
    losses: list[list[float]] = []
    for trial in completed(objectives, history.trials):
        found = [sign * (trial.values or {})[one.metric] for sign, one in zip(signs, objectives, strict=True)]
        if all(map(math.isfinite, found)):
            trials.append(trial)
            losses.append(found)
    count = len(trials)
    if pruned and count:
        behind = [math.nextafter(max(column), math.inf) for column in zip(*losses, strict=True)]
        stopped = [trial for _, trial in sorted(history.trials.items()) if trial.state in {"pruned", "paused"}]
        trials += stopped
        losses += [behind] * len(stopped)
    return _Sample(trials, losses, count)


def _shares(layout: Layout, found: Mapping[str, float]) -> list[Importance]:
    total = math.fsum(found.values())
    share = {name: found.get(name, 0.0) / total if total > 0 else 0.0 for name in layout.dimensions}
    return [Importance(name=name, share=one) for name, one in sorted(share.items(), key=lambda pair: -pair[1])]


def _ped_anova(history: History, layout: Layout, sample: _Sample) -> Mapping[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator

    count = len(sample.trials)
    # Never more than completed: those that were stopped are not among the best, however few are left. At least five.
    quantile = min(max(_TOP, _LEAST_COMPLETED / count), sample.completed / count, 1 - 1 / count)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    shown = []
    for trial, losses in zip(sample.trials, sample.losses, strict=True):
        params = layout.inward(trial.params)
        shown.append(_shown(trial.number, losses, params, layout.shape(params)))
    study = still(history, [StudyDirection.MINIMIZE] * len(sample.losses[0]), shown)
    return {name: one for name, one in evaluator.evaluate(study).items() if math.isfinite(one)}


def _fanova(history: History, layout: Layout, sample: _Sample) -> Mapping[str, float]:
    from optuna.importance import FanovaImportanceEvaluator

    varied = {name: one.distribution for name, one in layout.dimensions.items() if not one.distribution.single()}
    middles = {name: _middle(one) for name, one in varied.items()}
    shown = [
        _shown(trial.number, losses, {**middles, **_of(layout.inward(trial.params), varied)}, varied)
        for trial, losses in _thinned(sample)
    ]
    study = still(history, [StudyDirection.MINIMIZE], shown)
    found = FanovaImportanceEvaluator(seed=0).evaluate(study)
    return {name: float(one) for name, one in found.items() if math.isfinite(one)}


def _thinned(sample: _Sample) -> list[tuple[Trial, list[float]]]:
    pairs = list(zip(sample.trials, sample.losses, strict=True))
    if len(pairs) <= _MOST_FOR_FOREST:
        return pairs
    return [pairs[place * len(pairs) // _MOST_FOR_FOREST] for place in range(_MOST_FOR_FOREST)]


def _of(params: Mapping[str, Any], names: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name in names}


def _middle(distribution: BaseDistribution) -> Any:
    """What stands in for a parameter that takes no part in a trial: the middle of its range, or its first choice."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    middle = math.exp((math.log(low) + math.log(high)) / 2) if _log(distribution) else low / 2 + high / 2
    return distribution.to_external_repr(float(_snapped(distribution, middle)))


def _log(distribution: Any) -> bool:
    return bool(distribution.log)


def _snapped(distribution: Any, value: float) -> float:
    if distribution.step is None:
        return value
    return float(distribution.low + round((value - distribution.low) / distribution.step) * distribution.step)


def _shown(
    number: int, losses: list[float], params: dict[str, Any], distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    return frozen(number, TrialState.COMPLETE, values=losses, params=params, distributions=distributions)
