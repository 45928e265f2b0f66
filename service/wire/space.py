"""The search space: what kinds of parameter there are, and when each of them takes part."""

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from service.wire.expression import ExpressionError, read
from service.wire.message import Identifier, Request, Scalar, refuse, scalar, shown

LARGEST_INT = 2**53
MAX_PARAMETERS = 200
MAX_CHOICES = 1_000
MAX_TEXT = 1_000


class Range(Request):
    """A condition on a number: at least `min`, at most `max`, both included."""

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_bound(self) -> "Range":
        if self.min is None and self.max is None:
            raise refuse("range_empty", "must have 'min', 'max' or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refuse("range_order", "min must not be greater than max")
        return self


def _kind(test: Any) -> str:
    return "<range>" if isinstance(test, dict | Range) else "<list>" if isinstance(test, list) else "<value>"


def _some(values: list[Scalar]) -> list[Scalar]:
    if not 1 <= len(values) <= MAX_CHOICES:
        raise refuse("when_length", "must have 1 to {limit} values", limit=MAX_CHOICES)
    return values


Wanted = Annotated[list[Scalar], AfterValidator(_some)]
Test = Annotated[
    Annotated[Range, Tag("<range>")] | Annotated[Wanted, Tag("<list>")] | Annotated[Scalar, Tag("<value>")],
    Discriminator(_kind),
]
Conditions = Annotated[dict[Identifier, Test], Field(min_length=1, max_length=16)]
"""What must hold of other parameters, all of it: a value, a list of values, or a range."""


def _ordered(value: Any) -> Any:
    if value is None:
        raise refuse("ordinal_null", "must not be null, which has no place in an order")
    return scalar(value)


Ordered = Annotated[bool | int | float | str, BeforeValidator(_ordered)]


class Parameter(Request):
    """What every kind of parameter has: the conditions under which it takes part."""

    when: Conditions | None = Field(
        default=None,
        description="Takes part only where this holds of other parameters.",
        examples=[{"optimizer": "sgd"}],
    )


class FloatParameter(Parameter):
    """A real number between two bounds, searched evenly, in steps, or by its logarithm."""

    type: Literal["float"]
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    step: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @field_validator("high")
    @classmethod
    def _order(cls, high: float, info: ValidationInfo) -> float:
        return _above_low(high, info)

    @field_validator("log")
    @classmethod
    def _log(cls, log: bool, info: ValidationInfo) -> bool:
        if log and info.data.get("low", 1) <= 0:
            raise refuse(
                "log_low", "needs low greater than 0 (is {low}): a logarithm has no value there", low=info.data["low"]
            )
        return log

    @field_validator("step")
    @classmethod
    def _step(cls, step: float | None, info: ValidationInfo) -> float | None:
        return _step_fits(step, info)


class IntParameter(Parameter):
    """A whole number between two bounds, searched evenly, in steps, or by its logarithm."""

    type: Literal["int"]
    low: int = Field(ge=-LARGEST_INT, le=LARGEST_INT)
    high: int = Field(ge=-LARGEST_INT, le=LARGEST_INT)
    log: bool = False
    step: int = Field(default=1, ge=1)

    @field_validator("high")
    @classmethod
    def _order(cls, high: int, info: ValidationInfo) -> int:
        return int(_above_low(high, info))

    @field_validator("log")
    @classmethod
    def _log(cls, log: bool, info: ValidationInfo) -> bool:
        if log and info.data.get("low", 1) < 1:
            raise refuse(
                "log_low", "needs low of at least 1 (is {low}): a logarithm has no value there", low=info.data["low"]
            )
        return log

    @field_validator("step")
    @classmethod
    def _step(cls, step: int, info: ValidationInfo) -> int:
        if step != 1:
            _step_fits(step, info)
        return step


class CategoricalParameter(Parameter):
    """One of a few values that have no order."""

    type: Literal["categorical"]
    choices: tuple[Scalar, ...] = Field(max_length=MAX_CHOICES)

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        return _choices(choices, least=1)


class OrdinalParameter(Parameter):
    """One of a few values in the order given, such as batch sizes 16, 32, 64."""

    type: Literal["ordinal"]
    values: tuple[Ordered, ...] = Field(max_length=MAX_CHOICES)

    @field_validator("values")
    @classmethod
    def _ordered(cls, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        _choices(values, least=2)
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(numbers) == len(values) and numbers != sorted(numbers) and numbers != sorted(numbers, reverse=True):
            raise refuse("ordinal_order", "must rise or fall from one value to the next")
        return values


class ConstantParameter(Parameter):
    """A value that is the same in every trial and is handed to the trainer with the others."""

    type: Literal["constant"]
    value: Scalar

    @field_validator("value")
    @classmethod
    def _finite(cls, value: Scalar) -> Scalar:
        return _storable(value)


class DerivedParameter(Parameter):
    """A value that is worked out from others, such as `learning_rate * batch_size / 256`."""

    type: Literal["derived"]
    expression: str = Field(min_length=1, max_length=500)

    @field_validator("expression")
    @classmethod
    def _readable(cls, expression: str) -> str:
        try:
            read(expression)
        except ExpressionError as error:
            raise refuse("expression", "{why}", why=str(error)) from error
        return expression


AnyParameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | ConstantParameter | DerivedParameter,
    Field(discriminator="type"),
]
SEARCHED = (FloatParameter, IntParameter, CategoricalParameter, OrdinalParameter)
Space = Annotated[dict[Identifier, AnyParameter], Field(max_length=MAX_PARAMETERS)]
"""Parameters by their names, in the order in which forms and tables show them."""


def identity(value: Scalar) -> tuple[bool, Scalar]:
    """What two values have in common that are the same."""
    return isinstance(value, bool), value


def same(left: Scalar, right: Scalar) -> bool:
    """Whether two values are one value: `1` and `1.0` are, `1` and `True` are not."""
    return identity(left) == identity(right)


def _above_low(high: float, info: ValidationInfo) -> float:
    low = info.data.get("low")
    if low is not None and high <= low:
        raise refuse("order", "must be greater than low ({low})", low=low)
    if low is not None and not math.isfinite(high - low):
        raise refuse("too_wide", "is too far from low ({low}): their difference is no number any more", low=low)
    return high


def _step_fits(step: float | None, info: ValidationInfo) -> float | None:
    if step is None:
        return None
    if info.data.get("log"):
        raise refuse("step_log", "cannot be used with log: a logarithmic range has no even steps")
    low, high = info.data.get("low"), info.data.get("high")
    if low is not None and high is not None and step > high - low:
        raise refuse("step_large", "must not be greater than high - low ({width})", width=high - low)
    return step


def _choices(values: tuple[Scalar, ...], least: int) -> tuple[Scalar, ...]:
    if len(values) < least:
        raise refuse("choices_few", "must hold at least {least} value(s)", least=least)
    seen = set()
    for value in map(_storable, values):
        if identity(value) in seen:
            raise refuse("choices_twice", "holds {value} twice", value=shown(value))
        seen.add(identity(value))
    return values


def _storable(value: Scalar) -> Scalar:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise refuse("text_long", "must not hold text of more than {limit} characters", limit=MAX_TEXT)
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse("not_finite", "must not be NaN or infinite")
    return value
