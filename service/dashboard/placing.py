"""Where a value lies in the range that is searched."""

import math

from service.wire.message import Scalar
from service.wire.space import AnyParameter, CategoricalParameter, FloatParameter, IntParameter, OrdinalParameter


def share(parameter: AnyParameter | None, value: Scalar) -> float | None:
    """From 0, the low end, to 1, the high end; None where there is no order."""
    match parameter:
        case FloatParameter() | IntParameter() if isinstance(value, int | float):
            return _in_range(float(value), float(parameter.low), float(parameter.high), log=parameter.log)
        case OrdinalParameter() if value in parameter.values and len(parameter.values) > 1:
            return parameter.values.index(value) / (len(parameter.values) - 1)
        case _:
            return None


def searched(parameter: AnyParameter) -> bool:
    """Whether trials differ in it."""
    return isinstance(parameter, FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter)


def choices(parameter: AnyParameter) -> tuple[Scalar, ...] | None:
    """The values there are, where they can be counted out."""
    match parameter:
        case CategoricalParameter():
            return tuple(parameter.choices)
        case OrdinalParameter():
            return tuple(parameter.values)
        case _:
            return None


def _in_range(value: float, low: float, high: float, *, log: bool) -> float:
    if log and value > 0:
        value, low, high = math.log(value), math.log(low), math.log(high)
    if high == low:
        return 0.5
    # Halved before the subtraction, so that the range of two very large numbers is a number still.
    return min(max((value / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)
