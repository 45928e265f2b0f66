"""What happened, as the outbox keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.domain.trial import nothing
from service.wire.event import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. Its id is given by the store, in the order in which events become true."""

    type: EventType
    study_id: int | None = None
    study: str | None = None
    seq: int = 0
    at: datetime
    trial: int | None = None
    worker: str | None = None
    data: Mapping[str, Any] = field(default_factory=nothing)
    id: int = 0
