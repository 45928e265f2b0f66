"""Refusals: what a sampler or scheduler cannot do with a study, said when the study is made and not when it runs."""

import math
from collections.abc import Iterator
from importlib.util import find_spec

from service.search import auto
from service.search.distributions import Layout
from service.search.points import size
from service.search.pruners import cuts, halves
from service.search.samplers import LARGEST_GRID, SAMPLERS, SamplerRecord, missing
from service.usecases.engine import judged
from service.wire.problem import FieldError
from service.wire.sampler import AutoSampler, TpeSampler
from service.wire.scheduler import (
    AutoScheduler,
    Deciding,
    NoScheduler,
    PatientScheduler,
    ThresholdScheduler,
    WilcoxonScheduler,
)
from service.wire.space import LARGEST_INT, SEARCHED, CategoricalParameter, FloatParameter
from service.wire.study import StudyDefinition

# Below this many units of low's last digit, a step cannot be told from the rounding of its values.
_FINEST = 2**30
_PACKAGES = {"torch": "PyTorch (torch)", "scipy": "SciPy (scipy)", "cmaes": "cmaes"}


def refusals(definition: StudyDefinition) -> list[FieldError]:
    """What is wrong with a definition that no validation of its fields can see; nothing if it can be searched."""
    found = list(_steps(definition))
    # A space with steps beyond counting cannot even be laid out.
    return found or [*_sampler(definition), *_scheduler(definition)]


def chooses(definition: StudyDefinition) -> str:
    """Who chooses the points of a study, in a sentence; what its sampler does not do comes behind."""
    if isinstance(definition.sampler, AutoSampler):
        chosen = auto.plan(definition)
        later = f", from {auto.FULL} completed trials on {chosen.later.title}" if chosen.later != chosen.model else ""
        first = f"auto: {auto.STARTUP} scrambled Sobol points, then {chosen.model.title}{later}, because {chosen.why}."
    else:
        record = SAMPLERS[definition.sampler.type]
        first = f"{record.name}: {record.title}, as the study asks."
    return " ".join([first, *notes(definition)])


def decides(definition: StudyDefinition) -> str:
    """Who decides which trials go on, in a sentence."""
    scheduler = definition.scheduler
    if isinstance(scheduler, AutoScheduler):
        if not cuts(definition):
            return "auto: every trial runs to its end, for what is bad by one objective may be the best by another."
        return (
            "auto: trials that can go on later pause at rungs, 1, 4, 16 … times as far as their first report; "
            "successive halving and a model of the curves promote them by turns. Others are stopped there for good."
        )
    if isinstance(scheduler, NoScheduler):
        return "none: every trial runs to its end."
    if halves(definition) is not None and scheduler.type == "asha" and scheduler.mode == "promote":
        return "asha: trials pause at rungs, and the best share of those that came to a rung are promoted from it."
    return f"{scheduler.type}: trials are stopped by it for good, as the study asks."


def notes(definition: StudyDefinition) -> list[str]:
    """What works, but not as one might think."""
    if isinstance(definition.sampler, AutoSampler):
        return []
    record = SAMPLERS[definition.sampler.type]
    unordered = [name for name, one in definition.space.items() if isinstance(one, CategoricalParameter)]
    conditions = [name for name, one in definition.space.items() if isinstance(one, SEARCHED) and one.when]
    grouped = isinstance(definition.sampler, TpeSampler) and not definition.sampler.group
    found = []
    if unordered and not record.categories:
        found.append(f"{record.name} knows no values without an order: it draws {_listed(unordered)} at random.")
    if conditions and not record.conditions:
        found.append(f"{record.name} knows no conditions: what not every trial has is drawn at random.")
    if conditions and grouped:
        found.append("Without 'group: true' tpe models parameters with conditions one at a time.")
    final = getattr(definition.sampler, "observe", "final") == "final"
    if record.learns and not record.pruned and cuts(definition) and final:
        found.append(f"{record.name} learns nothing from trials that are cut short, unless 'observe: last' shows them.")
    return found


def _steps(definition: StudyDefinition) -> Iterator[FieldError]:
    for name, parameter in definition.space.items():
        if isinstance(parameter, FloatParameter) and parameter.step is not None:
            steps = (parameter.high - parameter.low) / parameter.step
            if steps > LARGEST_INT or parameter.step < _FINEST * math.ulp(parameter.low):
                yield FieldError(
                    field=f"space.{name}.step",
                    message=f"is too small for a range from {parameter.low} to {parameter.high}: leave it out",
                )


def _sampler(definition: StudyDefinition) -> Iterator[FieldError]:
    sampler = definition.sampler
    if isinstance(sampler, AutoSampler):
        return
    record = SAMPLERS[sampler.type]
    for module in missing(record):
        yield FieldError(
            field="sampler.type",
            message=f"{record.name} needs {_PACKAGES[module]}, which is not installed on this server",
        )
    if not record.several and len(definition.objectives) > 1:
        yield FieldError(
            field="sampler.type",
            message=f"{record.name} searches for one objective, there are {len(definition.objectives)}: "
            "tpe, gp, nsga2 and nsga3 take several",
        )
    if getattr(sampler, "observe", "final") != "final" and cuts(definition) and not auto.curves_matter(definition):
        yield FieldError(
            field="sampler.observe",
            message="must be 'final' here: a value can be shown only where the scheduler looks at the one objective",
        )
    if isinstance(sampler, TpeSampler) and sampler.group and not sampler.multivariate:
        yield FieldError(field="sampler.group", message="needs multivariate: groups are modelled together")
    if not record.categories and all(isinstance(one, CategoricalParameter) for one in _searched(definition)):
        yield FieldError(
            field="sampler.type",
            message=f"{record.name} knows no values without an order, and this space has no others: use tpe",
        )
    if record.discrete:
        yield from _countable(definition, record)


def _countable(definition: StudyDefinition, record: SamplerRecord) -> Iterator[FieldError]:
    endless = [name for name, one in definition.space.items() if isinstance(one, FloatParameter) and one.step is None]
    for name in endless:
        yield FieldError(
            field=f"space.{name}.step",
            message=f"is needed by the sampler {record.name}: a range without steps has no end of values",
        )
    if endless:
        return
    if record.name == "grid":
        for name, one in definition.space.items():
            if isinstance(one, SEARCHED) and one.when:
                yield FieldError(field=f"space.{name}.when", message="is not known to grid: use brute_force")
    count = size(Layout(definition.space))
    if count is None or count > LARGEST_GRID:
        yield FieldError(
            field="sampler.type",
            message=f"{record.name} tries every point, and the space has more than {LARGEST_GRID}: use tpe or qmc",
        )


def _scheduler(definition: StudyDefinition) -> Iterator[FieldError]:
    scheduler = definition.scheduler
    if not isinstance(scheduler, Deciding):
        return
    wrapped = scheduler.wrapped if isinstance(scheduler, PatientScheduler) else None
    if wrapped is not None and wrapped.metric and scheduler.metric and wrapped.metric != scheduler.metric:
        yield FieldError(field="scheduler.wrapped.metric", message=f"must be the same as metric ({scheduler.metric})")
    known = [objective.metric for objective in definition.objectives]
    metric = judged(definition)
    # Bounds are bounds whichever way is better; whoever compares must know it.
    if metric not in known and not isinstance(scheduler, ThresholdScheduler):
        yield FieldError(
            field="scheduler.metric" if scheduler.metric else "scheduler.wrapped.metric",
            message=f"'{metric}' is not an objective, so it is not known which way is better "
            f"(the objectives are {', '.join(known)})",
        )
    if isinstance(scheduler, WilcoxonScheduler) and find_spec("scipy") is None:
        yield FieldError(
            field="scheduler.type", message="wilcoxon needs SciPy (scipy), which is not installed on this server"
        )


def _searched(definition: StudyDefinition) -> list[object]:
    return [one for one in definition.space.values() if isinstance(one, SEARCHED)]


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
