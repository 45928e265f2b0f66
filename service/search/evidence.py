"""Evidence: what a pruner's verdict was based on, read from the very data it was given, and said in a sentence.

Each function answers None where nothing was decided: the step is not one at which the rule decides, or there is too
little to compare with.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from optuna.pruners import BasePruner, HyperbandPruner, PatientPruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from service.search.halving_rule import RUNG, HalvingRule, Place
from service.search.percentile import Standing, best, decides, standing
from service.search.view import Scene, View
from service.usecases.engine import Basis, Curve
from service.wire import scheduler as wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a pruner saw, wrote and said."""

    study: Study
    own: FrozenTrial
    pruner: BasePruner
    written: Mapping[str, Any]
    stopped: bool

    @property
    def step(self) -> int:
        """The step of the trial's last point."""
        return cast(int, self.own.last_step)

    @property
    def value(self) -> float:
        """The trial's last value."""
        return self.own.intermediate_values[self.step]

    @property
    def minimizes(self) -> bool:
        """Whether smaller is better."""
        return self.study.direction != StudyDirection.MAXIMIZE

    def within(self) -> "Sight":
        """What the pruner saw to which a patient one left the verdict."""
        return replace(self, pruner=cast(BasePruner, cast(PatientPruner, self.pruner)._wrapped_pruner))

    def rank(self, value: float, others: list[float]) -> int:
        """The place of a value among others: 1 is the best."""
        return 1 + sum(other < value if self.minimizes else other > value for other in others)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a verdict, and why the trial is stopped if it is."""

    basis: Basis
    reason: str


def percentile(options: wire.MedianScheduler | wire.PercentileScheduler, sight: Sight) -> Evidence | None:
    """Compare the trial's best value with the median, or a percentile, of the completed trials at this step."""
    scene, points = cast(View, sight.study._storage).scene, sight.own.intermediate_values
    found = standing(options, scene, list(points), list(points.values()))
    return None if found is None else compared(options, found, sight.step, minimizes=sight.minimizes)


def percentile_at_once(
    options: wire.MedianScheduler | wire.PercentileScheduler, scene: Scene, curve: Curve
) -> tuple[bool, Evidence | None]:
    """Whether a curve is to stop, and why: what Optuna's pruner says, without a study and a trial made up for it."""
    found = standing(options, scene, curve.steps, curve.values)
    if found is None:
        return False, None
    minimizes = scene.directions[0] != StudyDirection.MAXIMIZE
    return found.worse, compared(options, found, curve.steps[-1], minimizes=minimizes)


def asha(options: wire.AshaScheduler, sight: Sight) -> Evidence | None:  # noqa: ARG001
    """Compare the trial's value with those of all trials that came to this rung."""
    rule = cast(HalvingRule, sight.pruner)
    return _halving(sight, lambda rung: rule.place(sight.study, rung, sight.value))


def hyperband(options: wire.HyperbandScheduler, sight: Sight) -> Evidence | None:
    """Compare the trial's value with those of all trials of its bracket that came to this rung."""
    pruner = cast(HyperbandPruner, sight.pruner)
    bracket = pruner._create_bracket_study(sight.study, pruner._get_bracket_id(sight.study, sight.own))

    def place(rung: int) -> Place:
        key = f"{RUNG}{rung}"
        there = [one.system_attrs[key] for one in bracket.get_trials(deepcopy=False) if key in one.system_attrs]
        going_on = max(1, len(there) // options.reduction_factor)
        cut = sorted(there, reverse=not sight.minimizes)[going_on - 1]
        return Place(sight.rank(sight.value, there), len(there), going_on, cut)

    return _halving(sight, place)


def threshold(options: wire.ThresholdScheduler, sight: Sight) -> Evidence | None:
    """Compare the trial's value with its bounds."""
    if not decides(options, list(sight.own.intermediate_values)):
        return None
    value = sight.value
    bounds = [bound for bound in (options.lower, options.upper) if bound is not None]
    cut = min(bounds, key=lambda bound: abs(bound - value)) if math.isfinite(value) else bounds[-1]
    basis = Basis(rung=_turn(options, sight.step), step=sight.step, value=value, cut=cut)
    if math.isnan(value):
        return Evidence(basis, f"its value at step {sight.step} is NaN")
    below = options.lower is not None and value < options.lower
    left, right = _told(value, cut)
    side = "below the lower" if below else "above the upper"
    return Evidence(basis, f"{side} bound at step {sight.step}: {left} {'<' if below else '>'} {right}")


def wilcoxon(options: wire.WilcoxonScheduler, sight: Sight) -> Evidence | None:
    """Compare the trial with the best one, on the steps that both have."""
    try:
        leader = sight.study._get_best_trial(deepcopy=False)
    except ValueError:
        return None
    shared = sight.own.intermediate_values.keys() & leader.intermediate_values.keys()
    if len(shared) < max(2, options.startup_steps):
        return None
    value = math.fsum(sight.own.intermediate_values[step] for step in shared) / len(shared)
    cut = math.fsum(leader.intermediate_values[step] for step in shared) / len(shared)
    basis = Basis(rung=len(shared), step=sight.step, value=value, cut=cut, n=len(shared))
    text = f"worse than trial {leader.number} on {len(shared)} shared steps (p < {options.p_threshold:g}): mean "
    return Evidence(basis, text + _compared(value, cut, minimizes=sight.minimizes))


def patient(options: wire.PatientScheduler, sight: Sight) -> Evidence | None:
    """Compare the best value of the last reports with the best before them."""
    values = list(sight.own.intermediate_values.values())
    recent = options.patience + 1
    if len(values) <= recent:
        return None
    margin = options.min_delta if sight.minimizes else -options.min_delta
    before, after = (best(part, minimize=sight.minimizes) for part in (values[:-recent], values[-recent:]))
    basis = Basis(rung=len(values) - recent - 1, step=sight.step, value=after, cut=before + margin)
    text = f"no better than before in its last {recent} reports: "
    return Evidence(basis, text + _compared(after, before, minimizes=sight.minimizes))


def stalled(options: wire.PatientScheduler, sight: Sight) -> bool:
    """Whether the trial has not become better for so long that patience is at its end."""
    found = patient(options, sight)
    if found is None or found.basis.cut is None:
        return False
    return found.basis.cut < found.basis.value if sight.minimizes else found.basis.cut > found.basis.value


def compared(
    options: wire.MedianScheduler | wire.PercentileScheduler, found: Standing, step: int, *, minimizes: bool
) -> Evidence:
    """The numbers behind where a trial stands at a step, and what they say."""
    rung = _turn(options, step)
    basis = Basis(rung=rung, step=step, value=found.value, cut=found.cut, rank=found.rank, n=found.trials)
    if found.cut is None:
        return Evidence(basis, f"it has reported nothing but NaN up to step {step}")
    text = "worse than the median of"
    if isinstance(options, wire.PercentileScheduler):
        text = f"not among the best {options.percentile:g} % of"
    two = _compared(found.value, found.cut, minimizes=minimizes)
    return Evidence(basis, f"its best value so far is {text} {found.trials} trials at step {step}: {two}")


def _halving(sight: Sight, place: Callable[[int], Place]) -> Evidence | None:
    reached = [int(key.removeprefix(RUNG)) for key in sight.written if key.startswith(RUNG)]
    step, value = sight.step, sight.value
    if not reached:
        if not sight.stopped:
            return None
        past = sum(key.startswith(RUNG) for key in sight.own.system_attrs)
        return Evidence(Basis(rung=past, step=step, value=value), f"its value at step {step} is NaN")
    rung = max(reached)
    found = place(rung)
    basis = Basis(rung=rung, step=step, value=value, cut=found.cut, rank=found.rank, n=found.n)
    text = f"number {found.rank} of {found.n} at rung {rung} (step {step}), where the best {found.going_on} go on: "
    return Evidence(basis, text + _compared(value, found.cut, minimizes=sight.minimizes))


def _turn(options: Any, step: int) -> int:
    return int((step - options.warmup_steps) // options.interval_steps)


def _compared(value: float, cut: float, *, minimizes: bool) -> str:
    left, right = _told(value, cut)
    return f"{left} {'>' if minimizes else '<'} {right}"


def _told(value: float, cut: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    for digits in (3, 5, 8, 17):
        left, right = f"{value:.{digits}g}", f"{cut:.{digits}g}"
        if left != right:
            break
    return left, right
