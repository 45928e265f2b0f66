"""What happens, as server-sent events."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain import event as domain
from service.domain.actor import Actor
from service.domain.errors import BasinError, StudyNotFound
from service.http import convert, examples
from service.http.addresses import normal
from service.http.documented import documented
from service.http.errors import bad_request
from service.http.feed import Feed, Resync
from service.http.permissions import sender
from service.http.route import WireRoute
from service.http.services import feed, keyring, served
from service.http.streams import Stream
from service.usecases.keyring import Keyring
from service.wire.event import Event

router = APIRouter(tags=["events"], route_class=WireRoute)
_LAST_ID = "The id of the last event you have seen: what came after it is sent first."


@router.get(
    "/v1/events",
    **documented(
        "follow_events",
        "Follow what happens (server-sent events)",
        streams={"text/event-stream": examples.EVENT_STREAM},
        errors=[StudyNotFound],
        codes={400: ["invalid_header"]},
    ),
)
async def follow(
    request: Request,
    study: Annotated[str | None, Query(max_length=200, description="Only what happens to this study.")] = None,
    last_event_id: Annotated[int | None, Query(ge=0, lt=10**15, description=_LAST_ID)] = None,
    header: Annotated[str | None, Header(alias="Last-Event-ID", description=f"{_LAST_ID} Browsers send it.")] = None,
) -> Response:
    """Each event has an `id`, its type as `event`, and an Event as `data`.

    Without a last id you get what happens from now on. An event of type `resync` says that what you asked for is no
    longer kept: read everything again, and go on from its id. A comment is sent every 15 seconds while nothing happens.
    """
    services, source = served(request), feed(request)
    if study is not None:
        await services.store.read(lambda tx: tx.studies.get(normal(study)))
    hello, start = await _hello(source, _seen(header) if header else last_event_id, study or "")
    events = source.follow(start, study and normal(study), services.keep_alive_seconds)
    lines = _lines(hello, events, partial(still_welcome, keyring(request), sender(request)))
    return Stream(lines, "text/event-stream", {"cache-control": "no-store", "x-accel-buffering": "no"})


async def _hello(source: Feed, after: int | None, study: str) -> tuple[bytes, int]:
    """What a client is told first, and the id behind which its events begin."""
    try:
        start = await source.start(after)
    except Resync as gap:
        return _event(Event(id=gap.newest, type="resync", study=study, seq=0, at=gap.at)), gap.newest
    # An id without data is no event, but it is remembered: a client that loses the line at once misses nothing.
    return f"retry: 2000\nid: {start}\n\n".encode(), start


async def still_welcome(known: Keyring, actor: Actor) -> bool:
    """Whether the token with which a client began to follow still holds."""
    if actor.token is None:
        return True
    try:
        await known.refresh()
        known.holder(actor.token)
    except BasinError:
        return False
    return True


async def _lines(
    hello: bytes, events: AsyncGenerator[domain.Event | None, None], welcome: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        yield hello
        async for event in events:
            if not await welcome():
                return
            yield b": still here\n\n" if event is None else _event(convert.event(event))


def _event(event: Event) -> bytes:
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


def _seen(header: str) -> int:
    if not header.isascii() or not header.isdigit() or len(header) > 15:
        raise bad_request("invalid_header", "must be the id of an event", field="Last-Event-ID")
    return int(header)
