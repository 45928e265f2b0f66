"""The stream of messages to a browser: one for all of its pages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.live import Wish
from service.dashboard.site import site
from service.http.permissions import sender
from service.http.routes.events import still_welcome
from service.http.services import keyring
from service.http.streams import Stream

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def follow(request: Request) -> Response:
    """What a browser asked for in the address, until it goes away or its login ends."""
    asked = request.query_params
    after = request.headers.get("last-event-id") or asked.get("after") or None
    source = site(request).hub.follow(Wish.of(asked.multi_items()), after)
    return Stream(_while_welcome(request, source), "text/event-stream", dict(_HEADERS))


async def _while_welcome(request: Request, source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    known, actor = keyring(request), sender(request)
    async with aclosing(source):
        async for told in source:
            if not await still_welcome(known, actor):
                return
            yield told
