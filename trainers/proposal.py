"""The space that a trainer proposes to a study: which of its dimensions are searched, and under what conditions."""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from trainers.space import Dimension, Scalar


def arranged(
    dimensions: Iterable[Dimension], *, defaults: Mapping[str, Scalar], searched: Container[str]
) -> tuple[Dimension, ...]:
    """A trainer's own defaults, and which of the dimensions it proposes to search. Each dimension is there once."""
    known = {one.name: one for one in dimensions}
    if missing := set(defaults) - set(known):
        raise KeyError(f"defaults for what is no dimension: {', '.join(sorted(missing))}")
    return tuple(
        replace(one, default=defaults.get(one.name, one.default), searched=one.name in searched)
        for one in known.values()
    )


def entries(dimensions: Iterable[Dimension]) -> dict[str, dict[str, Any]]:
    """The space as a study has it: what is searched, under those conditions that are about what is searched.

    A dimension is left out whose condition does not hold of what nothing else in the space can change.
    """
    known = {one.name: one for one in dimensions}
    found: dict[str, dict[str, Any]] = {}
    for one in known.values():
        when = one.entry.get("when", {})
        fixed = {name: test for name, test in when.items() if not known[name].searched}
        if one.searched and all(holds(test, known[name].default) for name, test in fixed.items()):
            kept = {name: test for name, test in when.items() if name not in fixed}
            plain = {field: value for field, value in one.entry.items() if field != "when"}
            found[one.name] = {**plain, **({"when": kept} if kept else {})}
    return found


def holds(test: Any, value: Scalar) -> bool:
    """Whether a value is as a condition wants it: a value, one of several, or within a range."""
    if isinstance(test, Mapping):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return bool(number and test.get("min", value) <= value <= test.get("max", value))
    wanted: Iterable[Any] = test if isinstance(test, list | tuple) else [test]
    return any(one == value and isinstance(one, bool) == isinstance(value, bool) for one in wanted)


def ranged(dimension: Dimension) -> str:
    """What a study searches of a dimension, in few words."""
    entry = dimension.entry
    if "low" in entry:
        return f"{entry['low']:g}..{entry['high']:g}{' log' if entry.get('log') else ''}"
    return "/".join(str(one) for one in [*entry.get("choices", ()), *entry.get("values", ())])


def as_yaml(trainer: str, dimensions: Iterable[Dimension]) -> str:
    """The space as lines of a study file, each with what it is; below it what a study may fix or search besides."""
    every = {one.name: one for one in dimensions}
    space = entries(every.values())
    lines = ["space:", *(f"  {name}: {_flow(entry)}  # {_said(every[name])}" for name, entry in space.items())]
    lines += [
        f"trainer: {{name: {trainer}}}",
        "# What is not searched has the value here unless settings say otherwise,",
    ]
    lines += [f"# such as trainer: {{name: {trainer}, settings: {{epochs: 40}}}}:"]
    lines += [
        f"#   {one.name}: {_flow(one.default)}  # {one.summary}" for one in every.values() if one.name not in space
    ]
    return "\n".join(lines) + "\n"


def _said(dimension: Dimension) -> str:
    return f"{dimension.summary}; by default {_flow(dimension.default)}"


def _flow(value: Any) -> str:
    """A value as YAML has it on one line."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{name}: {_flow(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case float():
            text = f"{value:.6g}"
            # Readers of YAML take 1e-05 for a text.
            return text if "e" not in text or "." in text else text.replace("e", ".0e")
        case str():
            return value if value.replace("_", "").replace("-", "").isalpha() and value != "none" else json.dumps(value)
        case _:
            return json.dumps(value)
