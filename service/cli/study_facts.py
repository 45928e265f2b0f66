"""A study in words: its objective, budget and parameters, as `basin study show` has them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from service.cli.screen import Cell
from service.words import ago, clean, duration, moment, number, plural, scalar

DONE = ("completed", "pruned", "failed", "infeasible", "cancelled")
_BAR = 24
_LIMITS: Mapping[str, Callable[[Any], str]] = {
    "max_trials": lambda value: plural(value, "trial"),
    "max_completed": lambda value: f"{value:,} completed",
    "max_running": lambda value: f"{value:,} at a time",
    "wall_time": lambda value: f"{duration(float(value))} from its creation",
    "gpu_hours": lambda value: f"{number(value)} GPU hours",
    "no_gain": lambda value: _no_gain(value),
}
LIMITS = tuple(_LIMITS)
"""What a budget can limit."""


def facts(study: Mapping[str, Any], now: datetime) -> Iterator[tuple[Cell, str]]:
    """What there is to say of a study, each with its name."""
    definition = study["definition"]
    if study.get("reason"):
        yield Cell("why", "dim"), f"{study['state']}: {clean(study['reason'])}"
    for objective in definition["objectives"]:
        yield Cell("objective", "dim"), _objective(objective)
    yield Cell("trials", "dim"), _trials(study)
    yield Cell("budget", "dim"), _budget(definition.get("budget", {}))
    yield Cell("sampler", "dim"), _typed(definition.get("sampler", {}))
    yield Cell("scheduler", "dim"), _typed(definition.get("scheduler", {}))
    yield Cell("stopping", "dim"), _stopping(definition.get("stopping", {}))
    if definition.get("trainer"):
        yield Cell("trainer", "dim"), str(definition["trainer"]["name"])
    if study.get("data_fingerprint"):
        yield Cell("data", "dim"), f"fingerprint {study['data_fingerprint'][:16]}…"
    if definition.get("tags"):
        yield Cell("tags", "dim"), ", ".join(definition["tags"])
    if definition.get("priority"):
        yield Cell("priority", "dim"), str(definition["priority"])
    yield Cell("created", "dim"), ago(moment(study["created_at"]), now)
    yield Cell("changed", "dim"), f"{ago(moment(study['updated_at']), now)}, revision {study['revision']}"


def _objective(objective: Mapping[str, Any]) -> str:
    reading = {"best": ", best of the curve", "mean_last": f", mean of the last {objective.get('last_k', 1)}"}
    target = f", target {number(objective['target'])}" if objective.get("target") is not None else ""
    return f"{objective['direction']} {objective['metric']}{reading.get(objective.get('value', 'last'), '')}{target}"


def _trials(study: Mapping[str, Any]) -> str:
    counts = {name: count for name, count in study["trials"].items() if count}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none yet"
    most = study["definition"].get("budget", {}).get("max_trials")
    if not most:
        return parts
    done = sum(counts.get(name, 0) for name in DONE)
    filled = min(_BAR, done * _BAR // most)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {done:,} of {most:,}: {parts}"


def _budget(budget: Mapping[str, Any]) -> str:
    parts = [write(budget[name]) for name, write in _LIMITS.items() if budget.get(name) is not None]
    return ", ".join(parts) or "no limits"


def _no_gain(rule: Mapping[str, Any]) -> str:
    least = rule.get("min_gain")
    return f"{plural(rule['trials'], 'trial')} without a gain{f' of more than {number(least)}' if least else ''}"


def _stopping(rules: Mapping[str, Any]) -> str:
    """The rules that stop single trials, those that are set."""
    written = [f"nan: {rules.get('nan', 'stop')}"]
    for name in ("divergence", "target", "patience"):
        options = {key: value for key, value in (rules.get(name) or {}).items() if value is not None}
        if options:
            written.append(f"{name} ({', '.join(f'{key} {scalar(value)}' for key, value in options.items())})")
    return ", ".join(written)


def _typed(chosen: Mapping[str, Any]) -> str:
    options = {name: value for name, value in chosen.items() if name != "type" and value is not None}
    written = ", ".join(f"{name} {_option(value)}" for name, value in options.items())
    return f"{chosen.get('type', 'auto')}{f' ({written})' if written else ''}"


def _option(value: Any) -> str:
    return _typed(value) if isinstance(value, Mapping) else scalar(value)


def space(definition: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """The parameters: name, type, values, and when they take part."""
    for name, parameter in definition["space"].items():
        conditions = (parameter.get("when") or {}).items()
        when = ", ".join(f"{other} {_condition(test)}" for other, test in conditions)
        yield name, parameter["type"], _values(parameter), when


def _condition(test: Any) -> str:
    if isinstance(test, Mapping):
        least, most = test.get("min"), test.get("max")
        return " and ".join(
            [
                *([f">= {number(least)}"] if least is not None else []),
                *([f"<= {number(most)}"] if most is not None else []),
            ]
        )
    return f"in {', '.join(map(scalar, test))}" if isinstance(test, list) else f"= {scalar(test)}"


def _values(parameter: Mapping[str, Any]) -> str:
    if parameter["type"] in {"float", "int"}:
        step = parameter.get("step")
        stepped = f" by {number(step)}" if step and (step != 1 or parameter["type"] == "float") else ""
        log = ", log" if parameter.get("log") else ""
        return f"{number(parameter['low'])} to {number(parameter['high'])}{stepped}{log}"
    if parameter["type"] == "derived":
        return str(parameter["expression"])
    if parameter["type"] == "constant":
        return scalar(parameter["value"])
    return ", ".join(map(scalar, parameter.get("choices") or parameter.get("values") or ()))
