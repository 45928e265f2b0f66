"""The sampler `auto`: low-discrepancy points to begin with, then the model that fits the space and the study.

The rules are those of OptunaHub's AutoSampler, with two of our own. Where trials are cut short, a model of their curves
is taken (`pool/`): it learns from all that they showed. With several objectives TPE takes over from the Gaussian
process, not NSGA, which would leave everything that was learned aside and begin with a random population.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optuna import samplers
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from service.search.distributions import Layout
from service.search.pool.knowledge import Knowledge
from service.search.pool.sampler import CurveSampler
from service.search.pruners import cuts
from service.search.samplers import CMAES, CURVES, GP, QMC, TPE, SamplerRecord, cmaes, installed
from service.search.seeds import Seeds, hash64
from service.search.snapshots import Snapshot
from service.usecases.engine import judged
from service.wire import sampler as wire
from service.wire.space import CategoricalParameter
from service.wire.study import StudyDefinition

STARTUP = 16
FULL = 250
MANY_OBJECTIVES = 4
EXPLORE_ONE_IN = 10

_OBSERVED = (TrialState.COMPLETE, TrialState.PRUNED)
_COMPLETE = (TrialState.COMPLETE,)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which model a study begins with, which one it goes on with when there are many trials, and why."""

    model: SamplerRecord
    later: SamplerRecord
    why: str


class WholeSpace(samplers.QMCSampler):
    """Low-discrepancy points over all parameters from the first trial on, whether or not they take part in each."""

    space: Mapping[str, BaseDistribution]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """All parameters that have more than one value."""
        return {name: one for name, one in sorted(self.space.items()) if not one.single()}


def plan(definition: StudyDefinition) -> Plan:
    """The models for a study, told by its definition alone."""
    if curves_matter(definition) and installed(CURVES):
        return Plan(CURVES, CURVES, f"the scheduler '{definition.scheduler.type}' cuts trials short")
    reason = _tpe_because(definition)
    if reason:
        return Plan(TPE, TPE, reason)
    if len(definition.objectives) > 1:
        return Plan(GP, TPE, "all parameters are numbers and always take part")
    later = CMAES if installed(CMAES) else TPE
    return Plan(GP, later, "all parameters are numbers that always take part, and no trial is stopped early")


def build(
    chosen: Plan, objectives: int, layout: Layout, seeds: Seeds, snapshot: Snapshot, know: Callable[[], Knowledge]
) -> BaseSampler:
    """The sampler for one suggestion, by how far the study has come."""
    if chosen.model is CURVES:
        explores = len(know().history.trials) < STARTUP or _turn(seeds)
        return CurveSampler(lambda _: know(), _starter(layout, seeds), seeds.trial, explores=explores)
    if _explores(seeds, snapshot):
        return _starter(layout, seeds)
    complete = snapshot.of(_COMPLETE)
    record = chosen.model if len(complete) < FULL else chosen.later
    if record is CMAES:
        # CMA-ES knows no constraints. Where some points cannot be trained at all, TPE goes on instead.
        if any(trial.constraints for trial in complete):
            record = TPE
        else:
            return cmaes(wire.CmaEsSampler(type="cmaes"), seeds, source=complete)
    options = wire.GpSampler(type="gp") if record is GP else _tpe_options(objectives, layout)
    return record.build(options, layout, seeds)


def curves_matter(definition: StudyDefinition) -> bool:
    """Whether there is one objective, whose curves are cut short: what they showed is all there is to learn."""
    return (
        len(definition.objectives) == 1 and cuts(definition) and judged(definition) == definition.objectives[0].metric
    )


def _tpe_options(objectives: int, layout: Layout) -> wire.TpeSampler:
    # With several objectives Optuna's own choice is one parameter at a time.
    grouped = layout.conditional
    return wire.TpeSampler(type="tpe", multivariate=grouped or objectives == 1, group=grouped)


def _explores(seeds: Seeds, snapshot: Snapshot) -> bool:
    """Whether there is too little to learn from yet, or it is the turn of a point that no model chose."""
    return len(snapshot.of(_OBSERVED)) < STARTUP or _turn(seeds)


def _turn(seeds: Seeds) -> bool:
    return hash64("explore", seeds.trial) % EXPLORE_ONE_IN == 0


def _starter(layout: Layout, seeds: Seeds) -> BaseSampler:
    if not installed(QMC):
        return samplers.RandomSampler(seed=seeds.trial)
    sampler = WholeSpace(
        seed=seeds.study,
        scramble=True,
        independent_sampler=samplers.RandomSampler(seed=seeds.trial),
        warn_independent_sampling=False,
    )
    sampler.space = {name: dimension.distribution for name, dimension in layout.dimensions.items()}
    return sampler


def _tpe_because(definition: StudyDefinition) -> str | None:
    conditions = [name for name, parameter in definition.space.items() if parameter.when]
    unordered = [name for name, one in definition.space.items() if isinstance(one, CategoricalParameter)]
    if conditions:
        return f"'{conditions[0]}' does not always take part"
    if unordered:
        return f"the values of '{unordered[0]}' have no order"
    if len(definition.objectives) >= MANY_OBJECTIVES:
        return f"there are {len(definition.objectives)} objectives"
    if cuts(definition):
        return f"the scheduler '{definition.scheduler.type}' stops trials early, and TPE alone learns from those"
    if not installed(GP):
        return "PyTorch, which a Gaussian process needs, is not installed on this server"
    return None
