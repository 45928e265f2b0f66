"""The application: routes, refusals and the layers around them, put together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from service.domain.actor import LOCAL, NETWORK
from service.http import api_page, errors
from service.http.body_limit import BodyLimit
from service.http.compression import Compression
from service.http.document import document, text
from service.http.envelope import Envelope
from service.http.feed import Feed
from service.http.gate import Gate
from service.http.guard import Guard
from service.http.hosts import Hosts, reached_from_here_alone
from service.http.routes import (
    access,
    analyses,
    attempts,
    charts,
    events,
    exports,
    finishing,
    leases,
    meta,
    studies,
    trials,
    workers,
)
from service.http.services import Served, Services
from service.http.throttle import Throttle
from service.http.uploads import Limits
from service.usecases.keyring import Keyring

Application = FastAPI
Running = Callable[[], AbstractAsyncContextManager[None]]

# The calls that come most often first: routes are tried one after the other.
_FAMILIES = (leases, attempts, workers, trials, studies, exports, charts, analyses, finishing, events, access, meta)
# Nobody sets it up here, and FastAPI would look for it in each request.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def create_app(services: Services, running: Running | None = None) -> FastAPI:
    """The application that serves these services; `running` is what is to go on while it does.

    `app.state.served.feed.close()` ends the event streams; a server that stops calls it first, or it would wait for
    clients that never leave.
    """
    local = reached_from_here_alone(services.host)
    trusted = services.trust_network or (services.needs_tokens and not local)
    hosts = Hosts.of(services.host, services.allowed_hosts, trust_network=trusted)
    anonymous = None if services.needs_tokens else LOCAL if local else NETWORK
    keyring, throttle = Keyring(services.store), Throttle()
    app = bare(
        Middleware(Envelope),
        Middleware(Guard, hosts),
        Middleware(Gate, keyring, hosts, anonymous, throttle),
        Middleware(BodyLimit, Limits(services.max_body_bytes, services.max_checkpoint_bytes)),
        Middleware(Compression),
    )
    if running is not None:
        app.router.lifespan_context = lambda _: running()
    app.state.served = Served(services, Feed(services.store), keyring, throttle)
    return app


def bare(*layers: Middleware) -> FastAPI:
    """The routes alone: enough to tell what they are."""
    app = FastAPI(
        middleware=layers,
        telemetry=_NO_TELEMETRY,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for family in _FAMILIES:
        # Not include_router(): a router inside a router matches each request twice.
        app.router.routes.extend(family.router.routes)
    errors.install(app)
    shown: list[str] = []

    async def openapi(_: Request) -> Response:
        if not shown:
            shown.append(text(app))
        return Response(shown[0], media_type="application/json")

    async def docs(_: Request) -> Response:
        return Response(api_page.page(document(app)), headers=api_page.HEADERS, media_type="text/html")

    app.add_route("/v1/openapi.json", openapi, include_in_schema=False)
    app.add_route("/docs", docs, include_in_schema=False)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # as FastAPI has it
    return app
