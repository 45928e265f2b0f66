"""What a database's errors mean to those who use the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from service.domain.errors import StoreFull, StoreUnavailable, Unavailable

_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: could not serialize, deadlock found, lock not available."""
_FULL = frozenset({"53100", "53200"})
_AWAY = ("08", "57P", "53")
"""PostgreSQL's classes for a broken connection, a shutdown, and resources that ran out."""


def worth_another_try(error: DBAPIError) -> bool:
    """Whether the same work may succeed at once: it lost a race against another replica."""
    return _sqlstate(error) in _AGAIN


def connection_lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, so that a new one may do."""
    return error.connection_invalidated or (_sqlstate(error) or "").startswith(("08", "57P"))


def translated(error: Exception) -> Unavailable | None:
    """The refusal that a database error stands for; None for one that is a mistake of ours."""
    if isinstance(error, TimeoutError):
        return StoreUnavailable("all connections to the database are in use")
    if not isinstance(error, OperationalError | InterfaceError | DBAPIError):
        return None
    state, text = _sqlstate(error), str(error.orig)
    if state in _FULL or "disk is full" in text:
        return StoreFull(f"the database has no room left: {_first_line(text)}")
    if state in _AGAIN or (state or "").startswith(_AWAY) or error.connection_invalidated:
        return StoreUnavailable(f"the database does not answer: {_first_line(text)}")
    if state is None and isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailable(f"the database does not answer: {_first_line(text)}")
    return None


@contextmanager
def told() -> Iterator[None]:
    """Raise the refusal that a database error stands for, in its place."""
    try:
        yield
    except Exception as error:
        refusal = translated(error)
        if refusal is None:
            raise
        raise refusal from error


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"
