"""What can be done with tokens: make, revoke, log in and out with them."""

from datetime import timedelta

from service.domain.actor import Actor
from service.domain.token import Session, Token, digest
from service.usecases.ports import Transaction
from service.wire.token import NewToken

SESSION_DAYS = 30


def create(tx: Transaction, new: NewToken, token_id: str, secret: str, by: Actor) -> Token:
    """Keep a new token; of its secret only a hash."""
    token = Token(
        id=token_id,
        name=new.name,
        role=new.role,
        hash=digest(secret),
        created_at=tx.now,
        created_by=by.name,
        expires_at=None if new.expires_in is None else tx.now + timedelta(seconds=new.expires_in),
    )
    tx.tokens.add(token)
    return token


def revoke(tx: Transaction, token_id: str) -> Token:
    """Let a token and all its sessions hold no longer."""
    token = tx.tokens.revoke(token_id)
    tx.sessions.end_all(token_id)
    return token


def log_in(tx: Transaction, token: Token, session_secret: str) -> Session:
    """Open a session; it ends with its token, or after a month."""
    expires_at = tx.now + timedelta(days=SESSION_DAYS)
    if token.expires_at is not None:
        expires_at = min(expires_at, token.expires_at)
    session = Session(hash=digest(session_secret), token_id=token.id, created_at=tx.now, expires_at=expires_at)
    tx.sessions.add(session)
    return session


def has_admin(tx: Transaction) -> bool:
    """Whether anybody could make tokens over the API."""
    return any(token.role == "admin" and token.state(tx.now) == "live" for token in tx.tokens.list())
