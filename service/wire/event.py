"""What happened: the events that the server keeps and streams."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.wire.message import Answer

EventType = Literal[
    "study.created", "study.updated", "study.state", "study.deleted", "trial.created", "trial.state", "resync"
]


class Event(Answer):
    """One thing that happened. Ids grow in the order in which events became true."""

    id: int
    type: EventType
    study: str
    trial: int | None = None
    seq: int = Field(description="The study's seq after it.")
    data: dict[str, object] = Field(default_factory=dict)
    at: datetime
