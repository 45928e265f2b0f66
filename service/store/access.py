"""Tokens, sessions and the audit log in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from service.domain.audit import AuditQuery, Entry
from service.domain.errors import TokenNotFound
from service.domain.query import Page
from service.domain.token import Session, Token
from service.store import tables
from service.store.clock import Clock

_tokens = tables.tokens
_sessions = tables.sessions
_audit = tables.audit


class SqlTokens:
    """The `Tokens` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def add(self, token: Token) -> None:
        """Add a token."""
        self._connection.execute(insert(_tokens), {column.name: getattr(token, column.name) for column in _tokens.c})

    def get(self, token_id: str) -> Token:
        """Read a token; TokenNotFound."""
        row = self._connection.execute(select(_tokens).where(_tokens.c.id == token_id)).one_or_none()
        if row is None:
            raise TokenNotFound
        return _token(row)

    def list(self) -> Sequence[Token]:
        """Read all tokens, newest first."""
        wanted = select(_tokens).order_by(_tokens.c.created_at.desc(), _tokens.c.id)
        return [_token(row) for row in self._connection.execute(wanted)]

    def revoke(self, token_id: str) -> Token:
        """Let a token hold no longer, as of now; TokenNotFound. One that was revoked stays as it is."""
        live = (_tokens.c.id == token_id) & _tokens.c.revoked_at.is_(None)
        self._connection.execute(update(_tokens).where(live), {"revoked_at": self._clock.now})
        return self.get(token_id)

    def used(self, moments: Mapping[str, datetime]) -> None:
        """Note when tokens were used last, by their ids. No token's moment moves back."""
        if moments:
            given = [{"which": token_id, "last_used_at": at, "moment": at} for token_id, at in sorted(moments.items())]
            self._connection.execute(_USED, given)

    def prune(self, before: datetime) -> int:
        """Remove the tokens that were revoked or have expired before a time; answers how many."""
        ended = or_(_tokens.c.revoked_at < before, _tokens.c.expires_at < before)
        gone = select(_tokens.c.id).where(ended)
        self._connection.execute(delete(_sessions).where(_sessions.c.token_id.in_(gone)))
        return self._connection.execute(delete(_tokens).where(ended)).rowcount


_last_use = bindparam("moment", type_=_tokens.c.last_used_at.type)
_USED = update(_tokens).where(
    _tokens.c.id == bindparam("which"), or_(_tokens.c.last_used_at.is_(None), _tokens.c.last_used_at < _last_use)
)


class SqlSessions:
    """The `Sessions` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        """Add a session of a token that is there."""
        self._connection.execute(
            insert(_sessions), {column.name: getattr(session, column.name) for column in _sessions.c}
        )

    def list(self) -> Sequence[Session]:
        """Read all sessions."""
        rows = self._connection.execute(select(_sessions).order_by(_sessions.c.created_at, _sessions.c.hash))
        return [Session(**row._mapping) for row in rows]

    def end(self, hash: str) -> bool:
        """Remove a session; whether there was one."""
        return self._connection.execute(delete(_sessions).where(_sessions.c.hash == hash)).rowcount > 0

    def end_all(self, token_id: str) -> None:
        """Remove all sessions of a token."""
        self._connection.execute(delete(_sessions).where(_sessions.c.token_id == token_id))

    def prune(self, before: datetime) -> int:
        """Remove the sessions that have expired before a time; answers how many."""
        return self._connection.execute(delete(_sessions).where(_sessions.c.expires_at < before)).rowcount


class SqlAudit:
    """The `AuditLog` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, entry: Entry) -> None:
        """Add an entry; the id given is ignored."""
        written = {column.name: getattr(entry, column.name) for column in _audit.c if column is not _audit.c.id}
        self._connection.execute(insert(_audit), written)

    def list(self, query: AuditQuery) -> Page[Entry]:
        """Read a page of entries, newest first."""
        wanted = select(_audit).order_by(_audit.c.id.desc()).limit(query.size + 1)
        if query.actor is not None:
            wanted = wanted.where(or_(_audit.c.actor == query.actor, _audit.c.token == query.actor))
        if query.object is not None:
            # Not LIKE: on SQLite it takes small letters and capitals for the same.
            beneath = f"{query.object}/"
            begins = func.substr(_audit.c.object, 1, len(beneath)) == beneath
            wanted = wanted.where(or_(_audit.c.object == query.object, begins))
        if query.since is not None:
            wanted = wanted.where(_audit.c.at >= query.since)
        if query.before_id is not None:
            wanted = wanted.where(_audit.c.id < query.before_id)
        found = [Entry(**row._mapping) for row in self._connection.execute(wanted)]
        return Page(tuple(found[: query.size]), len(found) > query.size)

    def prune(self, before: datetime) -> int:
        """Remove the entries older than a time; answers how many."""
        return self._connection.execute(delete(_audit).where(_audit.c.at < before)).rowcount


def _token(row: Row[Any]) -> Token:
    return Token(**row._mapping)
