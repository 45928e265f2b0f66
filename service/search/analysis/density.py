"""How likely TPE finds a point among good trials against all others: the ratio by which it chooses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

from service.search.desk import Desk
from service.search.frozen import frozen
from service.search.view import View, ViewStudy
from service.usecases.engine import History
from service.wire.message import Scalar

_LEARNED = (TrialState.COMPLETE, TrialState.PRUNED)
_SEEN = (*_LEARNED, TrialState.RUNNING)


@dataclass(frozen=True, slots=True)
class Density:
    """How many trials were taken for good and how many for the others, and the ratio at the point."""

    good: int
    others: int
    ratio: float


def random_start(sampler: TPESampler, desk: Desk, history: History) -> bool:
    """Whether TPE still draws at random, for too little has been learned."""
    return len(desk.sampling(history).snapshot().of(_LEARNED)) < sampler._n_startup_trials


def density(
    sampler: TPESampler, desk: Desk, history: History, number: int, params: Mapping[str, Scalar]
) -> Density | None:
    """The ratio at a point; None if none of its parameters is modelled."""
    own = frozen(number, TrialState.RUNNING)
    view = View(desk.sampling(history), own)
    study = ViewStudy(view, sampler, NopPruner())
    trials = [one for one in study.get_trials(deepcopy=False, states=_SEEN) if one.number != number]
    learned = sum(one.state is not TrialState.RUNNING for one in trials)
    gamma = default_gamma if len(study.directions) == 1 else default_gamma_multiobjective
    good, others = _split_trials(study, trials, gamma(learned))
    point = desk.layout.inward(params)
    spaces = [space for space in _spaces(sampler, study, own, desk, point) if space.keys() <= point.keys()]
    logs = [_log_ratio(sampler, study, space, good, others, point) for space in spaces if space]
    if not logs:
        return None
    return Density(len(good), len(others), math.exp(min(max(math.fsum(logs), -700.0), 700.0)))


def _spaces(
    sampler: TPESampler, study: ViewStudy, own: FrozenTrial, desk: Desk, point: Mapping[str, Any]
) -> list[dict[str, BaseDistribution]]:
    """The parts of the space that are modelled each by itself, as the sampler does it."""
    together = sampler.infer_relative_search_space(study, own)
    groups = sampler._search_space_group.search_spaces if sampler._search_space_group is not None else [together]
    joint = [{name: one for name, one in group.items() if not one.single()} for group in groups]
    alone = [name for name in point if not any(name in group for group in joint)]
    shapes = {name: desk.layout.dimensions[name].distribution for name in alone}
    return [*joint, *({name: one} for name, one in shapes.items() if not one.single())]


def _log_ratio(
    sampler: TPESampler,
    study: ViewStudy,
    space: dict[str, BaseDistribution],
    good: Sequence[FrozenTrial],
    others: Sequence[FrozenTrial],
    point: Mapping[str, Any],
) -> float:
    at = {name: np.array([space[name].to_internal_repr(point[name])]) for name in sorted(space)}
    ordered = {name: space[name] for name in sorted(space)}
    below = sampler._build_parzen_estimator(study, ordered, list(good), handle_below=True)
    above = sampler._build_parzen_estimator(study, ordered, list(others), handle_below=False)
    return float((below.log_pdf(at) - above.log_pdf(at))[0])
