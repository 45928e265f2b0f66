"""Fixtures with databases, as a pytest plugin: each test gets one of its own, with the schema in it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.conformance.postgres import PostgresServer

DatabaseKind = Literal["sqlite", "postgresql"]


class Databases:
    """A PostgreSQL in which tests have databases of their own."""

    def __init__(self, url: Callable[[str], str], admin: str) -> None:
        self.url = url
        self._admin = admin
        self._template: str | None = None
        self._made: set[str] = set()

    def create(self, *, migrated: bool) -> str:
        """Make a database; a migrated one is a copy of one that was migrated for all tests of this process."""
        name = f"basin_{uuid4().hex}"
        self._made.add(name)
        if not migrated:
            self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            return name
        if self._template is None:
            self._template = self.create(migrated=False)
            _migrate(self.url(self._template))
        template = sql.Identifier(self._template)
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._made.discard(name)
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Remove what is left."""
        for name in tuple(self._made):
            self.drop(name)

    def _run(self, command: sql.Composed) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(command)


def _migrate(url: str) -> None:
    # Imported here: a run of unit tests alone need not wait for it, nor fail with it.
    from service.store.opening import open_store

    open_store(url, migrate=True).close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """The PostgreSQL of this test process: that of BASIN_TEST_POSTGRES_URL, or one that is started for it."""
    given = os.environ.get("BASIN_TEST_POSTGRES_URL")
    if given:
        databases = Databases(lambda name: urlsplit(given)._replace(path=f"/{name}").geturl(), given)
        yield databases
        databases.close()
        return
    with PostgresServer(durable=False) as server:
        server.start()
        yield Databases(server.url, server.url())


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test alone, to be stopped, killed and started again."""
    with PostgresServer() as server:
        server.start()
        yield server


@pytest.fixture
def empty_postgres_url(postgres: Databases) -> Iterator[str]:
    """A PostgreSQL database without a schema."""
    name = postgres.create(migrated=False)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def postgres_url(postgres: Databases) -> Iterator[str]:
    """A PostgreSQL database with the schema."""
    name = postgres.create(migrated=True)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that was migrated once for all tests of this process."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An SQLite database with the schema."""
    path = tmp_path / "basin.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with the schema, of each kind in turn."""
    kind: DatabaseKind = request.param
    return str(request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url"))
