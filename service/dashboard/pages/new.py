"""A new study: written as a form or as YAML, each following the other, with what is wrong at its field and line."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import drafts
from service.dashboard.drafts import Draft, Wrong
from service.dashboard.fields import seen, sent
from service.dashboard.page import page
from service.dashboard.shown import study_page
from service.domain.errors import Invalid, NameTaken, NotFound
from service.domain.query import StudyQuery
from service.http.errors import Rejection
from service.http.permissions import sender
from service.http.services import served
from service.http.signing import sign
from service.usecases import studies, warming
from service.usecases.ports import Transaction

_LISTED = 50


async def show(request: Request) -> Response:
    """An empty study, or one like another."""
    like = request.query_params.get("from", "")
    refusals = served(request).refusals
    if not like:
        return await _page(request, drafts.of_yaml(drafts.START, refusals))
    study = await served(request).store.read(lambda tx: tx.studies.get(like))
    return await _page(request, drafts.of_definition(study.definition, refusals))


async def create(request: Request) -> Response:
    """Create the study of the form, started or paused; what is wrong with it is shown where it is."""
    fields = await sent(request)
    services = served(request)
    draft = drafts.of_yaml(fields.given.get("yaml", "").replace("\r\n", "\n"), services.refusals)
    definition = draft.definition
    if definition is None:
        return await _page(request, draft, 422)
    name = definition.name
    sign(request, object=f"studies/{name}")
    try:
        await warming.create(services.store, services.mirrors, definition, services.draw_seed(), sender(request))
    except NameTaken:
        return await _page(request, _with(draft, "name", "is taken by another study"), 409)
    except Invalid as invalid:
        return await _page(request, _with(draft, invalid.errors[0].field, invalid.errors[0].message), 422)
    if fields.text("then") == "pause":
        await services.store.write(lambda tx: studies.pause(tx, name, None))
    return seen(study_page(name))


async def draft(request: Request) -> Response:
    """For the page's script: what was written in one of the forms, in all of them."""
    fields = await sent(request)
    services = served(request)
    if "data" in fields.given:
        try:
            made = drafts.of_data(from_json(fields.given["data"], allow_inf_nan=False), services.refusals)
        except ValueError as error:
            raise Rejection(400, "invalid_json", f"data: {error}") from error
    else:
        made = drafts.of_yaml(fields.given.get("yaml", ""), services.refusals)
    if made.definition is not None and await _taken(request, made.definition.name):
        made = _with(made, "name", "is taken by another study")
    told = made.told(_server(request), token=services.needs_tokens)
    return Response(to_json(told), headers={"cache-control": "no-store"}, media_type="application/json")


async def _taken(request: Request, name: str) -> bool:
    def look(tx: Transaction) -> bool:
        try:
            tx.studies.get(name)
        except NotFound:
            return False
        return True

    return await served(request).store.read(look)


async def _page(request: Request, made: Draft, status: int = 200) -> Response:
    def read(tx: Transaction) -> Mapping[str, Any]:
        known = tx.studies.list(StudyQuery(size=_LISTED)).items
        token = served(request).needs_tokens
        return {"draft": made, "told": made.told(_server(request), token=token), "others": [one.name for one in known]}

    return await page(request, "new.html", read, status)


def _with(made: Draft, field: str, message: str) -> Draft:
    line = drafts.line(made.yaml, field)
    return Draft(made.yaml, made.data, [Wrong(field, message, line)], None, made.samples)


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")
