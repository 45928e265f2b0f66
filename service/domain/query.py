"""What a reader asks of a list: which rows, in which order, from which place on."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from service.domain.errors import Invalid
from service.wire.message import Identifier, shown
from service.wire.study import StudyState
from service.wire.trial import Origin, Purpose, TrialState

T = TypeVar("T")
TrialOrder = Literal["number", "-number", "value", "-value", "started_at", "-started_at", "finished_at", "-finished_at"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
_CONDITION = re.compile(r"(?P<field>[^\s=<>!]+)\s*(?P<operator>!=|<=|>=|==?|<|>)\s*(?P<value>[^=<>!\s].*)", re.DOTALL)
_NAME = TypeAdapter(Identifier)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison that rows must pass: on `value` (the first objective's) or on a parameter.

    What is not there, is NaN, or is of another kind (number, text, bool) never passes, not with `!=` either.
    """

    field: str
    operator: Operator
    value: float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuery:
    """Which studies, newest first. `creator` is a name or the id of a token."""

    states: tuple[StudyState, ...] = ()
    tag: str | None = None
    text: str | None = None
    archived: bool | None = False
    creator: str | None = None
    before_id: int | None = None
    size: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last row of a page: the next one begins behind it. `key` is what the rows are ordered by."""

    key: float | datetime | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialQuery:
    """Which trials of a study, and in which order.

    Rows without a value, or with NaN, stand last, whatever the order; equal ones stand in the order of their numbers.
    Other runs of trials are no part of the search: they are there only if their purposes are named.
    """

    states: tuple[TrialState, ...] = ()
    origins: tuple[Origin, ...] = ()
    purposes: tuple[Purpose, ...] = ("search",)
    where: tuple[Condition, ...] = ()
    order: TrialOrder = "number"
    after: Place | None = None
    size: int = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and whether there are more behind them."""

    items: tuple[T, ...]
    more: bool


def condition(text: str, field: str = "where") -> Condition:
    """Read a comparison as people write it: `learning_rate>=0.001`, `optimizer=adamw`, `value<0.5`."""
    match = _CONDITION.fullmatch(text.strip())
    if match is None or not _is_name(match["field"]):
        raise Invalid.field(field, f"cannot be read: {shown(text)} (write NAME<=NUMBER or NAME=TEXT)")
    operator = cast(Operator, "=" if match["operator"] == "==" else match["operator"])
    value = _literal(match["value"].strip())
    if operator not in {"=", "!="} and not isinstance(value, float):
        raise Invalid.field(field, f"{match['field']}{operator} needs a number, not {shown(match['value'])}")
    return Condition(match["field"].removeprefix("params."), operator, value)


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def _literal(text: str) -> float | str | bool:
    if text in {"true", "false"}:
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isnan(number):
        return number
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
