"""Pages: templates that are filled in where the rows are read, with headers that let nothing in from elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.dashboard import shown
from service.dashboard.assets import assets
from service.domain.actor import Actor
from service.http.permissions import ACTOR, ALLOWED
from service.http.services import served
from service.usecases.ports import Transaction
from service.wire.worker import WorkerState

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    # A form must say its Origin: with 'no-referrer' browsers send 'null' in its place.
    "referrer-policy": "same-origin",
}
Read = Callable[[Transaction], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many workers there are, and how many of them work."""

    present: int
    all: int


async def page(request: Request, template: str, read: Read, status: int = 200) -> Response:
    """A page with what is read for it, all at one moment."""
    return await served(request).store.read(lambda tx: _filled(request, template, tx, read, status))


def bare(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page that needs no database."""
    return _response(request, template, {"fleet": None, "newest": 0, "now": None, **values}, status)


def fleet(tx: Transaction) -> Fleet:
    """What the head of every page says of the workers."""
    states: list[WorkerState] = [worker.state(tx.now) for worker in tx.workers.list()]
    return Fleet(sum(state != "offline" for state in states), len(states))


def _filled(request: Request, template: str, tx: Transaction, read: Read, status: int) -> Response:
    return _response(
        request, template, {"fleet": fleet(tx), "newest": tx.events.bounds()[1], "now": tx.now, **read(tx)}, status
    )


def _response(request: Request, template: str, values: Mapping[str, Any], status: int) -> Response:
    actor = request.scope.get(ACTOR)
    known = actor if isinstance(actor, Actor) else None

    def may(operation: str) -> bool:
        return known is not None and known.role in ALLOWED[operation]

    text = (
        environment()
        .get_template(template)
        .render(
            actor=known, may=may, path=request.url.path, query=request.query_params, url=request.url, **_clocked(values)
        )
    )
    return HTMLResponse(text, status, _HEADERS)


def _clocked(values: Mapping[str, Any]) -> dict[str, Any]:
    now = values["now"]

    def ago(then: datetime | None) -> str:
        return "" if then is None or now is None else shown.ago(then, now)

    return {**values, "ago": ago}


@cache
def environment() -> Environment:
    """The templates, and what they are given to write with."""
    made = Environment(
        loader=PackageLoader("service.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= shown.FILTERS
    made.globals |= {"asset": assets().address, "study_page": shown.study_page, "trial_page": shown.trial_page}
    return made
