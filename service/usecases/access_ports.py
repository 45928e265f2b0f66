"""What the use cases need of the world to know who may do what, and who did. See `ports` for the rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from service.domain.audit import AuditQuery, Entry
from service.domain.query import Page
from service.domain.token import Session, Token


class Tokens(Protocol):
    """The tokens of those who may use the server."""

    def add(self, token: Token) -> None:
        """Add a token."""

    def get(self, token_id: str) -> Token:
        """Read a token; TokenNotFound."""

    def list(self) -> Sequence[Token]:
        """Read all tokens, newest first."""

    def revoke(self, token_id: str) -> Token:
        """Let a token hold no longer, as of now; TokenNotFound. One that was revoked stays as it is."""

    def used(self, moments: Mapping[str, datetime]) -> None:
        """Note when tokens were used last, by their ids. No token's moment moves back."""

    def prune(self, before: datetime) -> int:
        """Remove the tokens that were revoked or have expired before a time; answers how many."""


class Sessions(Protocol):
    """The browsers that have logged in."""

    def add(self, session: Session) -> None:
        """Add a session of a token that is there."""

    def list(self) -> Sequence[Session]:
        """Read all sessions."""

    def end(self, hash: str) -> bool:
        """Remove a session; whether there was one."""

    def end_all(self, token_id: str) -> None:
        """Remove all sessions of a token."""

    def prune(self, before: datetime) -> int:
        """Remove the sessions that have expired before a time; answers how many."""


class AuditLog(Protocol):
    """Who changed what, written in the same commit as the change."""

    def append(self, entry: Entry) -> None:
        """Add an entry; the id given is ignored."""

    def list(self, query: AuditQuery) -> Page[Entry]:
        """Read a page of entries, newest first."""

    def prune(self, before: datetime) -> int:
        """Remove the entries older than a time; answers how many."""
