"""Tokens, sessions and the audit log in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.domain.audit import AuditQuery, Entry
from service.domain.errors import TokenNotFound
from service.domain.query import Page
from service.domain.token import Session, Token
from service.store.memory.tables import Tables, own_entry, own_session, own_token


class MemoryTokens:
    """The tokens of those who may use the server."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now

    def add(self, token: Token) -> None:
        """Add a token."""
        if self._tables.tokens.get(None, token.id) is not None:
            raise ValueError(f"token {token.id} is there already")
        self._tables.tokens.put(None, token.id, own_token(token))

    def get(self, token_id: str) -> Token:
        """Read a token; TokenNotFound."""
        token = self._tables.tokens.get(None, token_id)
        if token is None:
            raise TokenNotFound
        return token

    def list(self) -> Sequence[Token]:
        """Read all tokens, newest first."""
        by_id = sorted(self._tables.tokens.of(None).values(), key=lambda token: token.id)
        return tuple(sorted(by_id, key=lambda token: token.created_at, reverse=True))

    def revoke(self, token_id: str) -> Token:
        """Let a token hold no longer, as of now; TokenNotFound. One that was revoked stays as it is."""
        token = self.get(token_id)
        if token.revoked_at is None:
            token = replace(token, revoked_at=self._now)
            self._tables.tokens.put(None, token_id, token)
        return token

    def used(self, moments: Mapping[str, datetime]) -> None:
        """Note when tokens were used last, by their ids. No token's moment moves back."""
        for token_id, at in moments.items():
            token = self._tables.tokens.get(None, token_id)
            if token is not None and (token.last_used_at is None or token.last_used_at < at):
                self._tables.tokens.put(None, token_id, own_token(replace(token, last_used_at=at)))

    def prune(self, before: datetime) -> int:
        """Remove the tokens that were revoked or have expired before a time; answers how many."""
        ended = [
            token.id
            for token in self._tables.tokens.of(None).values()
            if any(moment is not None and moment < before for moment in (token.revoked_at, token.expires_at))
        ]
        for token_id in ended:
            MemorySessions(self._tables).end_all(token_id)
            self._tables.tokens.drop(None, token_id)
        return len(ended)


class MemorySessions:
    """The browsers that have logged in."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, session: Session) -> None:
        """Add a session of a token that is there."""
        if self._tables.tokens.get(None, session.token_id) is None:
            raise ValueError(f"there is no token {session.token_id}")
        self._tables.sessions.put(None, session.hash, own_session(session))

    def list(self) -> Sequence[Session]:
        """Read all sessions."""
        return tuple(sorted(self._tables.sessions.of(None).values(), key=lambda one: (one.created_at, one.hash)))

    def end(self, hash: str) -> bool:
        """Remove a session; whether there was one."""
        there = self._tables.sessions.get(None, hash) is not None
        if there:
            self._tables.sessions.drop(None, hash)
        return there

    def end_all(self, token_id: str) -> None:
        """Remove all sessions of a token."""
        for session in self.list():
            if session.token_id == token_id:
                self.end(session.hash)

    def prune(self, before: datetime) -> int:
        """Remove the sessions that have expired before a time; answers how many."""
        return sum(self.end(session.hash) for session in self.list() if session.expires_at < before)


class MemoryAudit:
    """Who changed what."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def append(self, entry: Entry) -> None:
        """Add an entry; the id given is ignored."""
        self._tables.last_entry += 1
        added = replace(entry, id=self._tables.last_entry)
        self._tables.audit.put(None, added.id, own_entry(added))

    def list(self, query: AuditQuery) -> Page[Entry]:
        """Read a page of entries, newest first."""
        entries = (entry for _, entry in sorted(self._tables.audit.of(None).items(), reverse=True))
        found = [own_entry(entry) for entry in entries if _wanted(entry, query)]
        return Page(tuple(found[: query.size]), len(found) > query.size)

    def prune(self, before: datetime) -> int:
        """Remove the entries older than a time; answers how many."""
        old = [key for key, entry in self._tables.audit.of(None).items() if entry.at < before]
        for key in old:
            self._tables.audit.drop(None, key)
        return len(old)


def _wanted(entry: Entry, query: AuditQuery) -> bool:
    return (
        (query.actor is None or query.actor in (entry.actor, entry.token))
        and (query.object is None or f"{entry.object}/".startswith(f"{query.object}/"))
        and (query.since is None or entry.at >= query.since)
        and (query.before_id is None or entry.id < query.before_id)
    )
