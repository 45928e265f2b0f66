"""Reading JSON bodies: from bytes to a valid message in one step, and what is wrong with them in words."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from service.domain.errors import Invalid
from service.http.errors import Rejection, bad_request
from service.wire.problem import field_errors

M = TypeVar("M", bound=BaseModel)


def parse(raw: bytes, model: type[M]) -> M:
    """Read a body; it may hold NaN, and must not be nested deeper than the parser goes (about 200 levels)."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(raw, error) from None


def refuse_twins(raw: bytes) -> None:
    """Refuse an object that names a field twice: all parsers would silently keep one of the two."""
    json.loads(raw, object_pairs_hook=_without_twins, parse_int=float)


def _refusal(raw: bytes, error: ValidationError) -> Exception:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return not_json(first["ctx"]["error"])
    return Invalid.of(field_errors(error, from_json(raw)))


def not_json(why: str) -> Rejection:
    """The body is not the JSON that it claims to be."""
    return bad_request("invalid_json", f"the body cannot be read as JSON: {why}")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise not_json(f"{twin!r} stands twice in one object")
    return found
