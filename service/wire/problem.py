"""How the server says no: problem bodies (RFC 9457), and validation errors in words with the path of their field."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from service.wire.message import Answer


class FieldError(Answer):
    """One field that is not as it should be."""

    field: str = Field(examples=["space.learning_rate.high"])
    message: str = Field(examples=["must be greater than low (0.1)"])

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Problem(Answer):
    """Why a request was refused, and what to do about it."""

    type: str = Field(default="about:blank", description="An address that explains the code.")
    title: str
    status: int
    code: str = Field(description="Stable: for programs.", examples=["invalid_argument"])
    detail: str
    hint: str | None = Field(default=None, description="What to do.")
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None


MAX_ERRORS = 100
_LONGEST_PART = 100
_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "string_unicode": "must not hold halves of characters",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be one of {expected}",
    "union_tag_invalid": "must be of type {expected_tags}, not '{tag}'",
    "union_tag_not_found": "needs a 'type'",
    "string_pattern_mismatch": "must begin with a letter and hold at most 100 letters, digits and _ . - /",
    "recursion_loop": "must not contain itself",
    "datetime_parsing": "must be a time such as 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "must be a time such as 2026-01-31T12:00:00Z",
    "json_invalid": "is not JSON: {error}",
}


def field_errors(error: ValidationError, given: Any) -> tuple[FieldError, ...]:
    """Say each error of a validation with the path of its field in what was given."""
    found: dict[tuple[str, str], FieldError] = {}
    items = error.errors(include_url=False, include_input=False)
    # Items of a list that are refused are not counted by pydantic: the list then seems too short, and is not.
    full = {item["loc"][:end] for item in items for end in range(len(item["loc"]))}
    for item in items:
        if item["type"] == "too_short" and item["loc"] in full:
            continue
        path = dotted(_in_the_input(item["loc"], given))
        found.setdefault((path, _said(item)), FieldError(field=path, message=_said(item)))
    told = tuple(found.values())
    if len(told) > MAX_ERRORS:
        more = FieldError(field="", message=f"and {len(told) - MAX_ERRORS} more errors")
        return (*told[:MAX_ERRORS], more)
    return told


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people write it: `objectives[0].metric`."""
    text = ""
    for part in path:
        name = (
            f"[{part}]" if isinstance(part, int) else part if len(part) <= _LONGEST_PART else f"{part[:_LONGEST_PART]}…"
        )
        text += f".{name}" if text and isinstance(part, str) else name
    return text


def _said(item: Mapping[str, Any]) -> str:
    words = _WORDS.get(item["type"])
    if item["type"] == "string_pattern_mismatch" and "{1,64}" in item["ctx"]["pattern"]:
        words = "must be 1 to 64 letters, digits and _ . - / = @ +"
    # Bounds of numbers are told as they were written: 0, and not 0.0.
    context = {name: f"{value:g}" if isinstance(value, float) else value for name, value in item.get("ctx", {}).items()}
    return words.format(**context) if words else str(item["msg"])


_ADDED = frozenset({"[key]", "<range>", "<list>", "<value>"})


def _in_the_input(loc: Sequence[str | int], given: Any) -> list[str | int]:
    """Leave out what pydantic adds to a path: the type of a union's member, which the input does not have."""
    path: list[str | int] = []
    here = given
    tagged = False
    for place, part in enumerate(loc):
        if not tagged and isinstance(here, Mapping) and here.get("type") == part:
            # The member's type comes first, and may be called like one of its fields: percentile has a percentile.
            tagged = True
            continue
        in_mapping = isinstance(here, Mapping) and part in here
        if in_mapping or (isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)):
            here, tagged = here[part], False
        elif part in _ADDED or place < len(loc) - 1 or not isinstance(here, Mapping):
            continue
        path.append(part)
    return path
