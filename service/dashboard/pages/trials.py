"""The table of a study's trials: a page at a time, filtered and ordered by the address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import reasons
from service.dashboard.page import page
from service.dashboard.pages.study import head
from service.dashboard.placing import searched
from service.dashboard.running import Places, thinned
from service.domain.errors import Invalid
from service.domain.query import Condition, TrialOrder, TrialQuery, condition
from service.domain.study import Study
from service.domain.trial import Attempt, Trial
from service.http import page_tokens
from service.http.places import after
from service.usecases import reading, retrying
from service.usecases.ports import Transaction
from service.wire.trial import TrialState

_PAGE = 50
_COLUMNS = 6
_AND = re.compile(r"\s+and\s+|\s*,\s*", re.IGNORECASE)
STATES: Sequence[tuple[str, str, tuple[TrialState, ...]]] = (
    ("", "All", ()),
    ("completed", "completed", ("completed",)),
    ("pruned", "pruned", ("pruned",)),
    ("failed", "failed", ("failed", "infeasible")),
    ("running", "running", ("running",)),
    ("queued", "waiting", ("queued", "paused")),
    ("cancelled", "cancelled", ("cancelled",)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A trial in the table."""

    trial: Trial
    attempt: Attempt | None
    curve: Sequence[float]
    why: str
    place: str

    @property
    def retried(self) -> bool:
        """Whether it can be tried once more."""
        return retrying.may_retry(self.trial, self.attempt)

    @property
    def seconds(self) -> float | None:
        """How long it has taken, once it has ended."""
        if self.trial.started_at is None or self.trial.finished_at is None:
            return None
        return (self.trial.finished_at - self.trial.started_at).total_seconds()

    def value(self, metric: str) -> float | None:
        """The trial's value, or the newest that it has shown."""
        newest = self.attempt.last_metrics if self.attempt is not None else None
        return (self.trial.values or newest or {}).get(metric)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, and what of it cannot be done."""

    state: str
    text: str
    order: TrialOrder
    conditions: tuple[Condition, ...]
    wrong: str | None

    @classmethod
    def of(cls, request: Request, study: Study) -> "Asked":
        """From the address."""
        given = request.query_params
        state = given.get("state", "") if given.get("state") in {name for name, _, _ in STATES} else ""
        orders: tuple[TrialOrder, ...] = get_args(TrialOrder)
        order: TrialOrder = next((one for one in orders if one == given.get("sort")), "-number")
        text = given.get("q", "").strip()
        try:
            return cls(state, text, order, conditions(text, study), None)
        except Invalid as invalid:
            return cls(state, text, order, (), invalid.errors[0].message)


async def table(request: Request) -> Response:
    """The trials that fit."""
    name = request.path_params["study"]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "trials")
        study: Study = shown["study"]
        asked = Asked.of(request, study)
        scope = ("dashboard trials", name, asked.state, asked.text, asked.order)
        query = TrialQuery(
            states=next(states for key, _, states in STATES if key == asked.state),
            where=asked.conditions,
            order=asked.order,
            after=page_tokens.read(scope, request.query_params.get("page") or None, page_tokens.place_from_json),
            size=_PAGE,
        )
        _, found = reading.trial_views(tx, name, query)
        last = page_tokens.place_to_json(after(found.items[-1], asked.order)) if found.more else None
        names = [key for key, parameter in study.definition.space.items() if searched(parameter)]
        columns = [one for one in request.query_params.getlist("col") if one in study.definition.space]
        return {
            **shown,
            "asked": asked,
            "states": STATES,
            "state_counts": _counts(shown["counts"]),
            "rows": rows(tx, study, found.items, Places(shown["workers"])),
            "more": page_tokens.write(scope, last) if last else None,
            "names": names,
            "columns": columns or names[:_COLUMNS],
            "chosen_columns": columns,
        }

    return await page(request, "study/trials.html", read)


def rows(tx: Transaction, study: Study, views: Sequence[reading.TrialView], places: Places) -> list[Row]:
    """Trials with all that the table shows of them."""
    numbers = [view.trial.number for view in views]
    curves = tx.points.curves(study.id, numbers, study.definition.objectives[0].metric)
    ended = [view.trial.number for view in views if view.trial.state in {"pruned", "paused"}]
    decided = tx.decisions.of(study.id, ended)
    return [
        Row(
            view.trial,
            view.attempt,
            thinned([value for _, value in curves.get(view.trial.number, ())]),
            reasons.short(study, view.trial, decided.get(view.trial.number, ())),
            places.of(view.attempt),
        )
        for view in views
    ]


def conditions(text: str, study: Study) -> tuple[Condition, ...]:
    """Comparisons as people write them: `lr < 1e-3 and optimizer = adamw`."""
    found = tuple(condition(part) for part in _AND.split(text) if part.strip())
    for one in found:
        if one.field != "value" and one.field not in study.definition.space:
            raise Invalid.field("where", f"'{one.field}' is not a parameter of this study: take value, or one of these")
    return found


def _counts(counts: Any) -> Mapping[str, int]:
    return {
        "": counts.all,
        "completed": counts.completed,
        "pruned": counts.pruned,
        "failed": counts.bad,
        "running": counts.running,
        "queued": counts.waiting,
        "cancelled": counts.cancelled,
    }
