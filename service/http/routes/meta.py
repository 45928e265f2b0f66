"""What the server tells of itself: whether it lives, whether it can serve, what it is."""

import platform

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import StoreUnavailable
from service.http import examples
from service.http.answers import answer
from service.http.documented import documented
from service.http.route import WireRoute
from service.http.services import served
from service.wire import study
from service.wire.server import PROTOCOL, Health, Version

router = APIRouter(tags=["server"], route_class=WireRoute)


@router.get("/healthz", **documented("get_health", "Whether the server runs", answer=Health, example=examples.HEALTH))
async def healthz() -> Response:
    """Says nothing of the database: a restart of the server would not help it."""
    return answer(Health(status="ok"))


@router.get(
    "/readyz",
    **documented(
        "get_readiness",
        "Whether the server can serve",
        answer=Health,
        example=examples.HEALTH,
        errors=[StoreUnavailable],
    ),
)
async def readyz(request: Request) -> Response:
    """503 while the database does not answer: send requests elsewhere."""
    await served(request).store.ping()
    return answer(Health(status="ok"))


@router.get("/v1/version", **documented("get_version", "What runs here", answer=Version, example=examples.VERSION))
async def version(request: Request) -> Response:
    """The program, its protocol, and its database."""
    services = served(request)
    info = services.store.info
    return answer(
        Version(
            version=services.version,
            protocol=PROTOCOL,
            schema_revision=info.schema_revision,
            database=info.database,
            python=platform.python_version(),
        )
    )


@router.get(
    "/v1/schema/study.json",
    **documented(
        "get_study_schema",
        "The JSON Schema of a study's definition",
        streams={"application/schema+json": {"$schema": study.JSON_SCHEMA_DIALECT, "title": "StudyDefinition"}},
        says="For editors that check `study.yaml` while it is written.",
    ),
)
async def study_schema(request: Request) -> Response:
    """Put `# yaml-language-server: $schema=` and this address at the head of `study.yaml`."""
    return JSONResponse(study.study_schema(str(request.url.replace(query=""))), media_type="application/schema+json")
