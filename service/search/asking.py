"""Asking a sampler for a point: what Optuna's `Trial` does with it, over a view and for our space."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

from optuna.distributions import BaseDistribution, _get_single_value
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler

from service.search.distributions import Dimension, Layout
from service.search.frozen import RELATIVE
from service.search.view import View, ViewStudy
from service.wire.message import Scalar

# The whole grid, which Optuna writes into every trial.
_LEFT_OUT = frozenset({"search_space"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A point, and what the sampler wants to remember of it."""

    params: dict[str, Scalar]
    system: Mapping[str, Any]
    study_system: Mapping[str, Any]


def ask(layout: Layout, view: View, sampler: BaseSampler) -> Asked:
    """Have a sampler make a point for the view's own trial."""
    # Which pruner there is does not matter to a sampler: even under Hyperband it sees all trials.
    study = ViewStudy(view, sampler, NopPruner())
    sampler.before_trial(study, view.own)
    params = layout.walk(_Draw(study, view, sampler))
    return Asked(params, _worth_keeping(view.system, params), view.study_system)


class _Draw:
    """Draws one parameter after the other. What belongs together is drawn together, when its first is asked for."""

    def __init__(self, study: ViewStudy, view: View, sampler: BaseSampler) -> None:
        self._study = study
        self._own = view.own
        self._sampler = sampler
        self._together: dict[str, Any] | None = None

    def __call__(self, dimension: Dimension) -> Scalar:
        name, distribution = dimension.name, dimension.distribution
        value = self._value(name, distribution)
        self._own.params[name] = value
        self._own.distributions[name] = distribution
        return dimension.outward(value)

    def _value(self, name: str, distribution: BaseDistribution) -> Any:
        if distribution.single():
            return _get_single_value(distribution)
        if self._together is None:
            space = self._sampler.infer_relative_search_space(self._study, self._own)
            self._together = self._sampler.sample_relative(self._study, self._own, space)
        if name in self._together and distribution._contains(distribution.to_internal_repr(self._together[name])):
            return self._together[name]
        return self._sampler.sample_independent(self._study, self._own, name, distribution)


def _worth_keeping(system: Mapping[str, Any], params: Mapping[str, Scalar]) -> dict[str, Any]:
    """What must be stored: parameters that were drawn together are told by the trial, unless some were not used."""
    chunks = sorted((key for key in system if key.startswith(RELATIVE)), key=lambda key: int(key.rpartition(":")[2]))
    used = not chunks or loads("".join(system[key] for key in chunks)).keys() <= params.keys()
    return {
        key: value for key, value in system.items() if key not in _LEFT_OUT and not (used and key.startswith(RELATIVE))
    }
