"""Zygotes are dear to start: tests of one module share one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.worker.running import Running


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Processes with nothing loaded ahead."""
    running = Running(tmp_path_factory.mktemp("bare"), BASIN_TOKEN="secret")
    yield running
    running.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Processes with torch and what the built-in recipe needs loaded ahead."""
    running = Running(tmp_path_factory.mktemp("loaded"), ["digits-mlp"])
    yield running
    running.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's trainers are."""
    return tmp_path
