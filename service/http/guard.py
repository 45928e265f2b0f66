"""Requests that are turned away at the door: a foreign Host, a foreign Origin, a body of a kind that is not read."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.http import uploads
from service.http.errors import Rejection
from service.http.hosts import Hosts

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Whoever watches over the server calls it by its bare address, and learns nothing from these two.
_OPEN = frozenset({"/healthz", "/readyz"})
_API = "/v1/"


class Guard:
    """A look at the headers of each request."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await refusal.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Rejection | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self.hosts.allows(host) and scope["path"] not in _OPEN:
            return Rejection(
                421,
                "host_not_allowed",
                f"this server does not go by the name {host!r}",
                hint="Call it by its address, or add the name to allowed_hosts (BASIN_ALLOWED_HOSTS).",
            )
        if scope["method"] in _READING:
            return None
        origin = headers.get(b"origin")
        if origin is not None and not self.hosts.allows_origin(origin.decode("latin-1"), host):
            return Rejection(
                403,
                "origin_not_allowed",
                f"a page of {origin.decode('latin-1')!r} may not change anything here",
                hint="Open the dashboard at the address of this server itself.",
            )
        return _not_read(scope, headers) if scope["path"].startswith(_API) else None


def _not_read(scope: Scope, headers: dict[bytes, bytes]) -> Rejection | None:
    """Refuse a body that is not plain JSON: a form of a foreign page can send all other types without asking.

    But for one: bytes, which no form sends, where bytes are kept.
    """
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        return None
    given = headers.get(b"content-type", b"").decode("latin-1")
    kind, _, parameters = given.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    wanted = uploads.kinds(scope["method"], scope["path"])
    plain = kind.strip().lower() == uploads.BYTES or charset in {"", "utf-8", "utf8"}
    if kind.strip().lower() not in wanted or not plain:
        return _unsupported(f"the body must be {' or '.join(wanted)} (Content-Type is {given!r})", wanted)
    if encoding.lower() != "identity":
        return _unsupported(f"the body must not be compressed (Content-Encoding is {encoding!r})", wanted)
    return None


def _unsupported(detail: str, wanted: tuple[str, ...]) -> Rejection:
    hint = "Send JSON as UTF-8 with Content-Type: application/json."
    if uploads.JSON not in wanted:
        hint = f"Send the bytes as they are with Content-Type: {uploads.BYTES}."
    return Rejection(415, "unsupported_media_type", detail, hint=hint)
