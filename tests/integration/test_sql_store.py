"""The store over SQLite and over PostgreSQL keeps the contract of stores."""

import pytest

from service.store.opening import open_store
from service.usecases.ports import Store
from tests.conformance.store import StoreConformance


class TestSqliteStore(StoreConformance):
    """A file of its own for each test."""

    @pytest.fixture
    def store(self, sqlite_url: str) -> Store:
        return open_store(sqlite_url, migrate=False)


class TestPostgresStore(StoreConformance):
    """A database of its own for each test."""

    @pytest.fixture
    def store(self, postgres_url: str) -> Store:
        return open_store(postgres_url, migrate=False)
