"""Who may use the server: tokens with their roles, and the sessions of browsers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from service.wire.message import Answer, Request, Seconds, printable, refuse

Role = Literal["viewer", "editor", "admin", "worker"]
TokenState = Literal["live", "expired", "revoked"]
RESERVED = ("local", "network", "system")
"""What the audit log calls those who act without a token."""


def _own_name(value: str) -> str:
    if value.strip().lower() in RESERVED:
        raise refuse("reserved", "must not be {names}: the audit log calls others so", names=" or ".join(RESERVED))
    return value


TokenName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable), AfterValidator(_own_name)]


class NewToken(Request):
    """A token to be made."""

    name: TokenName = Field(description="Who or what it is for: it stands in the audit log.", examples=["anna"])
    role: Role
    expires_in: Seconds | None = Field(
        default=None, description="How long it holds; without it, until it is revoked.", examples=["90d"]
    )


class Token(Answer):
    """A token as the server knows it: everything but the secret."""

    id: str = Field(description="The public part of the token: `basin_ID_...`.", examples=["3f9c1e0a77b2"])
    name: str
    role: Role
    state: TokenState
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = Field(default=None, description="To the minute.")


class CreatedToken(Token):
    """A new token. The secret is shown this once; the server keeps a hash of it only."""

    token: str


class TokenList(Answer):
    """The tokens, newest first."""

    tokens: tuple[Token, ...]


class LogIn(Request):
    """Open a session of a browser."""

    token: str = Field(min_length=1, max_length=200)


class Session(Answer):
    """Who the server takes you for."""

    name: str
    role: Role
    token_id: str | None = Field(default=None, description="None where the server needs no tokens.")
    expires_at: datetime | None = None
