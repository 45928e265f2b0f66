"""The schedulers that only stop trials: for each a record of the pruner behind it, and of how it comes to its verdict.

Pausing and promoting, which Optuna has no notion of, is not done here but in `pool/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna import pruners
from optuna.pruners import BasePruner

from service.search import evidence
from service.search.evidence import Evidence, Sight
from service.search.halving_rule import HalvingRule
from service.search.percentile import PercentileRule
from service.search.view import Scene
from service.usecases.engine import Curve
from service.wire import scheduler as wire
from service.wire.scheduler import AnyScheduler
from service.wire.study import StudyDefinition

AtOnce = Callable[[Any, Scene, Curve], tuple[bool, Evidence | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerRecord:
    """A scheduler that a study may name.

    `compares`: it looks at what completed trials had at the same step. `whole`: it looks at all points of the trial
    that it judges, and not only at the last. `at_once`: says both whether to stop and why, where that is quicker.
    """

    build: Callable[[Any], BasePruner]
    explain: Callable[[Any, Sight], Evidence | None]
    compares: bool = False
    whole: bool = False
    at_once: AtOnce | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The scheduler of one study, ready to judge.

    `until`: the step at which a trial is done and nothing is left to decide. `careful`: nobody said how long trials
    are, so that one which may be at its end is not stopped.
    """

    options: AnyScheduler
    pruner: BasePruner
    explain: Callable[[Any, Sight], Evidence | None]
    compares: bool
    whole: bool
    at_once: AtOnce | None
    until: int | None
    careful: bool


# For trials that cannot be paused, since their client keeps no checkpoints.
_AUTO = wire.AshaScheduler(type="asha", mode="stop")


def rule(definition: StudyDefinition) -> Rule | None:
    """The rule that a study's scheduler stands for; None if it is none of Optuna's, or never stops a trial."""
    scheduler, careful = definition.scheduler, False
    if halves(definition) is not None:
        return None
    if isinstance(scheduler, wire.AutoScheduler):
        if scheduler.metric is None and len(definition.objectives) > 1:
            # What is bad by one objective may be the best there is by another.
            return None
        scheduler, careful = _AUTO, True
    if isinstance(scheduler, wire.NoScheduler):
        return None
    record = PRUNERS[scheduler.type]
    decisive = scheduler.wrapped if isinstance(scheduler, wire.PatientScheduler) else scheduler
    return Rule(
        options=scheduler,
        pruner=record.build(scheduler),
        explain=record.explain,
        compares=decisive is not None and PRUNERS[decisive.type].compares,
        whole=record.whole,
        at_once=record.at_once,
        until=decisive.max_resource if isinstance(decisive, wire.Rungs) else None,
        careful=careful,
    )


def halves(definition: StudyDefinition) -> wire.AshaScheduler | None:
    """The successive halving that Optuna cannot do: it pauses, counts other things than steps, or has many metrics."""
    scheduler = definition.scheduler
    if not isinstance(scheduler, wire.AshaScheduler):
        return None
    several = len(definition.objectives) > 1 and scheduler.metric is None
    return scheduler if several or scheduler.mode == "promote" or scheduler.resource != "step" else None


def cuts(definition: StudyDefinition) -> bool:
    """Whether trials may be cut short."""
    return halves(definition) is not None or rule(definition) is not None


def _hyperband(options: wire.HyperbandScheduler) -> BasePruner:
    # Whole numbers, never "auto": that would be read from whichever trials a process happens to have seen.
    return pruners.HyperbandPruner(
        min_resource=options.min_resource,
        max_resource=options.max_resource or options.min_resource,
        reduction_factor=options.reduction_factor,
    )


def _threshold(options: wire.ThresholdScheduler) -> BasePruner:
    return pruners.ThresholdPruner(
        lower=options.lower,
        upper=options.upper,
        n_warmup_steps=options.warmup_steps,
        interval_steps=options.interval_steps,
    )


def _wilcoxon(options: wire.WilcoxonScheduler) -> BasePruner:
    return pruners.WilcoxonPruner(p_threshold=options.p_threshold, n_startup_steps=options.startup_steps)


def _patient(options: wire.PatientScheduler) -> BasePruner:
    wrapped = None if options.wrapped is None else PRUNERS[options.wrapped.type].build(options.wrapped)
    return pruners.PatientPruner(wrapped, patience=options.patience, min_delta=options.min_delta)


def _patiently(options: wire.PatientScheduler, sight: Sight) -> Evidence | None:
    if options.wrapped is None or not evidence.stalled(options, sight):
        return evidence.patient(options, sight)
    return PRUNERS[options.wrapped.type].explain(options.wrapped, sight.within())


_PERCENTILE = PrunerRecord(
    build=PercentileRule,
    explain=evidence.percentile,
    compares=True,
    whole=True,
    at_once=evidence.percentile_at_once,
)
PRUNERS: Mapping[str, PrunerRecord] = {
    "median": _PERCENTILE,
    "percentile": _PERCENTILE,
    "asha": PrunerRecord(build=HalvingRule, explain=evidence.asha),
    "hyperband": PrunerRecord(build=_hyperband, explain=evidence.hyperband),
    "threshold": PrunerRecord(build=_threshold, explain=evidence.threshold, whole=True),
    "wilcoxon": PrunerRecord(build=_wilcoxon, explain=evidence.wilcoxon, whole=True),
    "patient": PrunerRecord(build=_patient, explain=_patiently, whole=True),
}
