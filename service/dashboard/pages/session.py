"""Logging in and out: a token is given once, and a cookie that scripts cannot read stands for it from then on."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.fields import seen, sent
from service.dashboard.page import bare
from service.domain.actor import Actor
from service.domain.errors import BasinError
from service.http.gate import SESSION
from service.http.permissions import ACTOR
from service.http.routes.access import ended, opened


async def ask(request: Request) -> Response:
    """The page that asks for a token; whoever is known already needs none."""
    if isinstance(request.scope.get(ACTOR), Actor):
        return seen(_next(request.query_params.get("next", "")))
    return bare(request, "login.html", next=_next(request.query_params.get("next", "")), wrong=None)


async def log_in(request: Request) -> Response:
    """Open a session with the token of the form."""
    fields = await sent(request)
    onward = _next(fields.text("next"))
    try:
        _, cookie = await opened(request, fields.text("token"))
    except BasinError as refused:
        return bare(request, "login.html", 401, next=onward, wrong=refused)
    response = seen(onward)
    response.headers["set-cookie"] = cookie
    return response


async def log_out(request: Request) -> Response:
    """End the session of the cookie."""
    response = seen("/login" if SESSION in request.scope else "/studies")
    response.headers["set-cookie"] = await ended(request)
    return response


def _next(address: str) -> str:
    """Where to go on: a page of this server, and of no other."""
    parts = urlsplit(address.replace("\\", "/"))
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//"):
        return "/studies"
    return address
