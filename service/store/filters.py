"""Filters and orders of trials, as SQL."""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, and_, case, cast, false, func, or_
from sqlalchemy.dialects.postgresql import JSONB

from service.domain.query import Condition, Place, TrialQuery
from service.store import tables

_rows = tables.trials
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def passes(condition: Condition, dialect: str) -> ColumnElement[bool]:
    """The trials whose value or parameter passes a comparison; of another type, or not there at all, never passes."""
    compare = _COMPARE[condition.operator]
    if condition.field == "value":
        number = isinstance(condition.value, float)
        return compare(_rows.c.value, condition.value) if number else false()
    kinds, found = _parameter(condition, dialect)
    # CASE, because AND may look at its sides in either order, and a text cannot be cast to a number.
    return case((kinds, compare(found, _comparable(condition.value, dialect))), else_=false())


def _parameter(condition: Condition, dialect: str) -> tuple[ColumnElement[bool], ColumnElement[Any]]:
    """Whether the parameter is there with the right type, and its value."""
    value = condition.value
    if dialect == "sqlite":
        path = '$."' + condition.field.replace('"', '""') + '"'
        kind = func.json_type(_rows.c.params, path)
        kinds = (
            ("true", "false")
            if isinstance(value, bool)
            else ("integer", "real")
            if isinstance(value, float)
            else ("text",)
        )
        return kind.in_(kinds), func.json_extract(_rows.c.params, path)
    document = cast(_rows.c.params, JSONB)
    kind = func.jsonb_typeof(document[condition.field])
    name = "boolean" if isinstance(value, bool) else "number" if isinstance(value, float) else "string"
    text = document[condition.field].astext
    return kind == name, cast(text, Float(53)) if isinstance(value, float) else text


def _comparable(value: float | str | bool, dialect: str) -> float | str | int:
    if isinstance(value, bool):
        return int(value) if dialect == "sqlite" else str(value).lower()
    return value


def placed(wanted: Select[Any], query: TrialQuery) -> Select[Any]:
    """The rows in their order, from behind the place where the last page ended. Rows without a key stand last."""
    falling = query.order.startswith("-")
    name = query.order.removeprefix("-")
    if name == "number":
        wanted = wanted.order_by(_rows.c.number.desc() if falling else _rows.c.number)
        if query.after is None:
            return wanted
        number = query.after.number
        return wanted.where(_rows.c.number < number if falling else _rows.c.number > number)
    key = _rows.c[name]
    wanted = wanted.order_by((key.desc() if falling else key.asc()).nulls_last(), _rows.c.number)
    return wanted if query.after is None else wanted.where(_behind(key, query.after, falling))


def _behind(key: ColumnElement[Any], place: Place, falling: bool) -> ColumnElement[bool]:
    later = _rows.c.number > place.number
    if place.key is None:
        return and_(key.is_(None), later)
    at: float | datetime = place.key
    return or_(key < at if falling else key > at, and_(key == at, later), key.is_(None))
