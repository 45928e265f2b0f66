"""The audit log: one entry for each change, and what a reader asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.domain.actor import Actor
from service.domain.trial import nothing
from service.wire.token import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change. Its id is given by the store. `object` is the address of what was changed, without `/v1/`."""

    at: datetime
    actor: str
    token: str | None = None
    role: Role | None = None
    request_id: str | None = None
    operation: str
    object: str
    detail: Mapping[str, Any] = field(default_factory=nothing)
    id: int = 0


def entry(
    at: datetime, actor: Actor, operation: str, object: str, detail: Mapping[str, Any], request_id: str | None = None
) -> Entry:
    """An entry signed by an actor."""
    return Entry(
        at=at,
        actor=actor.name,
        token=actor.token,
        role=actor.role,
        request_id=request_id,
        operation=operation,
        object=object,
        detail=detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries: of an actor (its name or its token's id), of an object and all that lies beneath, since a time."""

    actor: str | None = None
    object: str | None = None
    since: datetime | None = None
    before_id: int | None = None
    size: int = 100
