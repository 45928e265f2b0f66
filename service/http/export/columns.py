"""The columns of an exported table, the same in CSV and in Parquet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic_core import to_json

from service.domain.health import plain
from service.domain.study import Study
from service.domain.trial import Point
from service.http.convert import resolved
from service.usecases.reading import TrialView
from service.wire.message import Scalar
from service.wire.space import (
    AnyParameter,
    CategoricalParameter,
    ConstantParameter,
    DerivedParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
)

Kind = Literal["integer", "float", "boolean", "text", "time"]
Cell = bool | int | float | str | datetime | None
R = TypeVar("R")


@dataclass(frozen=True)
class Column:
    """A column: its name, what its cells hold, and how a row's cell is found."""

    name: str
    kind: Kind
    cell: Callable[[Any], Cell]


def of_trials(study: Study) -> tuple[Column, ...]:
    """One row a trial: a column for each parameter and each objective."""
    definition = study.definition
    return (
        Column("number", "integer", lambda row: row.view.trial.number),
        Column("state", "text", lambda row: row.view.trial.state),
        Column("origin", "text", lambda row: row.view.trial.origin),
        *(_parameter(name, parameter) for name, parameter in definition.space.items()),
        *(_value(objective.metric) for objective in definition.objectives),
        Column("attempts", "integer", lambda row: row.view.trial.attempts),
        Column("last_step", "integer", lambda row: row.view.attempt.last_step if row.view.attempt else None),
        Column("failure_class", "text", lambda row: _failure(row.view, "failure_class")),
        Column("failure_message", "text", lambda row: _failure(row.view, "message")),
        Column("attrs", "text", lambda row: _json(row.view.trial.attrs)),
        Column("created_at", "time", lambda row: row.view.trial.created_at),
        Column("started_at", "time", lambda row: row.view.trial.started_at),
        Column("finished_at", "time", lambda row: row.view.trial.finished_at),
    )


@dataclass(frozen=True)
class TrialRow:
    """A trial, with all values that its trainer is given."""

    view: TrialView
    params: Mapping[str, Scalar]

    @classmethod
    def of(cls, view: TrialView) -> "TrialRow":
        """The row of a trial."""
        return cls(view, resolved(view.study, view.trial))


@dataclass(frozen=True)
class PointRow:
    """One metric of one point."""

    point: Point
    metric: str
    value: float


OF_POINTS: tuple[Column, ...] = (
    Column("number", "integer", lambda row: row.point.key.number),
    Column("attempt", "integer", lambda row: row.point.key.attempt),
    Column("step", "integer", lambda row: row.point.step),
    Column("metric", "text", lambda row: row.metric),
    Column("value", "float", lambda row: row.value),
    Column("elapsed", "float", lambda row: row.point.elapsed),
    Column("cost", "float", lambda row: row.point.cost),
    Column("superseded", "boolean", lambda row: row.point.superseded),
)
"""One row a point and metric: which metrics there are is only known at the end."""


def point_rows(points: Sequence[Point]) -> list[PointRow]:
    """The rows of some points. How a training is, is no curve of it: that is in the JSON."""
    return [PointRow(point, metric, point.metrics[metric]) for point in points for metric in plain(point.metrics)]


def _parameter(name: str, parameter: AnyParameter) -> Column:
    kind = _kind(parameter)
    if kind != "text":
        return Column(f"params.{name}", kind, lambda row: row.params.get(name))
    return Column(f"params.{name}", "text", lambda row: _text(row.params.get(name)))


def _kind(parameter: AnyParameter) -> Kind:
    """The one type that all values of a parameter have; text if they have none in common."""
    match parameter:
        case FloatParameter() | DerivedParameter():
            return "float"
        case IntParameter():
            return "integer"
        case CategoricalParameter():
            return _common(parameter.choices)
        case OrdinalParameter():
            return _common(parameter.values)
        case ConstantParameter():
            return _common((parameter.value,))


def _common(values: Sequence[Scalar]) -> Kind:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int} and all(abs(value) < 2**63 for value in values if isinstance(value, int)):
        return "integer"
    return "float" if kinds and kinds <= {int, float} else "text"


def _text(value: Scalar) -> str | None:
    return value if value is None or isinstance(value, str) else to_json(value, inf_nan_mode="constants").decode()


def _value(metric: str) -> Column:
    return Column(f"values.{metric}", "float", lambda row: (row.view.trial.values or {}).get(metric))


def _failure(view: TrialView, field: str) -> str | None:
    found: str | None = getattr(view.trial.failure, field, None)
    return found


def _json(attrs: Mapping[str, Any]) -> str | None:
    return to_json(dict(attrs), inf_nan_mode="strings").decode() if attrs else None
