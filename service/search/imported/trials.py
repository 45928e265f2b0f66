"""Trials of Optuna as trials of ours: states, values, curves, constraints and what users attached."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from pydantic import TypeAdapter, ValidationError

from service.domain.space import check
from service.search.imported.spaces import scalar
from service.usecases.importing import Arrival, Running
from service.wire.message import MAX_POINTS, Attrs, Scalar
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial

Json = dict[str, Any]
FROM = "optuna"
"""Where a trial keeps, among its attributes, which study and number it has in Optuna's database."""

_ATTRS = TypeAdapter(Attrs)
# Optuna keeps these among its own attributes of a trial.
_FIXED = "fixed_params"
_REASON = "fail_reason"
_LONGEST_REASON = 2_000
_LONGEST_NAME = 64
_MISSING = "is missing"


@dataclass
class Intake:
    """Takes the trials of one study, and counts what it cannot take."""

    study: str
    definition: StudyDefinition
    names: Mapping[str, str]
    running: Running
    fill: Mapping[str, Scalar]
    left_out: Counter[str] = field(default_factory=Counter)
    short: Counter[str] = field(default_factory=Counter)
    """How many trials came with less than all of what they had, by what was left behind."""

    def take(self, trial: FrozenTrial) -> Arrival | None:
        """The trial as ours, or None where it has no place."""
        if trial.state == TrialState.RUNNING and self.running == "leave-out":
            self.left_out["running"] += 1
            return None
        params, errors = check(self.definition.space, point(trial, self.names, self.fill))
        if errors:
            word = trial.state.name.lower()
            name, message = errors[0].field.removeprefix("params."), errors[0].message
            why = f"has no '{name}'" if message == _MISSING else f"'{name}' {message}"
            self.left_out[f"{word}: {why}"] += 1
            return None
        told = {"params": params, "attrs": self._attrs(trial), "request_id": self._request_id(trial.number)}
        return Arrival(number=trial.number, trial=NewTrial.model_validate(told | self._ended(trial)))

    def _request_id(self, number: int) -> str:
        """The same whenever the trial is sent, so that it is added once."""
        name = self.study
        if len(name) > _LONGEST_NAME or not name.isprintable():
            name = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_LONGEST_NAME]
        return f"{FROM}:{name}:{number}"

    def _ended(self, trial: FrozenTrial) -> Json:
        """How the trial ended, and with what."""
        metrics = [objective.metric for objective in self.definition.objectives]
        points = self._points(trial, metrics[0])
        match trial.state:
            case TrialState.COMPLETE:
                violated = any(value > 0 for value in trial.constraints.values())
                values = dict(zip(metrics, trial.values or (), strict=True))
                return {"state": "infeasible" if violated else "completed", "values": values, "points": points}
            case TrialState.PRUNED:
                return {"state": "pruned", "points": points}
            case TrialState.FAIL:
                reason = str(trial.system_attrs.get(_REASON) or "failed in Optuna")[:_LONGEST_REASON]
                failure = {"class": "nan" if "nan" in reason.lower().split() else "crash", "message": reason}
                return {"state": "failed", "failure": failure, "points": points}
            case TrialState.RUNNING if self.running == "failed":
                failure = {"class": "infra", "message": "was running in Optuna when it was imported"}
                return {"state": "failed", "failure": failure, "points": points}
            case _:
                return {"state": "queued"}

    def _points(self, trial: FrozenTrial, metric: str) -> list[Json]:
        steps = sorted(trial.intermediate_values)
        if len(steps) > MAX_POINTS:
            self.short[f"curves of more than {MAX_POINTS:,} points were thinned evenly"] += 1
            last = len(steps) - 1
            steps = [steps[round(place * last / (MAX_POINTS - 1))] for place in range(MAX_POINTS)]
        return [{"step": step, "metrics": {metric: trial.intermediate_values[step]}} for step in steps]

    def _attrs(self, trial: FrozenTrial) -> Json:
        """What users attached, with where the trial comes from."""
        own: Json = {"study": self.study, "number": trial.number}
        if trial.constraints:
            own["constraints"] = dict(trial.constraints)
        for name, moment in (("started", trial.datetime_start), ("finished", trial.datetime_complete)):
            if moment is not None:
                own[name] = moment.isoformat()
        given = {f"user.{name}" if name == FROM else name: value for name, value in trial.user_attrs.items()}
        fitting = {name: value for name, value in given.items() if _fits({name: value})}
        if fitting and not _fits({**fitting, FROM: own}):
            fitting = {}
        if len(fitting) < len(given):
            self.short["user attributes that are too large, or nested too deeply, were left out"] += 1
        return {**fitting, FROM: own}


def point(trial: FrozenTrial, names: Mapping[str, str], fill: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The parameters of a trial under their names here; those of a waiting one are what it was enqueued with."""
    given = trial.params or trial.system_attrs.get(_FIXED) or {}
    return {**fill, **{names.get(name, name): scalar(value) for name, value in given.items()}}


def usable(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that tell which parameters take part together: those that came to their end, or all if none did."""
    ended = [trial for trial in trials if trial.state in {TrialState.COMPLETE, TrialState.PRUNED}]
    return ended or [trial for trial in trials if trial.params]


def _fits(attrs: Json) -> bool:
    try:
        _ATTRS.validate_python(attrs)
    except ValidationError:
        return False
    return True
