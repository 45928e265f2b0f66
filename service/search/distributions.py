"""Distributions: our search space in Optuna's terms, and values of the one in the form of the other."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from service.domain.space import fit, resolve, takes_part
from service.search.quiet import hush
from service.wire.expression import read
from service.wire.message import Scalar
from service.wire.relations import order
from service.wire.space import (
    SEARCHED,
    AnyParameter,
    CategoricalParameter,
    DerivedParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    identity,
)

_ROUNDING = 1e-9

Searched = FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter


class Dimension:
    """One parameter that is searched, with its distribution.

    Optuna is shown the index of a choice instead of the choice: it takes `1` and `True` for one value, we do not.
    """

    __slots__ = ("_indices", "distribution", "name", "parameter")

    def __init__(self, name: str, parameter: Searched) -> None:
        self.name = name
        self.parameter = parameter
        self.distribution = _distribution(parameter)
        self._indices = {identity(value): index for index, value in enumerate(choices(parameter))}

    def inward(self, value: Scalar) -> Any:
        """A value of ours as Optuna knows it; KeyError if the parameter has no such value."""
        return self._indices[identity(value)] if self._indices else value

    def outward(self, value: Any) -> Scalar:
        """A value of Optuna's as we know it, brought back to the next one there is where rounding led it astray."""
        match self.parameter:
            case CategoricalParameter() | OrdinalParameter():
                return choices(self.parameter)[int(value)]
            case IntParameter() as parameter:
                index = (int(value) - parameter.low) // parameter.step
                return parameter.low + min(max(index, 0), _last(parameter)) * parameter.step
            case FloatParameter() as parameter:
                known, wrong = fit(parameter, float(value))
                return known if wrong is None else _nearest(parameter, float(value))

    def place(self, value: Scalar) -> Any:
        """What two values of a discrete parameter have in common that are the same point of it."""
        if isinstance(self.parameter, FloatParameter) and self.parameter.step is not None:
            return round((cast(float, value) - self.parameter.low) / self.parameter.step)
        return self.inward(value)

    def count(self) -> int | None:
        """How many values there are; None if the range is continuous."""
        match self.parameter:
            case CategoricalParameter() | OrdinalParameter():
                return len(self._indices)
            case FloatParameter(step=None):
                return None
            case FloatParameter() | IntParameter() as parameter:
                return _last(parameter) + 1

    def candidates(self) -> Iterator[Any]:
        """All values of a discrete parameter, as Optuna knows them."""
        match self.parameter:
            case CategoricalParameter() | OrdinalParameter():
                yield from range(len(self._indices))
            case IntParameter() as parameter:
                yield from range(parameter.low, parameter.high + 1, parameter.step)
            case FloatParameter() as parameter:
                yield from (float(_step(parameter, index)) for index in range(_last(parameter) + 1))


@dataclass(frozen=True, slots=True)
class _Worked:
    """A constant or derived parameter on which conditions hang, with all that may be needed to work it out."""

    name: str
    space: Mapping[str, AnyParameter]


class Layout:
    """A space as it is walked through when a point of it is made: each parameter behind those it depends on."""

    def __init__(self, space: Mapping[str, AnyParameter]) -> None:
        hush()
        self.space = space
        names = order(space)
        self.dimensions: dict[str, Dimension] = {
            name: Dimension(name, parameter) for name in names if isinstance(parameter := space[name], SEARCHED)
        }
        self.deciding = _deciding(space)
        self._steps: tuple[Dimension | _Worked, ...] = tuple(
            self.dimensions[name]
            if name in self.dimensions
            else _Worked(name, {one: space[one] for one in names[: place + 1]})
            for place, name in enumerate(names)
            if name in self.dimensions or name in self.deciding
        )
        self._shapes: dict[tuple[str, ...], dict[str, BaseDistribution]] = {}

    @property
    def conditional(self) -> bool:
        """Whether there are parameters that do not take part at every point."""
        return any(dimension.parameter.when for dimension in self.dimensions.values())

    def all_known(self, params: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        """The values given, with the constants and derived ones where conditions hang on them."""
        return params if self.deciding <= self.dimensions.keys() else resolve(self.space, params)

    def walk(self, draw: Callable[[Dimension], Scalar]) -> dict[str, Scalar]:
        """Make a point: draw each parameter that takes part, given what has been drawn before it."""
        known: dict[str, Scalar] = {}
        for step in self._steps:
            if isinstance(step, _Worked):
                known.update(resolve(step.space, known))
            elif takes_part(step.parameter, known):
                known[step.name] = draw(step)
        return {name: known[name] for name in self.space if name in self.dimensions and name in known}

    def inward(self, params: Mapping[str, Scalar]) -> dict[str, Any]:
        """A point as Optuna knows it, in the order of the walk. A value that the space does not have is left out."""
        return {
            name: inner
            for name, dimension in self.dimensions.items()
            if name in params and (inner := _inward(dimension, params[name])) is not None
        }

    def shape(self, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """The distributions of a point's parameters: one mapping for all points that have the same ones."""
        names = tuple(params)
        if names not in self._shapes:
            self._shapes[names] = {name: self.dimensions[name].distribution for name in names}
        return self._shapes[names]


def _deciding(space: Mapping[str, AnyParameter]) -> frozenset[str]:
    """The parameters on which conditions hang, with those from which such are derived."""
    found: set[str] = set()
    coming = {name for parameter in space.values() for name in parameter.when or ()}
    while coming:
        found |= coming
        derived = [parameter for name in coming if isinstance(parameter := space[name], DerivedParameter)]
        coming = {name for parameter in derived for name in read(parameter.expression).names} - found
    return frozenset(found)


def choices(parameter: Searched) -> tuple[Scalar, ...]:
    """The values of a categorical or ordinal parameter; others have none."""
    match parameter:
        case CategoricalParameter():
            return parameter.choices
        case OrdinalParameter():
            return parameter.values
        case _:
            return ()


def _distribution(parameter: Searched) -> BaseDistribution:
    match parameter:
        case FloatParameter(step=None):
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        case FloatParameter():
            return _stepwise(parameter)
        case IntParameter():
            high = parameter.low + _last(parameter) * parameter.step
            return IntDistribution(parameter.low, high, log=parameter.log, step=parameter.step)
        case CategoricalParameter():
            return CategoricalDistribution(tuple(range(len(parameter.choices))))
        case OrdinalParameter():
            return IntDistribution(0, len(parameter.values) - 1)


def _last(parameter: FloatParameter | IntParameter) -> int:
    """The index of the last step of a range."""
    if isinstance(parameter, IntParameter):
        return (parameter.high - parameter.low) // parameter.step
    steps = (parameter.high - parameter.low) / cast(float, parameter.step)
    # 0.7 is seven times 0.1, whatever floating point makes of it; `fit` allows for as much.
    return round(steps) if abs(steps - round(steps)) <= _ROUNDING * max(1.0, steps) else int(steps)


def _step(parameter: FloatParameter, index: int) -> Decimal:
    """A step of a range. In decimals, as people write them: the third step of 0.1 is 0.3, not 0.30000000000000004."""
    return Decimal(str(parameter.low)) + index * Decimal(str(parameter.step))


def _stepwise(parameter: FloatParameter) -> FloatDistribution:
    last = _step(parameter, _last(parameter))
    # Optuna counts steps in decimals too, and would lose the last one to a bound that was rounded down.
    high = float(last) if Decimal(str(float(last))) >= last else math.nextafter(float(last), math.inf)
    return FloatDistribution(parameter.low, high, step=parameter.step)


def _nearest(parameter: FloatParameter, value: float) -> float:
    if parameter.step is None:
        return min(max(value, parameter.low), parameter.high)
    index = min(max(round((value - parameter.low) / parameter.step), 0), _last(parameter))
    return min(float(_step(parameter, index)), parameter.high)


def _inward(dimension: Dimension, value: Scalar) -> Any:
    try:
        return dimension.inward(value)
    except KeyError:
        return None
