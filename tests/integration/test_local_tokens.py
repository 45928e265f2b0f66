"""Tokens made on the server's own machine, straight in the database, and the server that does not start without one."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from service import bootstrap
from service.config import Settings
from service.domain.audit import AuditQuery
from service.domain.errors import SchemaMismatch, TokenNotFound
from service.domain.token import digest
from service.serving import CannotServe
from service.store.opening import open_store
from service.usecases.ports import Transaction
from service.wire.token import NewToken

T = TypeVar("T")


def read(settings: Settings, work: Callable[[Transaction], T]) -> T:
    store = open_store(settings.database_url, migrate=False)
    try:
        return asyncio.run(store.read(work))
    finally:
        store.close()


def ruled(settings: Settings) -> None:
    store = open_store(settings.database_url, migrate=False)
    try:
        bootstrap.can_be_ruled(settings, store)
    finally:
        store.close()


def made(settings: Settings, **changes: object) -> str:
    """The id of a new token."""
    return bootstrap.create_token(settings, NewToken.model_validate({"name": "anna", "role": "admin", **changes})).id


def test_a_token_is_made_shown_and_revoked(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    created = bootstrap.create_token(settings, NewToken(name="anna", role="admin", expires_in=60.0))
    (listed,) = bootstrap.list_tokens(settings)
    assert (listed.id, listed.name, listed.role, listed.state) == (created.id, "anna", "admin", "live")
    assert listed.expires_at == listed.created_at + timedelta(seconds=60)
    assert read(settings, lambda tx: tx.tokens.get(created.id)).hash == digest(created.token)
    bootstrap.revoke_token(settings, created.id)
    assert [one.state for one in bootstrap.list_tokens(settings)] == ["revoked"]
    with pytest.raises(TokenNotFound):
        bootstrap.revoke_token(settings, "0" * 12)
    entries = read(settings, lambda tx: tx.audit.list(AuditQuery())).items
    assert [(one.actor, one.operation, one.object) for one in entries] == [
        ("local", "revoke_token", f"tokens/{created.id}"),
        ("local", "create_token", f"tokens/{created.id}"),
    ]
    assert created.token not in repr(entries)


def test_it_makes_a_database_of_sqlite_where_there_is_none(tmp_path: object) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/new/basin.db")
    assert made(settings)
    assert len(bootstrap.list_tokens(settings)) == 1


def test_it_leaves_migrating_postgresql_to_whoever_does_that(empty_postgres_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="basin migrate"):
        made(Settings(database_url=empty_postgres_url))


@pytest.mark.parametrize(
    "changes", [{"host": "0.0.0.0"}, {"host": "10.1.2.3"}, {"host": "::"}, {"require_tokens": "always"}]
)
def test_who_needs_tokens_does_not_start_without_an_admin(sqlite_url: str, changes: dict[str, str]) -> None:
    settings = Settings.model_validate({"database_url": sqlite_url, **changes})
    with pytest.raises(CannotServe, match=r"basin token create --local --role admin .*--trust-network"):
        ruled(settings)
    made(settings, role="editor")
    gone = made(settings)
    bootstrap.revoke_token(settings, gone)
    made(settings, expires_in=1e-6)
    with pytest.raises(CannotServe):
        ruled(settings)
    made(settings)
    ruled(settings)


@pytest.mark.parametrize("changes", [{}, {"host": "localhost"}, {"host": "0.0.0.0", "trust_network": True}])
def test_who_needs_none_starts_without(sqlite_url: str, changes: dict[str, object]) -> None:
    ruled(Settings.model_validate({"database_url": sqlite_url, **changes}))


def test_the_refusal_does_not_show_the_password(sqlite_url: str) -> None:
    store = open_store(sqlite_url, migrate=False)
    settings = Settings(database_url="postgresql://me:geheim@db/x", host="10.0.0.1")
    with pytest.raises(CannotServe) as caught:
        bootstrap.can_be_ruled(settings, store)
    store.close()
    assert "geheim" not in str(caught.value)
    assert "10.0.0.1" in str(caught.value)
