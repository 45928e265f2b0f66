"""Answers: messages written straight to bytes."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response

_JSON = "application/json"


def answer(message: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A message as the body of an answer; nobody may keep it, for it is true for a moment only."""
    return Response(message.model_dump_json(), status, {"cache-control": "no-store", **(headers or {})}, _JSON)
