"""The routes of pages: who may see one is asked of the API's own table, and a refusal is a page, too."""

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from service import logs
from service.dashboard.page import bare
from service.domain.errors import BasinError, TokenInvalid, TokenMissing
from service.http import permissions, signing
from service.http.errors import STATUS, Rejection, title

_log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


class PageRoute(Route):
    """A page, or where a page's form goes. `needs` is the operation of the API that it stands for."""

    def __init__(self, path: str, handler: Handler, needs: str | None, *, form: bool = False) -> None:
        super().__init__(path, handler, methods=["POST"] if form else ["GET"], include_in_schema=False)
        self.handler = handler
        self.needs = needs

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or with one that says why not."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            if self.needs is not None:
                permissions.check(scope, self.needs)
                signing.prepare(scope, self.needs)
            response = await self.handler(request)
        except Exception as error:  # noqa: BLE001  # whatever it is, a person is to be told
            response = refused(request, error)
        await response(scope, receive, send)


class Nowhere(PageRoute):
    """Whatever address a browser opens at which there is nothing. Programs get the API's own refusal."""

    def __init__(self) -> None:
        super().__init__("/{path:path}", _nowhere, None)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Only what a person may be looking at."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["path"].startswith("/v1/"):
            return Match.NONE, {}
        if not any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
            return Match.NONE, {}
        return super().matches(scope)


async def _nowhere(_: Request) -> Response:
    raise Rejection(404, "not_found", "There is no page at this address.")


def refused(request: Request, error: Exception) -> Response:
    """The page that says why there is no other."""
    match error:
        case TokenMissing() | TokenInvalid() if request.method == "GET":
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(here, safe='')}", 303)
        case BasinError():
            status, detail, hint, errors = STATUS[type(error)], error.message, error.hint, error.errors
        case Rejection():
            status, detail, hint, errors = error.status_code, str(error.detail), error.hint, error.errors
        case HTTPException():
            status, detail, hint, errors = error.status_code, str(error.detail), None, ()
        case _:
            _log.error("the page %s failed", request.url.path, exc_info=error)
            status, detail, hint, errors = 500, "The server failed at this page.", "Its log says more.", ()
    return bare(
        request,
        "refused.html",
        status,
        title=title(status),
        detail=detail,
        # Hints of what is not there speak of the API's addresses: here it is the links that lead on.
        hint=None if status == 404 else hint,
        errors=errors,
        request_id=logs.request_id.get(),
    )
