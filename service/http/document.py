"""The OpenAPI document: what the routes declare, and the refusals that they all have."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from service.domain import errors as domain
from service.http.documented import CODES
from service.http.errors import PROBLEM_JSON, title
from service.http.gate import COOKIE
from service.http.permissions import ALLOWED, OPEN
from service.wire.event import Event
from service.wire.problem import Problem

_REF = "#/components/schemas/{model}"
_CHANGING = frozenset({"post", "put", "patch", "delete"})
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that `basin token create` or `POST /v1/tokens` made. A server that listens on loopback "
        "only needs none, unless it was told to (`require_tokens`).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A browser that has logged in. Changes must come from a page of the server itself (`Origin`).",
    },
}
ROLES = "x-roles"
"""Where an operation says which roles may do it; where it does not, everybody may."""
# These answer to any Host.
_ALWAYS = frozenset({"get_health", "get_readiness"})
_DESCRIPTION = """\
Basin searches hyperparameters: studies hold trials, workers lease trials and report their learning curves.

Every refusal is a problem (RFC 9457) with a stable `code`. Retry on 429, 503 (see `Retry-After`) and on a lost
connection only. NaN and the infinities travel as the strings "NaN", "Infinity" and "-Infinity". Lists are paged: send
`next_page_token` back as `page_token` until it is null. Answers may grow: ignore fields that you do not know.

Each operation names the roles that may do it (`x-roles`). Send a token as `Authorization: Bearer TOKEN`.
"""
_SAYS: Mapping[str, str] = {
    "invalid_json": "The body cannot be read as JSON.",
    "invalid_header": "A header cannot be read.",
    "invalid_page_token": "The page token is not one of this list.",
    "origin_not_allowed": "A page of another site asked for a change, or a session's change came from no page at all.",
    "not_found": "There is nothing at this address.",
    "body_too_large": "The body is too long.",
    "unsupported_media_type": "The body is not JSON.",
    "host_not_allowed": "The server does not go by this name.",
    "internal": "The server failed at this request.",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes."""
    found = get_openapi(
        title="Basin",
        version="1",
        summary="Bayesian hyperparameter search as a service",
        description=_DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    _examples(app, found)
    used: dict[str, int] = {}
    for method, operation in operations(found):
        _roles(operation)
        for status, codes in _refusals(method, operation).items():
            operation["responses"][str(status)] = _refusal(status, codes)
            used |= dict.fromkeys(codes, status)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    _, extra = models_json_schema([(Problem, "serialization"), (Event, "serialization")], ref_template=_REF)
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    components["schemas"] = dict(sorted((schemas | extra["$defs"]).items()))
    components["securitySchemes"] = _SCHEMES
    found["security"] = [{name: []} for name in _SCHEMES]
    components["examples"] = {code: _example(code, used[code]) for code in sorted(used)}
    return found


def _examples(app: FastAPI, found: dict[str, Any]) -> None:
    """Put the examples back as they are: FastAPI leaves out what is null in them."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            operation = found["paths"][route.path_format][min(route.methods or ()).lower()]
            for status, response in route.responses.items():
                for kind, content in response.get("content", {}).items():
                    operation["responses"][str(status)]["content"][kind]["example"] = content["example"]


def operations(api: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All operations of a document, with their methods."""
    for path in api["paths"].values():
        yield from path.items()


def text(app: FastAPI) -> str:
    """The document as it is written to the file."""
    return json.dumps(document(app), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def _roles(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if name in OPEN:
        operation["security"] = []
    else:
        operation[ROLES] = sorted(ALLOWED[name])


def _refusals(method: str, operation: dict[str, Any]) -> dict[int, list[str]]:
    """The codes that an operation may be refused with, by status: its own and those that all have."""
    codes: dict[int, list[str]] = {int(status): own for status, own in operation.pop(CODES).items()}
    if operation["operationId"] not in _ALWAYS:
        for error in (domain.StoreUnavailable, domain.Overloaded, domain.StoreFull)[: 3 if method in _CHANGING else 1]:
            codes.setdefault(503, []).append(error.code)
        codes.setdefault(421, []).append("host_not_allowed")
    if operation["operationId"] not in OPEN:
        codes.setdefault(401, []).extend((domain.TokenMissing.code, domain.TokenInvalid.code))
        codes.setdefault(403, []).append(domain.RoleMissing.code)
        codes.setdefault(429, []).append(domain.TooManyFailures.code)
    if operation.get("parameters") or "requestBody" in operation:
        codes.setdefault(422, []).append(domain.Invalid.code)
    if method in _CHANGING:
        codes.setdefault(403, []).append("origin_not_allowed")
        codes.setdefault(415, []).append("unsupported_media_type")
        codes.setdefault(413, []).append("body_too_large")
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        codes.setdefault(400, []).append("invalid_json")
    codes.setdefault(500, []).append("internal")
    return dict(sorted(codes.items()))


def _refusal(status: int, codes: list[str]) -> dict[str, Any]:
    return {
        "description": f"{title(status)}: {', '.join(f'`{code}`' for code in codes)}",
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": _REF.format(model="Problem")},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def _example(code: str, status: int) -> dict[str, Any]:
    known = {kind.code: kind for kind in _tree(domain.BasinError)}
    kind = known.get(code)
    detail = kind().message if kind else _SAYS[code]
    value = Problem(title=title(status), status=status, code=code, detail=detail, hint=kind.hint if kind else None)
    return {"summary": detail, "value": value.model_dump(mode="json", exclude_none=True)}


def _tree(kind: type[domain.BasinError]) -> Iterator[type[domain.BasinError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
