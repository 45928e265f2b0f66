"""An application over the store in memory, and a client for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.http.app import create_app
from service.http.services import Services
from service.store.memory import MemoryStore
from service.usecases.mirrors import Mirrors
from tests.unit.service.http.analysing import analyses, charts, reports
from tests.unit.service.http.api import Api
from tests.unit.service.http.keeping import keeper

SEED = 1234


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def services(store: MemoryStore) -> Services:
    return Services(
        store=store,
        mirrors=Mirrors(1_000),
        draw_seed=lambda: SEED,
        version="0.0.1",
        analyses=analyses(store),
        charts=charts(store),
        reports=reports(store).write,
        keeper=keeper(store),
    )


@pytest.fixture
def make_api(services: Services) -> Iterator[Callable[..., Api]]:
    """Makes clients of applications whose services differ a little."""
    made: list[Api] = []

    def make(check: bool = True, **changes: Any) -> Api:
        made.append(Api(create_app(replace(services, **changes)), check=check))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    return make_api()
