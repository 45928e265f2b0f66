"""The honest end of a study: how its runs stand, who won, what the sealed test split said, and the model."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.fields import message, seen, sent, value
from service.dashboard.page import page
from service.dashboard.pages.study import head
from service.dashboard.shown import study_page
from service.domain.errors import BasinError, FinishNotFound, Invalid
from service.domain.finish import Finish
from service.http.permissions import sender
from service.http.services import served
from service.http.signing import sign
from service.usecases.finishing import reading, starting
from service.usecases.ports import Transaction
from service.wire import finish as wire
from service.wire.finish import Candidate, FinishStudy

_CARD = "text/markdown; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Whisker:
    """Where an interval lies among those of all candidates, in hundredths of their stretch."""

    low: float
    mean: float
    high: float


async def show(request: Request) -> Response:
    """What there is of it: nothing yet, how far it has come, or the report."""
    return await _page(request, "study/finish.html")


async def form(request: Request) -> Response:
    """The page that asks how to begin it."""
    return await _page(request, "study/finish_begin.html")


async def begin(request: Request) -> Response:
    """Begin it, if whoever sends the form knows that the test split is opened."""
    name, fields = request.path_params["study"], await sent(request)
    if fields.text("understood") != "on":
        raise Invalid.field("understood", "must be ticked: the sealed test split is evaluated once, and then is known")
    data: dict[str, Any] = {key: value(fields.text(key)) for key in ("top", "seeds") if fields.text(key)}
    data |= {key: fields.text(key) for key in ("metric", "again") if fields.text(key)}
    body = message(FinishStudy, data)
    sign(request, object=f"studies/{name}", **body.model_dump(exclude_none=True))
    await served(request).store.write(lambda tx: starting.start(tx, name, body, sender(request)))
    return seen(study_page(name, "finish"))


async def cancel(request: Request) -> Response:
    """Call it off."""
    name = request.path_params["study"]
    sign(request, object=f"studies/{name}")
    await served(request).store.write(lambda tx: starting.cancel(tx, name))
    return seen(study_page(name, "finish"))


async def card(request: Request) -> Response:
    """The model card as a file."""
    name = request.path_params["study"]
    found = await served(request).store.read(lambda tx: reading.report(tx, name))
    if found.card is None:
        raise FinishNotFound(f"the finish of study '{name}' is {found.state}: there is no model card")
    headers = {"content-disposition": 'attachment; filename="MODEL_CARD.md"', "cache-control": "no-store"}
    return Response(found.card, headers=headers, media_type=_CARD)


async def _page(request: Request, template: str) -> Response:
    name = request.path_params["study"]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "finish")
        finish: Finish | None = shown["finish"]
        found = None if finish is None else reading.report(tx, name)
        return {
            **shown,
            "found": found,
            "winner": None if found is None else _winner(found),
            "whiskers": {} if found is None else whiskers(found.candidates),
            "obstacle": _obstacle(tx, shown),
            "quoted": shlex.quote(name),
            "usual": FinishStudy(),
        }

    return await page(request, template, read)


def whiskers(candidates: Sequence[Candidate]) -> Mapping[int, Whisker]:
    """The intervals of candidates beside one another, by the trials' numbers."""
    known = {one.trial: one.value for one in candidates if one.value is not None}
    known = {number: one for number, one in known.items() if math.isfinite(one.high) and math.isfinite(one.low)}
    if not known:
        return {}
    low, high = min(one.low for one in known.values()), max(one.high for one in known.values())

    def at(place: float) -> float:
        return 50.0 if low == high else (place - low) / (high - low) * 100

    return {number: Whisker(at(one.low), at(one.mean), at(one.high)) for number, one in known.items()}


def _winner(found: wire.Finish) -> Candidate | None:
    return next((one for one in found.candidates if one.trial == found.winner), None)


def _obstacle(tx: Transaction, shown: Mapping[str, Any]) -> str | None:
    """Why it cannot be begun at this moment."""
    study = shown["study"]
    try:
        starting.may_begin(study, tx.finishes.list(study.id), FinishStudy(again="the form asks why"))
    except BasinError as refusal:
        return refusal.message
    return None if shown["counts"].completed else f"study '{study.name}' has no completed trial: nothing to confirm"
