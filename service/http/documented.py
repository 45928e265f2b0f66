"""What the OpenAPI document says of an operation, beyond what its parameters tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from service.domain.errors import BasinError
from service.http.errors import STATUS

CODES = "x-codes"
"""Where an operation keeps the codes of its refusals, by status, until the document is put together."""


def documented(
    operation_id: str,
    summary: str,
    *,
    answer: type[BaseModel] | None = None,
    example: BaseModel | None = None,
    status: int = 200,
    says: str = "",
    streams: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[type[BasinError]] = (),
    codes: Mapping[int, Sequence[str]] | None = None,
    more: Mapping[int, Mapping[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Arguments for a route: what it answers, an example of it, and which refusals of its own it has.

    Refusals that all operations share (a bad host, a bad body, a database that is away) are added by `openapi`.
    """
    refusals: dict[int, list[str]] = {number: list(own) for number, own in (codes or {}).items()}
    for error in errors:
        refusals.setdefault(STATUS[error], []).append(error.code)
    good: dict[str, Any] = {"description": says or (answer.__doc__ or "").split("\n")[0] or "Done."}
    if streams:
        good["content"] = {kind: _file(kind, example) for kind, example in streams.items()}
    elif example is not None:
        good["content"] = {"application/json": {"example": example.model_dump(mode="json")}}
    if headers:
        good["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    kind: dict[str, Any] = {"response_class": Response} if streams else {"response_model": answer}
    return {
        **kind,
        "operation_id": operation_id,
        "summary": summary,
        "status_code": status,
        "response_description": good["description"],
        "responses": {status: good, **(more or {})},
        "openapi_extra": {CODES: refusals, **(extra or {})},
    }


def bytes_body(says: str) -> dict[str, Any]:
    """A request body that is bytes, as the document tells it."""
    examples = {"bytes": {"summary": says, "value": "..."}}
    return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "examples": examples}}


def _file(kind: str, example: object) -> dict[str, Any]:
    """A body that no message describes: JSON of some form, or text, or bytes."""
    return {"schema": {"type": "object" if kind.endswith("json") else "string"}, "example": example}
