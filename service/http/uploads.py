"""The addresses that take bytes instead of JSON: which they are, and how long a body may be there."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.routing import Match
from starlette.types import Scope

from service.http.errors import Rejection, too_large
from service.http.route import WireRoute
from service.usecases.logs import MOST_AT_ONCE

JSON = "application/json"
BYTES = "application/octet-stream"
_ATTEMPT = r"/v1/studies/[^/]+/trials/[0-9]+/attempts/[0-9]+"
_CHECKPOINT = re.compile(_ATTEMPT + r"/checkpoints/[0-9]+")
_LOGS = re.compile(_ATTEMPT + r"/logs")
# So much of a body that is refused is read all the same: a client that still sends would not hear why.
_READ_OFF_BYTES = 8 << 20


def kinds(method: str, path: str) -> tuple[str, ...]:
    """The kinds of body that are read at an address."""
    if _LOGS.fullmatch(path) and method == "POST":
        return (BYTES,)
    # With another method they are told that it is not possible there, whatever they bring.
    return (JSON, BYTES) if _LOGS.fullmatch(path) or _CHECKPOINT.fullmatch(path) else (JSON,)


@dataclass(frozen=True)
class Limit:
    """How long a body may be, and the setting that says so, if one does."""

    most_bytes: int
    setting: str | None

    def refusal(self) -> Rejection:
        """The answer to a longer one."""
        return too_large(self.most_bytes, self.setting)


@dataclass(frozen=True)
class Limits:
    """How long bodies may be, by what they are."""

    body: int
    checkpoint: int

    def of(self, scope: Scope) -> Limit:
        """The limit of a request."""
        if sends_bytes(scope):
            if scope["method"] == "PUT" and _CHECKPOINT.fullmatch(scope["path"]):
                return Limit(self.checkpoint, "max_checkpoint_bytes")
            if _LOGS.fullmatch(scope["path"]):
                return Limit(MOST_AT_ONCE, None)
        return Limit(self.body, "max_body_bytes")


def sends_bytes(scope: Scope) -> bool:
    """Whether a request says that its body is bytes."""
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bool(given.decode("latin-1").partition(";")[0].strip().lower() == BYTES)


class UploadRoute(WireRoute):
    """A route for bytes. It lets requests with JSON pass on to the route of the same address that reads that."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what sends bytes."""
        if scope["type"] == "http" and not sends_bytes(scope):
            return Match.NONE, {}
        return super().matches(scope)


async def read_off(body: AsyncIterator[bytes]) -> None:
    """Read on for a while what nobody wants any more."""
    seen = 0
    async for piece in body:
        seen += len(piece)
        if seen > _READ_OFF_BYTES:
            return


async def unless_empty(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces that hold something: the end of a body is told by an empty one."""
    async for piece in pieces:
        if piece:
            yield piece
