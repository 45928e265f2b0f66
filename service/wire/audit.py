"""The audit log: who changed what."""

from datetime import datetime
from typing import Any

from pydantic import Field

from service.wire.message import Answer
from service.wire.token import Role


class AuditEntry(Answer):
    """One change: who made it, when, by which request."""

    id: int
    at: datetime
    actor: str = Field(
        description="The token's name; `local` or `network` where no token was needed, `system` for the server itself."
    )
    token_id: str | None = None
    role: Role | None = None
    request_id: str | None = None
    operation: str = Field(description="The operation's id in the OpenAPI document.", examples=["stop_study"])
    object: str = Field(examples=["studies/digits-mlp"])
    detail: dict[str, Any] = Field(default_factory=dict)


class AuditList(Answer):
    """A page of the audit log, newest first."""

    entries: tuple[AuditEntry, ...]
    next_page_token: str | None
