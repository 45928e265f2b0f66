"""The samplers: for each that a study may name a record of how to build it, and of what it needs and cannot do."""
# ruff: noqa: ARG001  # one signature for all, and Optuna's own

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

from optuna import samplers
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from service.search.distributions import Layout
from service.search.seeds import Seeds
from service.search.shared_space import SharedGroups, SharedSpace
from service.search.tpe import Tpe
from service.wire import sampler as wire

# The grid's points are listed anew by each server process, and shuffled.
LARGEST_GRID = 100_000

Build = Callable[[Any, Layout, Seeds], BaseSampler]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerRecord:
    """A sampler that a study may name.

    `several`: takes more than one objective. `discrete`: tries each point of a space, which must have an end of them.
    `conditions`: knows of parameters that do not always take part. `categories`: knows of values without an order.
    `pruned`: learns from trials that were stopped early. `needs`: modules that must be installed.
    `feasibility`: must be told of every trial whether it was feasible, once one was not.
    """

    name: str
    title: str
    build: Build
    needs: tuple[str, ...] = ()
    several: bool = True
    discrete: bool = False
    conditions: bool = True
    categories: bool = True
    pruned: bool = False
    learns: bool = True
    feasibility: bool = False


def missing(record: SamplerRecord) -> tuple[str, ...]:
    """The modules that a sampler needs and that are not installed here."""
    return tuple(module for module in record.needs if find_spec(module) is None)


def installed(record: SamplerRecord) -> bool:
    """Whether all that a sampler needs is there."""
    return not missing(record)


class Grid(samplers.GridSampler):
    """Optuna's grid without a copy of the whole grid in every trial: the space of a study never changes."""

    def again(self, _: int) -> "Grid":
        """A grid as this one was when it was built: to list and shuffle the points is the dear part of it."""
        grid = copy.copy(self)
        grid._rng = copy.deepcopy(self._rng)
        return grid

    def _get_unvisited_grid_ids(self, study: Study) -> list[int]:
        visited: set[int] = set()
        running: set[int] = set()
        for trial in study._storage.get_all_trials(study._study_id, deepcopy=False):
            if "grid_id" in trial.system_attrs:
                (running if trial.state is TrialState.RUNNING else visited).add(trial.system_attrs["grid_id"])
        left = set(range(self._n_min_trials)) - visited
        return list(left - running or left)


class CmaEs(samplers.CmaEsSampler):
    """Optuna's CMA-ES without its looks through all trials: of thousands they took longer than all the rest."""

    def _get_trials(self, study: Study) -> list[FrozenTrial]:
        return study._storage.get_all_trials(study._study_id, deepcopy=False, states=(TrialState.COMPLETE,))

    def _get_solution_trials(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        key = self._attr_key_generation
        # Not by the property of that name: ten thousand calls of Python are several times dearer.
        return [trial for trial in trials if trial._system_attrs.get(key, -1) == generation]


def _random(_: wire.RandomSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    return samplers.RandomSampler(seed=seeds.trial)


def _tpe(options: wire.TpeSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    sampler = Tpe(
        layout,
        seed=seeds.trial,
        n_startup_trials=options.startup_trials,
        n_ei_candidates=options.ei_candidates,
        multivariate=options.multivariate,
        group=options.group,
    )
    sampler._search_space = SharedSpace(include_pruned=True)
    if options.group:
        sampler._group_decomposed_search_space = SharedGroups(include_pruned=True)
    return sampler


def _gp(options: wire.GpSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    sampler = samplers.GPSampler(
        seed=seeds.trial,
        n_startup_trials=options.startup_trials,
        deterministic_objective=options.deterministic_objective,
        warn_independent_sampling=False,
    )
    sampler._intersection_search_space = SharedSpace()
    return sampler


def cmaes(options: wire.CmaEsSampler, seeds: Seeds, source: list[FrozenTrial] | None = None) -> samplers.CmaEsSampler:
    """CMA-ES, which may begin where other trials came to."""
    sampler = CmaEs(
        seed=seeds.trial,
        n_startup_trials=options.startup_trials,
        popsize=options.population_size,
        with_margin=options.with_margin,
        warn_independent_sampling=False,
        source_trials=source,
    )
    sampler._search_space = SharedSpace()
    return sampler


def _cmaes(options: wire.CmaEsSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    return cmaes(options, seeds)


def _qmc(options: wire.QmcSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    return samplers.QMCSampler(
        # One scramble for all trials, or they are no sequence. What is not in it is drawn for each trial by itself.
        seed=seeds.study,
        qmc_type=options.sequence,
        scramble=options.scramble,
        independent_sampler=samplers.RandomSampler(seed=seeds.trial),
        warn_independent_sampling=False,
    )


def _grid(_: wire.GridSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    # One order of the points for all trials, or some would come twice and others never.
    values = {name: list(dimension.candidates()) for name, dimension in layout.dimensions.items()}
    return Grid(cast(Mapping[str, Sequence[Any]], values), seed=seeds.study)


def _brute_force(_: wire.BruteForceSampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    return samplers.BruteForceSampler(seed=seeds.trial)


def _nsga2(options: wire.Nsga2Sampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    sampler = samplers.NSGAIISampler(
        seed=seeds.trial,
        population_size=options.population_size,
        crossover_prob=options.crossover_probability,
        mutation_prob=options.mutation_probability,
    )
    sampler._search_space = SharedSpace()
    return sampler


def _nsga3(options: wire.Nsga3Sampler, layout: Layout, seeds: Seeds) -> BaseSampler:
    sampler = samplers.NSGAIIISampler(
        seed=seeds.trial,
        population_size=options.population_size,
        crossover_prob=options.crossover_probability,
        mutation_prob=options.mutation_probability,
    )
    sampler._search_space = SharedSpace()
    return sampler


TPE = SamplerRecord(name="tpe", title="a tree-structured Parzen estimator", build=_tpe, pruned=True)
GP = SamplerRecord(
    name="gp",
    title="a Gaussian process",
    build=_gp,
    needs=("torch", "scipy"),
    conditions=False,
    feasibility=True,
)
CMAES = SamplerRecord(
    name="cmaes", title="CMA-ES", build=_cmaes, needs=("cmaes",), several=False, conditions=False, categories=False
)
QMC = SamplerRecord(
    name="qmc", title="low-discrepancy points", build=_qmc, needs=("scipy",), conditions=False, learns=False
)
RANDOM = SamplerRecord(name="random", title="random points", build=_random, learns=False)
GRID = SamplerRecord(name="grid", title="every point of the grid", build=_grid, discrete=True, learns=False)
BRUTE_FORCE = SamplerRecord(
    name="brute_force", title="every point of the space", build=_brute_force, discrete=True, learns=False
)
NSGA2 = SamplerRecord(name="nsga2", title="NSGA-II", build=_nsga2, conditions=False)
NSGA3 = SamplerRecord(name="nsga3", title="NSGA-III", build=_nsga3, conditions=False)

# Chosen by `auto` alone, which builds it: it needs more to know than a sampler is told.
CURVES = SamplerRecord(
    name="curves",
    title="the expected improvement at the end of training, by a model of the curves",
    build=_random,
    needs=("sklearn", "scipy"),
    several=False,
    pruned=True,
)

SAMPLERS: Mapping[str, SamplerRecord] = {
    record.name: record for record in (TPE, GP, CMAES, QMC, RANDOM, GRID, BRUTE_FORCE, NSGA2, NSGA3)
}
