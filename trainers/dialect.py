"""How a trial's words are understood: our `report(step, value)` and Optuna's `report(value, step)`, and `suggest_*`."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_METRICS = 64
_NAME = re.compile(r"[^\W\d][\w.\-/]{0,99}")
_HOW = "say report(step, loss), report(step, {'val_loss': 0.3}) or report(step, val_loss=0.3)"
_known_names: set[str] = set()


class OutsideSpace(ValueError):
    """The study's space and the trainer do not fit each other."""


def point(
    told: Sequence[Any], named: dict[str, Any], *, metric: str, optuna: bool
) -> tuple[int, dict[str, float], float | None]:
    """The step, the metrics and the cost of one call of `report`."""
    cost = named.pop("cost", None)
    step, value = _step_and_value(told, named, optuna)
    metrics: dict[str, float] = {}
    if isinstance(value, Mapping):
        named = {**value, **named}
    elif value is not None:
        metrics[metric] = _number(metric, value)
    for name, one in named.items():
        metrics[name] = _number(name, one)
    if not metrics:
        raise TypeError(f"report: no metric was given: {_HOW}")
    if len(metrics) > MAX_METRICS:
        raise ValueError(f"report: {len(metrics)} metrics at once; {MAX_METRICS} at most")
    return _whole_step(step), metrics, None if cost is None else _number("cost", cost)


def real(params: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """A parameter as a real number within bounds."""
    value = _given(params, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OutsideSpace(f"the study's space has {name} = {value!r}, but the objective asks for a real number")
    _within(name, value, low, high)
    return float(min(max(value, low), high))


def whole(params: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """A parameter as a whole number within bounds."""
    value = _given(params, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise OutsideSpace(f"the study's space has {name} = {value!r}, but the objective asks for a whole number")
    _within(name, value, low, high)
    return int(value)


def choice(params: Mapping[str, Any], name: str, choices: Sequence[Any]) -> Any:
    """A parameter as the one of the choices that equals it."""
    value = _given(params, name)
    for one in choices:
        if one == value and isinstance(one, bool) == isinstance(value, bool):
            return one
    shown = ", ".join(map(repr, choices))
    raise OutsideSpace(f"the study's space has {name} = {value!r}, but the objective's choices are {shown}")


def is_of_device(error: Exception, value: Any) -> bool:
    """Whether a tensor is no number because its device has failed: a GPU tells of an earlier step's failure here."""
    return isinstance(error, RuntimeError) and hasattr(value, "numel") and value.numel() == 1


def _step_and_value(told: Sequence[Any], named: dict[str, Any], optuna: bool) -> tuple[Any, Any]:
    if len(told) > 2:
        raise TypeError(f"report: {len(told)} values in a row: {_HOW}")
    if "step" in named or ("value" in named and len(told) == 1):
        # Of step and value one was called by its name: what stands alone is the other.
        if "step" in named:
            return named.pop("step"), told[0] if told else named.pop("value", None)
        return told[0], named.pop("value")
    if len(told) < 2:
        if not told:
            raise TypeError(f"report: the step is missing: {_HOW}")
        return told[0], None
    first, second = told
    if second is None or isinstance(second, Mapping):
        return first, second
    first_whole, second_whole = _is_whole(first), _is_whole(second)
    swapped = optuna if first_whole == second_whole else second_whole
    return (second, first) if swapped else (first, second)


def _is_whole(value: Any) -> bool:
    if isinstance(value, int):
        return True
    if isinstance(value, float):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _whole_step(step: Any) -> int:
    if type(step) is not int:
        try:
            step = operator.index(step)
        except TypeError:
            if not (isinstance(step, float) and step.is_integer()):
                raise TypeError(f"report: the step must be a whole number; it is {step!r}: {_HOW}") from None
            step = int(step)
    if not 0 <= step < 2**53:
        raise ValueError(f"report: the step must be 0 or more, and below 2**53; it is {step}")
    return int(step)


def _number(name: str, value: Any) -> float:
    if name not in _known_names:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ValueError(f"report: {name!r} is no name for a metric: a letter, then letters, digits, _ . - /")
        if len(_known_names) < 1000:
            _known_names.add(name)
    if type(value) is float:
        return value
    if isinstance(value, str | bytes):
        raise TypeError(f"report: {name} must be a number; it is {value!r}")
    try:
        # A tensor of a graph warns when it is made a number.
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        if is_of_device(error, value):
            raise
        raise TypeError(f"report: {name} must be a number; it is a {type(value).__name__}") from None


def _given(params: Mapping[str, Any], name: str) -> Any:
    if name in params:
        return params[name]
    known = ", ".join(sorted(params)) or "nothing"
    raise OutsideSpace(f"the objective asks for {name!r}, which the study's space does not give (it gives {known})")


def _within(name: str, value: float, low: float, high: float) -> None:
    slack = 1e-9 * max(abs(low), abs(high), 1e-300)
    if not low - slack <= value <= high + slack or math.isnan(value):
        raise OutsideSpace(
            f"the study's space has {name} = {value!r}, but the objective asks for it within {low} and {high}"
        )
