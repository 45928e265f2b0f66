"""What is said of something that does not fit its type: each error with the path of its field."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from service.wire.problem import field_errors

LEARNING_RATE: dict[str, Any] = {"type": "float", "low": 1e-5, "high": 0.1, "log": True}


def study(**fields: Any) -> dict[str, Any]:
    """A study definition as people write it."""
    return {"name": "digits", "objectives": [{"metric": "loss"}], "space": {"lr": LEARNING_RATE}, **fields}


def said(kind: Any, given: Any) -> list[str]:
    """The errors as people read them; none if it fits."""
    try:
        TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        return [str(one) for one in field_errors(error, given)]
    return []


def nested(levels: int) -> Any:
    """A mapping in a mapping in a mapping ..."""
    value: Any = 0
    for _ in range(levels):
        value = {"a": value}
    return value
