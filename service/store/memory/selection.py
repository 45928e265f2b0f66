"""Which trials and studies a query means, and in which order."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from service.domain.query import Condition, Operator, Page, StudyQuery, TrialQuery
from service.domain.study import Study
from service.domain.trial import Trial
from service.wire.message import Scalar

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def trials(rows: Iterable[Trial], query: TrialQuery, metric: str) -> Page[Trial]:
    """A page of trials; `metric` is what `value` means."""
    field = query.order.removeprefix("-")
    descending = query.order.startswith("-")

    def place(key: float | datetime | None, number: int) -> tuple[bool, float, int]:
        if field == "number":
            return False, 0.0, -number if descending else number
        at = key.timestamp() if isinstance(key, datetime) else key
        if at is None or math.isnan(at):
            return True, 0.0, number
        return False, -at if descending else at, number

    def sorting(trial: Trial) -> tuple[bool, float, int]:
        return place(_value(trial, metric) if field == "value" else getattr(trial, field), trial.number)

    wanted = sorted((trial for trial in rows if _fits(trial, query, metric)), key=sorting)
    if query.after is not None:
        begin = place(query.after.key, query.after.number)
        wanted = [trial for trial in wanted if sorting(trial) > begin]
    return Page(tuple(wanted[: query.size]), len(wanted) > query.size)


def studies(rows: Iterable[Study], query: StudyQuery) -> Page[Study]:
    """A page of studies, newest first."""
    wanted = sorted((study for study in rows if _asked_for(study, query)), key=lambda study: -study.id)
    return Page(tuple(wanted[: query.size]), len(wanted) > query.size)


def _fits(trial: Trial, query: TrialQuery, metric: str) -> bool:
    if query.states and trial.state not in query.states:
        return False
    if query.origins and trial.origin not in query.origins:
        return False
    if query.purposes and trial.purpose not in query.purposes:
        return False
    return all(_passes(trial, test, metric) for test in query.where)


def _passes(trial: Trial, test: Condition, metric: str) -> bool:
    found = _value(trial, metric) if test.field == "value" else trial.params.get(test.field)
    if found is None or found != found or _kind(found) is not _kind(test.value):
        return False
    return _COMPARE[test.operator](found, test.value)


def _kind(value: Scalar) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _value(trial: Trial, metric: str) -> float | None:
    return None if trial.values is None else trial.values.get(metric)


def _asked_for(study: Study, query: StudyQuery) -> bool:
    definition = study.definition
    words = "" if query.text is None else query.text.casefold()
    return (
        (not query.states or study.state in query.states)
        and (query.archived is None or study.archived == query.archived)
        and (query.creator is None or query.creator in {study.created_by, study.creator})
        and (query.before_id is None or study.id < query.before_id)
        and (query.tag is None or query.tag in definition.tags)
        and (words in definition.name.casefold() or words in definition.note.casefold())
    )
