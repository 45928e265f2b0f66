"""A space that was never declared, found in the trials of Optuna: what each parameter was drawn from, and when."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from service.usecases.importing import CannotImport
from service.wire.message import Scalar
from service.wire.space import identity

Json = dict[str, Any]
_ROUNDING = 1e-9
_KINDS = ("categorical", "int", "float")


@dataclass(frozen=True)
class Found:
    """One parameter: the distributions it was drawn from, and all values that it had."""

    name: str
    distributions: Sequence[BaseDistribution]
    values: Sequence[Scalar]


def scalar(value: Any) -> Scalar:
    """A value as a parameter can have it: what is none of them becomes its JSON text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value, default=str)


def parameter(found: Found) -> tuple[Json, list[str]]:
    """The parameter that holds every distribution and value of what was found, and what is to be said of it."""
    kinds = {type(one) for one in found.distributions}
    if kinds == {CategoricalDistribution}:
        return _categorical(found)
    if CategoricalDistribution in kinds:
        raise CannotImport(f"parameter '{found.name}' is a number in some trials and a choice in others")
    return _numeric(found, whole=kinds == {IntDistribution})


def _categorical(found: Found) -> tuple[Json, list[str]]:
    choices: dict[tuple[bool, Scalar], Scalar] = {}
    odd = []
    for distribution in found.distributions:
        assert isinstance(distribution, CategoricalDistribution)
        for one in distribution.choices:
            value = scalar(one)
            choices.setdefault(identity(value), value)
            if value is not one:
                odd.append(one)
    notes = []
    if len(found.distributions) > 1:
        notes.append(f"'{found.name}' had other choices in other trials: all of them together are its choices")
    if odd:
        notes.append(f"'{found.name}' has choices that are no plain values: they are text here ({scalar(odd[0])})")
    return {"type": "categorical", "choices": list(choices.values())}, notes


def _numeric(found: Found, *, whole: bool) -> tuple[Json, list[str]]:
    lows, highs, logs, steps = zip(*map(_range, found.distributions), strict=True)
    values = [value for value in found.values if isinstance(value, int | float)]
    low, high = min([*lows, *values]), max([*highs, *values])
    notes = []
    if len(set(found.distributions)) > 1:
        notes.append(f"'{found.name}' had other ranges in other trials: {low:g} to {high:g} holds all of them")
    elif (low, high) != (lows[0], highs[0]):
        notes.append(f"'{found.name}' had values outside of its range: {low:g} to {high:g} holds them too")
    if low == high:
        return {"type": "categorical", "choices": [low]}, notes
    made: Json = {"type": "int" if whole else "float", "low": low, "high": high}
    if all(logs) and low > 0:
        made["log"] = True
    elif (step := _step(low, high, set(steps), [*lows, *values])) is not None:
        made["step"] = step
    return made, notes


def _range(distribution: BaseDistribution) -> tuple[float, float, bool, float | None]:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    usual = isinstance(distribution, IntDistribution) and distribution.step == 1
    return distribution.low, distribution.high, distribution.log, None if usual else distribution.step


def _step(low: float, high: float, steps: set[float | None], on_it: Sequence[float]) -> float | None:
    """The step that all ranges have, if all of them and all values stand on it."""
    step = next(iter(steps))
    if len(steps) > 1 or step is None or step > high - low:
        return None
    places = [(value - low) / step for value in on_it]
    return step if all(abs(place - round(place)) <= _ROUNDING * max(1.0, abs(place)) for place in places) else None


@dataclass(frozen=True)
class _Condition:
    """A condition on one parameter, and the points that it shuts out."""

    name: str
    test: Any
    without: frozenset[int]


def conditions(points: Sequence[Mapping[str, Scalar]], space: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """When each parameter takes part, and the parameters of which the points do not tell.

    A condition is exact: it holds at all points that have the parameter, and at no other.
    """
    everywhere = frozenset(range(len(points)))
    there = {name: frozenset(place for place in everywhere if name in points[place]) for name in space}
    made: dict[str, Json] = {}
    unexplained: list[str] = []
    for name, own in there.items():
        if own == everywhere:
            continue
        # Only on what takes part wherever this one does, and elsewhere too: so conditions never go in a circle.
        # Choices tell more than numbers: any few trials lie on one side of some number.
        others = sorted(
            (other for other in space if there[other] > own), key=lambda one: _KINDS.index(space[one]["type"])
        )
        found = [one for other in others for one in _tests(other, space[other], points, own, everywhere)]
        chosen = _explained(found, everywhere - own)
        if chosen:
            made[name] = {one.name: one.test for one in chosen}
        else:
            unexplained.append(name)
    return made, unexplained


def _explained(found: Sequence[_Condition], without: frozenset[int]) -> Sequence[_Condition]:
    """The first condition that shuts out what has to be shut out, or the first two that do so together."""
    for one in found:
        if one.without == without:
            return [one]
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            if other.name != one.name and one.without | other.without == without:
                return [one, other]
    return []


def _tests(
    name: str,
    parameter: Json,
    points: Sequence[Mapping[str, Scalar]],
    own: frozenset[int],
    everywhere: frozenset[int],
) -> Iterator[_Condition]:
    """The tightest conditions on a parameter that hold at all points of `own`."""
    values: list[Any] = [points[place][name] for place in own]
    absent = frozenset(place for place in everywhere if name not in points[place])
    rest = everywhere - own - absent
    if parameter["type"] == "categorical":
        wanted = {identity(value) for value in values}
        listed = [choice for choice in parameter["choices"] if identity(choice) in wanted]
        out = frozenset(place for place in rest if identity(points[place][name]) not in wanted)
        yield _Condition(name, listed[0] if len(listed) == 1 else listed, absent | out)
        return
    low, high = min(values), max(values)
    below = frozenset(place for place in rest if points[place][name] < low)
    above = frozenset(place for place in rest if points[place][name] > high)
    yield _Condition(name, {"min": low}, absent | below)
    yield _Condition(name, {"max": high}, absent | above)
    if parameter["type"] == "int":
        yield _Condition(name, {"min": low, "max": high}, absent | below | above)
