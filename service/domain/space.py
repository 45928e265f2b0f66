"""What a point of a search space is: which parameters take part in it, and whether its values lie in their ranges."""

import math
from collections.abc import Iterator, Mapping

from service.wire.expression import ExpressionError, read
from service.wire.message import Scalar, listed, shown
from service.wire.problem import FieldError
from service.wire.relations import order
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

Values = Mapping[str, Scalar]
_ROUNDING = 1e-9


def check(space: Mapping[str, AnyParameter], params: Values) -> tuple[dict[str, Scalar], list[FieldError]]:
    """Bring values into the form of their parameters; say each that is unknown, missing, uncalled for or outside."""
    point: dict[str, Scalar] = {}
    known: dict[str, Scalar] = {}
    errors = [_error(name, "is not a parameter of this study") for name in params if name not in space]
    for name in order(space):
        parameter = space[name]
        if isinstance(parameter, ConstantParameter | DerivedParameter):
            if name in params:
                errors.append(_error(name, f"is {parameter.type} and cannot be given"))
            known.update(worked_out(name, parameter, known))
        elif not takes_part(parameter, known):
            if params.get(name) is not None:
                errors.append(_error(name, f"takes no part here: {_unmet(parameter, known)}"))
        elif name not in params:
            errors.append(_error(name, "is missing"))
        else:
            value, wrong = fit(parameter, params[name])
            errors += [_error(name, wrong)] if wrong else []
            point[name] = known[name] = value
    place = {f"params.{name}": place for place, name in enumerate(space)}
    errors.sort(key=lambda error: place.get(error.field, -1))
    return {name: point[name] for name in space if name in point}, errors


def resolve(space: Mapping[str, AnyParameter], params: Values) -> dict[str, Scalar]:
    """What the trainer is given: the values searched, with the constants and derived values that take part."""
    known = dict(params)
    for name in order(space):
        parameter = space[name]
        if isinstance(parameter, ConstantParameter | DerivedParameter):
            known.update(worked_out(name, parameter, known))
    return {name: known[name] for name in space if name in known}


def takes_part(parameter: AnyParameter, known: Values) -> bool:
    """Whether the parameter's conditions hold; one on a parameter that takes no part itself never does."""
    return all(name in known and holds(test, known[name]) for name, test in (parameter.when or {}).items())


def holds(test: Test, value: Scalar) -> bool:
    """Whether a value passes a condition."""
    if isinstance(test, Range):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (test.min is None or value >= test.min) and (test.max is None or value <= test.max)
    return any(same(value, wanted) for wanted in test) if isinstance(test, list) else same(value, test)


def fit(parameter: AnyParameter, value: Scalar) -> tuple[Scalar, str | None]:
    """A value in the form of its parameter (a float, an int, the very choice), or what is wrong with it."""
    match parameter:
        case FloatParameter():
            return _fit_float(parameter, value)
        case IntParameter():
            return _fit_int(parameter, value)
        case CategoricalParameter():
            return _fit_choice(parameter.choices, value)
        case OrdinalParameter():
            return _fit_choice(parameter.values, value)
        case ConstantParameter() | DerivedParameter():
            return value, None


def _fit_float(parameter: FloatParameter, value: Scalar) -> tuple[Scalar, str | None]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value, f"must be a finite number (is {shown(value)})"
    if not parameter.low <= value <= parameter.high:
        return value, f"must lie between {parameter.low} and {parameter.high} (is {value})"
    if parameter.step is not None:
        steps = (value - parameter.low) / parameter.step
        if abs(steps - round(steps)) > _ROUNDING * max(1.0, abs(steps)):
            return value, f"must lie on a step of {parameter.step} from {parameter.low} (is {value})"
    return float(value), None


def _fit_int(parameter: IntParameter, value: Scalar) -> tuple[Scalar, str | None]:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return value, f"must be a whole number (is {shown(value)})"
    if not parameter.low <= value <= parameter.high:
        return value, f"must lie between {parameter.low} and {parameter.high} (is {value})"
    if (int(value) - parameter.low) % parameter.step:
        return value, f"must lie on a step of {parameter.step} from {parameter.low} (is {value})"
    return int(value), None


def _fit_choice(choices: tuple[Scalar, ...], value: Scalar) -> tuple[Scalar, str | None]:
    for choice in choices:
        if same(choice, value):
            return choice, None
    return value, f"must be one of {listed(choices)} (is {shown(value)})"


def worked_out(
    name: str, parameter: ConstantParameter | DerivedParameter, known: Values
) -> Iterator[tuple[str, Scalar]]:
    """The value of a constant or derived parameter; nothing where it takes no part or its parts do not."""
    if not takes_part(parameter, known):
        return
    if isinstance(parameter, ConstantParameter):
        yield name, parameter.value
        return
    expression = read(parameter.expression)
    if expression.names <= known.keys():
        try:
            yield name, expression.value(known)
        except ExpressionError:
            # A division by zero or the like at this very point: the trainer is told that there is no value.
            yield name, math.nan


def _unmet(parameter: AnyParameter, known: Values) -> str:
    names = [name for name, test in (parameter.when or {}).items() if name not in known or not holds(test, known[name])]
    return ", ".join(
        f"'{name}' is {shown(known[name])}" if name in known else f"'{name}' takes no part" for name in names
    )


def _error(name: str, message: str) -> FieldError:
    return FieldError(field=f"params.{name}", message=message)
