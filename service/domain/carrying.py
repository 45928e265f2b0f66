"""How a point of one space becomes a point of another: as it is, bent until it fits, or not at all."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import cast

from service.domain.space import Values, fit, takes_part, worked_out
from service.wire.message import Scalar
from service.wire.relations import order
from service.wire.space import (
    AnyParameter,
    CategoricalParameter,
    ConstantParameter,
    DerivedParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    identity,
    same,
)

Key = frozenset[tuple[str, tuple[bool, Scalar]]]
"""What two points have in common that are the same."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A point as it is in its new space, and the parameters in which it is another one than it was."""

    params: dict[str, Scalar]
    clipped: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What two points have in common that are the same."""
        return point_key(self.params)


class Misfit(Exception):
    """A point that has no place in the other space; its message says why, the same for all points alike."""


def point_key(params: Values) -> Key:
    """What two points have in common that are the same."""
    return frozenset((name, identity(value)) for name, value in params.items())


def exact(space: Mapping[str, AnyParameter], known: Values, searched: Collection[str]) -> Carried:
    """The point as it is; Misfit unless every parameter of either space has its place and value in the other.

    `known` are all values that its trainer was given, `searched` the names of those that were searched.
    """
    point, seen = _walk(space, known, _as_it_is)
    for name, value in known.items():
        parameter = space.get(name)
        if isinstance(parameter, ConstantParameter) and name in seen and not same(value, parameter.value):
            raise Misfit(f"'{name}' has another value here")
    for name in searched:
        if name not in point and not isinstance(space.get(name), ConstantParameter):
            raise Misfit(f"'{name}' {'takes no part' if name in space else 'is no parameter'} here")
    return Carried(point)


def bent(space: Mapping[str, AnyParameter], known: Values) -> Carried:
    """The point with its numbers clipped to their ranges and the middle of those that it lacks.

    Misfit if it has a value that is none of a parameter's choices. What the space does not have is dropped.
    """
    clipped: list[str] = []
    filled: list[str] = []

    def bend(name: str, parameter: AnyParameter, given: Values) -> Scalar:
        if name not in given:
            filled.append(name)
            return middle(parameter)
        value, wrong = fit(parameter, given[name])
        if wrong is not None:
            value = _clip(name, parameter, given[name])
            clipped.append(name)
        return value

    point, _ = _walk(space, known, bend)
    return Carried(point, tuple(clipped), tuple(filled))


def middle(parameter: AnyParameter) -> Scalar:
    """The value in the middle of a range, on the scale on which it is searched; the first of choices without order."""
    match parameter:
        case FloatParameter() | IntParameter():
            low, high = parameter.low, parameter.high
            return _near(
                parameter, math.exp((math.log(low) + math.log(high)) / 2) if parameter.log else low / 2 + high / 2
            )
        case OrdinalParameter():
            return parameter.values[len(parameter.values) // 2]
        case CategoricalParameter():
            return parameter.choices[0]
        case ConstantParameter() | DerivedParameter():
            raise TypeError(f"a {parameter.type} parameter is not searched")


def _walk(
    space: Mapping[str, AnyParameter], known: Values, value: Callable[[str, AnyParameter, Values], Scalar]
) -> tuple[dict[str, Scalar], dict[str, Scalar]]:
    """Go through a space behind what its conditions hang on; answers the point, and all values with the point."""
    point: dict[str, Scalar] = {}
    seen: dict[str, Scalar] = {}
    for name in order(space):
        parameter = space[name]
        if isinstance(parameter, ConstantParameter | DerivedParameter):
            seen.update(worked_out(name, parameter, seen))
        elif takes_part(parameter, seen):
            point[name] = seen[name] = value(name, parameter, known)
    return {name: point[name] for name in space if name in point}, seen


def _as_it_is(name: str, parameter: AnyParameter, known: Values) -> Scalar:
    if name not in known:
        raise Misfit(f"has no '{name}'")
    value, wrong = fit(parameter, known[name])
    if wrong is not None:
        raise Misfit(f"'{name}' has a value that it cannot have here")
    return value


def _clip(name: str, parameter: AnyParameter, value: Scalar) -> Scalar:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if number and isinstance(parameter, FloatParameter | IntParameter):
        return _near(parameter, cast(float, value))
    raise Misfit(f"'{name}' has a value that it cannot have here")


def _near(parameter: FloatParameter | IntParameter, value: float) -> Scalar:
    """The value of a range that is nearest to a number."""
    inside = min(max(value, parameter.low), parameter.high)
    if parameter.step is None:
        return float(inside)
    last = math.floor((parameter.high - parameter.low) / parameter.step + 1e-9)
    near = parameter.low + min(round((inside - parameter.low) / parameter.step), last) * parameter.step
    return int(near) if isinstance(parameter, IntParameter) else float(min(near, parameter.high))
