"""What goes around every request: its id, its line in the access log, and an answer when all else has failed."""

import logging
import re
import secrets
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs
from service.http.errors import internal

_log = logging.getLogger("service.http.access")
_failures = logging.getLogger("service.http.failures")
_SANE_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
_CLIENT_GONE = 499
# Thousands of these come in a second and say nothing while they succeed.
_QUIET = (":report", ":heartbeat", ":acquire", "/healthz", "/readyz")
_STATIC = "/static/"


class Envelope:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = _identity(scope)
        shown = ((b"x-request-id", identity.encode()), (b"x-content-type-options", b"nosniff"))
        began = time.perf_counter()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *shown]
            await send(message)

        reset = logs.request_id.set(identity)
        try:
            await self.app(scope, receive, send_on)
        except ClientDisconnect:
            status = status or _CLIENT_GONE
        except Exception:
            _failures.exception("%s %s failed", scope["method"], scope["path"])
            if status:
                # Half an answer is on its way. Only a broken connection tells the client that it is not whole.
                status = 500
                raise
            await internal()(scope, receive, send_on)
        finally:
            _tell(scope, status, (time.perf_counter() - began) * 1000)
            logs.request_id.reset(reset)


def _identity(scope: Scope) -> str:
    """The id that a client gave, if it is fit for logs, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


def _tell(scope: Scope, status: int, milliseconds: float) -> None:
    path = scope["path"]
    quiet = status < 400 and (path.endswith(_QUIET) or path.startswith(_STATIC))
    level = logging.DEBUG if quiet else logging.INFO if status < 500 else logging.WARNING
    if _log.isEnabledFor(level):
        told = {"method": scope["method"], "path": path, "status": status, "ms": round(milliseconds, 1)}
        _log.log(level, "%s %s", scope["method"], path, extra=told)
