"""Every change that a request makes is signed: the audit log gets its entry in the transaction of the change.

A route has no other store than the one that signs (`services.served`), so none can forget it. What a route can do is
say more of what it changes: `sign`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic_core import to_jsonable_python
from starlette.requests import Request
from starlette.types import Scope

from service import logs
from service.domain.actor import SYSTEM, Actor
from service.domain.audit import Entry, entry
from service.domain.event import Event
from service.http.addresses import normal
from service.http.permissions import ACTOR, UNSIGNED
from service.usecases.ports import Item, Result, Store, StoreInfo, Together, Transaction

T = TypeVar("T")
SIGNATURE = "basin.signature"
_READING = frozenset({"GET", "HEAD"})
_LONGEST = 200
_MOST = 20


@dataclass
class Signature:
    """What will stand in the audit log, and whether it stands there already."""

    actor: Actor
    operation: str
    object: str
    detail: dict[str, Any]
    request_id: str | None
    named: Callable[[Any], str] | None = None
    signed: bool = field(default=False)

    def entry(self, now: datetime, result: Any) -> Entry:
        """The entry, now that it is known what came of the request."""
        object = self.named(result) if self.named is not None else self.object
        return entry(now, self.actor, self.operation, object, self.detail, self.request_id)


class Signed:
    """The store as one request has it: its first write is signed, and what else it writes belongs to that."""

    def __init__(self, store: Store, signature: Signature) -> None:
        self._store = store
        self._signature = signature

    @property
    def info(self) -> StoreInfo:
        """What kind of database this is."""
        return self._store.info

    async def write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Carry out one atomic unit of work, and sign it."""
        signature = self._signature
        if signature.signed:
            return await self._store.write(work, urgent=urgent)

        def signed(tx: Transaction) -> T:
            result = work(tx)
            tx.audit.append(signature.entry(tx.now, result))
            return result

        result = await self._store.write(signed, urgent=urgent)
        signature.signed = True
        return result

    async def write_together(self, work: Together[Item, Result], item: Item) -> Result:
        """Reports are all that goes together, and they are not signed."""
        return await self._store.write_together(work, item)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read at one moment."""
        return await self._store.read(work)

    async def ping(self) -> None:
        """Answer when the database does."""
        await self._store.ping()

    async def wait_for_events(self, after_id: int, seconds: float) -> None:
        """Return when there may be events behind an id, or after that time."""
        await self._store.wait_for_events(after_id, seconds)

    async def events_behind(self, after_id: int, count: int) -> Sequence[Event]:
        """The first events behind an id."""
        return await self._store.events_behind(after_id, count)

    def close(self) -> None:
        """Nothing: the store is not this request's to close."""


def prepare(scope: Scope, operation: str) -> None:
    """Lay out the signature of a request that may change something."""
    if scope["method"] in _READING or operation in UNSIGNED:
        return
    actor = scope.get(ACTOR)
    scope[SIGNATURE] = Signature(
        actor=actor if isinstance(actor, Actor) else SYSTEM,
        operation=operation,
        object=normal(scope["path"].removeprefix("/v1/").partition(":")[0]),
        detail=_query(scope),
        request_id=logs.request_id.get(),
    )


def sign(
    request: Request,
    *,
    object: str | None = None,
    named: Callable[[Any], str] | None = None,
    actor: Actor | None = None,
    **detail: object,
) -> None:
    """Say more of what a request changes. `named` tells the object from what the write answers."""
    signature: Signature = request.scope[SIGNATURE]
    signature.object = object or signature.object
    signature.named = named or signature.named
    signature.actor = actor or signature.actor
    signature.detail |= {name: _short(value) for name, value in to_jsonable_python(detail).items()}


def _query(scope: Scope) -> dict[str, Any]:
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    return {name: _short(value) for name, value in pairs[:_MOST]}


def _short(value: Any) -> Any:
    """A value that an entry has room for."""
    if isinstance(value, Mapping):
        return {name: _short(child) for name, child in list(value.items())[:_MOST]}
    if isinstance(value, list):
        return [_short(child) for child in value[:_MOST]]
    return f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value
