"""Page tokens: where the next page begins, opaque to clients.

A token belongs to one list with one set of filters. It carries a checksum over both, so that one that was changed, cut
off or taken from another list is refused, and does not lead to rows that nobody asked for.
"""

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from service.domain.query import Place
from service.http.errors import Rejection, bad_request

T = TypeVar("T")
_VERSION = 1
_CHECKSUM_BYTES = 8


def write(scope: object, place: object) -> str:
    """A token for the place behind which the next page of a list begins; `scope` says which list."""
    content = json.dumps([_VERSION, place], separators=(",", ":")).encode()
    return urlsafe_b64encode(_checksum(scope, content) + content).decode().rstrip("=")


def read(scope: object, token: str | None, form: Callable[[Any], T]) -> T | None:
    """The place in a token, brought into form; None on the first page."""
    if token is None:
        return None
    try:
        raw = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        checksum, content = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        if checksum != _checksum(scope, content):
            raise _refusal()
        version, place = json.loads(content)
        if version != _VERSION:
            raise _refusal()
        return form(place)
    except (ValueError, TypeError, KeyError):
        raise _refusal() from None


def place_to_json(place: Place) -> dict[str, Any]:
    """A place in a list of trials as JSON."""
    key = {"at": place.key.isoformat()} if isinstance(place.key, datetime) else {"key": place.key}
    return {"number": place.number, **key}


def place_from_json(found: Any) -> Place:
    """A place in a list of trials out of JSON."""
    key = datetime.fromisoformat(found["at"]) if "at" in found else found["key"]
    return Place(key=key, number=int(found["number"]))


def _checksum(scope: object, content: bytes) -> bytes:
    return hashlib.blake2b(repr(scope).encode() + b"\0" + content, digest_size=_CHECKSUM_BYTES).digest()


def _refusal() -> Rejection:
    return bad_request(
        "invalid_page_token",
        "is not a token of this list with these parameters",
        field="page_token",
        hint="Send next_page_token as it came, with the same other parameters, or begin again without it.",
    )
