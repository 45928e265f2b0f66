"""Who sends a request: told by its token, or by the session of a browser; what they may do, the routes check."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from service.domain.actor import Actor
from service.domain.errors import BasinError, TokenInvalid, TooManyFailures
from service.domain.token import Token, public_id
from service.http.errors import Rejection
from service.http.hosts import Hosts
from service.http.permissions import ACTOR
from service.http.throttle import Throttle
from service.usecases.keyring import Keyring

_log = logging.getLogger(__name__)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = "basin_session"
SESSION = "basin.session"
"""Where a request's scope holds the hash of its session."""


class Gate:
    """A look at the credentials of each request."""

    def __init__(
        self, app: ASGIApp, keyring: Keyring, hosts: Hosts, anonymous: Actor | None, throttle: Throttle
    ) -> None:
        self.app = app
        self.keyring = keyring
        self.hosts = hosts
        self.anonymous = anonymous
        self.throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope[ACTOR] = await self._sender(scope)
            except (BasinError, Rejection) as refusal:
                scope[ACTOR] = refusal
        await self.app(scope, receive, send)

    async def _sender(self, scope: Scope) -> Actor | None:
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                secret = value[7:].strip().decode("latin-1")
                return (await known(self.keyring, self.throttle, secret, address(scope))).actor
        session = _cookie(scope)
        return self.anonymous if session is None else await self._visitor(scope, session)

    async def _visitor(self, scope: Scope, secret: str) -> Actor | None:
        """Whoever has logged in; a cookie that says nothing here may be of another server on this machine."""
        keyring = self.keyring
        await keyring.refresh()
        session = keyring.session(secret)
        if session is None and not self.throttle.spent(address(scope)):
            await keyring.reload()
            session = keyring.session(secret)
            if session is None:
                self.throttle.failed(address(scope))
        if session is None:
            return self.anonymous
        actor = keyring.holder(session.token_id).actor
        scope[SESSION] = session.hash
        if scope["method"] not in _READING:
            self._own_page(scope)
        return actor

    def _own_page(self, scope: Scope) -> None:
        """Refuse a change that does not come from a page of this server: browsers send cookies by themselves."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not self.hosts.allows_origin(origin, headers.get(b"host", b"").decode("latin-1")):
            raise Rejection(
                403,
                "origin_not_allowed",
                "a change with a session's cookie must come from a page of this server (Origin)",
                hint="Programs send a token: 'Authorization: Bearer TOKEN'.",
            )


async def known(keyring: Keyring, throttle: Throttle, secret: str, sender: str) -> Token:
    """The token of a secret, if it holds; each failure is counted and logged, without the secret."""
    await keyring.refresh()
    try:
        token = keyring.token(secret)
        if token is None:
            # It may have been made a moment ago, by another server or on this machine.
            if throttle.spent(sender):
                raise TooManyFailures
            await keyring.reload()
            token = keyring.token(secret)
        if token is None:
            raise TokenInvalid
        return keyring.holder(token.id)
    except TokenInvalid as wrong:
        if throttle.spent(sender):
            raise TooManyFailures from None
        throttle.failed(sender)
        told = {"address": sender, "token_id": public_id(secret) or "none", "why": wrong.message}
        _log.warning("a token was refused", extra=told)
        raise


def address(scope: Scope) -> str:
    """Where a request comes from, as far as the server can see."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _cookie(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, secret = part.strip().partition("=")
                if key == COOKIE:
                    return str(secret)
    return None
