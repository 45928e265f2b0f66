"""An application with its pages over the store in memory; its services are those of the API's tests."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.dashboard import routes
from service.http.app import create_app
from service.http.services import Services
from service.store.memory import MemoryStore
from service.usecases.mirrors import Mirrors
from tests.unit.service.http.analysing import analyses, charts, reports
from tests.unit.service.http.api import Api

Visit = Callable[..., Api]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def visit(store: MemoryStore) -> Iterator[Visit]:
    """Makes visitors of a server whose services differ a little."""
    services = Services(
        store=store,
        mirrors=Mirrors(1_000),
        draw_seed=lambda: 7,
        version="0.0.1",
        analyses=analyses(store),
        charts=charts(store),
        reports=reports(store).write,
    )
    made: list[Api] = []

    def make(**changes: Any) -> Api:
        app = create_app(replace(services, **changes))
        routes.install(app)
        made.append(Api(app, check=False))
        return made[-1]

    yield make
    for api in made:
        api.close()
