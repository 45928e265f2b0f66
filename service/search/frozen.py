"""Frozen trials: our trials as Optuna knows them, each converted once and kept until it changes.

| ours | Optuna's | because |
|---|---|---|
| queued, running | RUNNING | they have been suggested: samplers keep away from their neighbourhood |
| paused | RUNNING; PRUNED where the history has its curve | something was learned, and it may never go on |
| completed | COMPLETE | |
| pruned | PRUNED | TPE learns from how far it came; GP, CMA-ES and NSGA leave it out |
| failed, cancelled | FAIL | nothing was learned about the point |
| infeasible | COMPLETE, a constraint above 0, the worst values there are | see `docs/samplers.md` |

An infeasible trial (out of memory, NaN) has no values. TPE sorts it by its constraint and never reads them. A Gaussian
process gets a second model for the constraint, and clips infinite values to the worst finite ones. NSGA ranks it behind
all that are feasible. CMA-ES knows no constraints but only compares, so that an infinite value is simply the worst.
The constraint is 1, and -1 where all went well. A trainer that tells how far from the border of stability a trial was
(`health.violation`) is believed: the models then learn where that border is before many trials have crossed it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.domain import trial as domain
from service.domain.health import VIOLATION
from service.search.distributions import Layout
from service.usecases.engine import Curve
from service.wire import trial as wire

STATES: Mapping[wire.TrialState, TrialState] = {
    "queued": TrialState.RUNNING,
    "running": TrialState.RUNNING,
    "paused": TrialState.RUNNING,
    "completed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "cancelled": TrialState.FAIL,
    "infeasible": TrialState.COMPLETE,
}
FEASIBILITY = "constraints:feasibility"
VIOLATED, HELD = 1.0, -1.0
RELATIVE = ("tpe:relative_params:", "gp:relative_params:")

# Shared by all trials that have none: nobody writes to a trial that was handed out.
_NOTHING: dict[str, Any] = {}
_NO_CURVE: dict[int, float] = {}
_HELD: dict[str, Any] = {FEASIBILITY: HELD}


@dataclass(frozen=True, slots=True)
class Look:
    """How trials are shown. A sampler and a pruner of one study may need to see them differently.

    `columns`: what completed trials had at each step is kept ready, for pruners that compare by it.
    `readable`: the curves are of the only objective. Else a pruned trial shows how far it came and no value.
    `feasibility`: once a trial is infeasible, all others say that they are not (a Gaussian process demands it).
    """

    metrics: tuple[str, ...]
    directions: tuple[StudyDirection, ...]
    columns: bool
    readable: bool
    feasibility: bool

    @property
    def worst(self) -> list[float]:
        """Values that no other beats to the bottom."""
        return [math.inf if direction == StudyDirection.MINIMIZE else -math.inf for direction in self.directions]

    def values(self, state: wire.TrialState, values: Mapping[str, float] | None) -> list[float] | None:
        """The values in the order of the objectives, if the trial has what Optuna asks of a complete one."""
        if state == "infeasible":
            return self.worst
        if state != "completed" or values is None:
            return None
        found = [values.get(metric, math.nan) for metric in self.metrics]
        return None if any(map(math.isnan, found)) else found


class Frozen(FrozenTrial):
    """A frozen trial, and the row that a sampler works out of it and need not work out again."""

    __slots__ = ("row",)

    row: bytes | None


class Freezer:
    """Makes frozen trials of one study. What is the same in many of them is there once."""

    def __init__(self, layout: Layout, look: Look) -> None:
        self.layout = layout
        self.look = look

    def freeze(self, trial: domain.Trial, curve: Curve | None, *, marked: bool) -> FrozenTrial:
        """A trial as Optuna knows it. `marked`: somewhere in the study is an infeasible one."""
        state = STATES[trial.state]
        if trial.state == "paused" and curve:
            state = TrialState.PRUNED
        values = self.look.values(trial.state, trial.values)
        if state is TrialState.COMPLETE and values is None:
            state = TrialState.FAIL
        params = self.layout.inward(trial.params)
        return frozen(
            trial.number,
            state,
            values=values,
            params=params,
            distributions=self.layout.shape(params),
            system=self._system(trial, state, marked),
            curve=self._curve(state, curve),
        )

    def _system(self, trial: domain.Trial, state: TrialState, marked: bool) -> dict[str, Any]:
        system = trial.system if isinstance(trial.system, dict) else dict(trial.system)
        if state.is_finished() and any(key.startswith(RELATIVE) for key in system):
            system = {key: value for key, value in system.items() if not key.startswith(RELATIVE)}
        if trial.state == "infeasible":
            return {**system, FEASIBILITY: _violation(trial)}
        if marked and self.look.feasibility and state is TrialState.COMPLETE:
            return {**system, FEASIBILITY: min(system.get(VIOLATION, HELD), 0.0)} if system else _HELD
        return system or _NOTHING

    def _curve(self, state: TrialState, curve: Curve | None) -> dict[int, float]:
        # Samplers read the last point of pruned trials, and nobody any other: what pruners compare is in columns.
        if not curve or state is not TrialState.PRUNED:
            return _NO_CURVE
        return {curve.steps[-1]: curve.values[-1] if self.look.readable else math.nan}


def _violation(trial: domain.Trial) -> float:
    """By how much a trial could not be trained: the trainer tells where it diverged, and nobody else knows."""
    told: float = trial.system.get(VIOLATION, 0.0)
    diverged = trial.failure is not None and trial.failure.failure_class == "nan"
    return told if diverged and told > 0 else VIOLATED


def frozen(
    number: int,
    state: TrialState,
    *,
    values: list[float] | None = None,
    params: dict[str, Any] | None = None,
    distributions: dict[str, BaseDistribution] | None = None,
    system: dict[str, Any] | None = None,
    curve: dict[int, float] | None = None,
) -> FrozenTrial:
    """A trial in Optuna's form. It has no times, which no sampler or pruner reads, and its id is its number."""
    trial = Frozen(
        number=number,
        trial_id=number,
        state=state,
        value=None,
        values=values,
        datetime_start=None,
        datetime_complete=None,
        params={} if params is None else params,
        distributions={} if distributions is None else distributions,
        user_attrs=_NOTHING,
        system_attrs={} if system is None else system,
        intermediate_values={} if curve is None else curve,
    )
    trial.row = None
    return trial
