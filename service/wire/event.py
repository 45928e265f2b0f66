"""What happened: the events that the server keeps and streams."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.wire.message import Answer

EventType = Literal[
    "study.created",
    "study.updated",
    "study.state",
    "study.finish",
    "study.deleted",
    "trial.created",
    "trial.state",
    "worker.online",
    "worker.offline",
    "worker.draining",
    "worker.undrained",
    "worker.forgotten",
    "resync",
]


class Event(Answer):
    """One thing that happened. Ids grow in the order in which events became true."""

    id: int
    type: EventType
    study: str | None = Field(default=None, description="The study that it happened in, if it happened in one.")
    trial: int | None = None
    worker: str | None = Field(default=None, description="The id of the worker that it happened to.")
    seq: int = Field(description="The study's seq after it; 0 where there is no study.")
    data: dict[str, object] = Field(default_factory=dict)
    at: datetime
