"""The store in memory keeps the contract of stores."""

import pytest

from service.store.memory import MemoryStore
from service.usecases.ports import Store
from tests.conformance.store import StoreConformance


class TestMemoryStore(StoreConformance):
    """All in memory."""

    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
