"""A point of a search space to try a trainer with: its middle, or one drawn by a seed. The server is not needed."""

import math
import random
from collections.abc import Mapping

from service.wire import relations
from service.wire.expression import ExpressionError, read
from service.wire.message import Scalar
from service.wire.space import (
    AnyParameter,
    CategoricalParameter,
    ConstantParameter,
    DerivedParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Range,
    Test,
    same,
)
from worker.problems import WorkerProblem


def point(space: Mapping[str, AnyParameter], given: Mapping[str, Scalar], seed: int | None = None) -> dict[str, Scalar]:
    """All values that a trainer is given: those that are `given` stand, the others are the middle or drawn."""
    if unknown := sorted(given.keys() - space.keys()):
        raise WorkerProblem(f"--param {unknown[0]}: the study has no such parameter (it has {', '.join(space)})")
    drawn = None if seed is None else random.Random(seed)
    found: dict[str, Scalar] = {}
    for name in relations.order(space):
        parameter = space[name]
        unmade = isinstance(parameter, DerivedParameter) and not read(parameter.expression).names <= found.keys()
        if not unmade and all(_holds(test, found, other) for other, test in (parameter.when or {}).items()):
            found[name] = given[name] if name in given else _value(name, parameter, found, drawn)
    return {name: found[name] for name in space if name in found}


def _holds(test: Test, known: Mapping[str, Scalar], name: str) -> bool:
    if name not in known:
        return False
    value = known[name]
    if isinstance(test, Range):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (test.min is None or value >= test.min) and (test.max is None or value <= test.max)
    return any(same(value, one) for one in (test if isinstance(test, list) else [test]))


def _value(name: str, parameter: AnyParameter, known: Mapping[str, Scalar], drawn: random.Random | None) -> Scalar:
    place = 0.5 if drawn is None else drawn.random()
    match parameter:
        case ConstantParameter():
            return parameter.value
        case DerivedParameter():
            try:
                return read(parameter.expression).value(known)
            except ExpressionError as error:
                raise WorkerProblem(f"space.{name}: {error}") from None
        case CategoricalParameter():
            return parameter.choices[0] if drawn is None else drawn.choice(parameter.choices)
        case OrdinalParameter():
            return parameter.values[min(int(place * len(parameter.values)), len(parameter.values) - 1)]
        case IntParameter():
            return _int(parameter, place)
        case FloatParameter():
            return _float(parameter, place)


def _float(parameter: FloatParameter, place: float) -> float:
    low, high = parameter.low, parameter.high
    if parameter.log:
        return math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
    if parameter.step is not None:
        return low + parameter.step * int(place * (math.floor((high - low) / parameter.step) + 1))
    return low + place * (high - low)


def _int(parameter: IntParameter, place: float) -> int:
    low, high = parameter.low, parameter.high
    if parameter.log:
        return min(high, max(low, round(math.exp(math.log(low) + place * (math.log(high) - math.log(low))))))
    return low + parameter.step * int(place * ((high - low) // parameter.step + 1))
