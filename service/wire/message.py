"""The two kinds of message, and the value types that every message is made of.

A request refuses fields it does not know, so that a typing mistake is told and not lost. An answer ignores them, so
that an older client goes on working when answers grow.
"""

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

MAX_NAME = 200
MAX_NOTE = 10_000
MAX_ATTRS_BYTES = 16_384
MAX_NESTING = 8
MAX_POINTS = 1_000

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_TAG = r"^[\w.\-/=@+]{1,64}$"
_IDENTIFIER = r"^[^\W\d][\w.\-/]{0,99}$"


class Request(BaseModel):
    """What a client sends. Unknown fields are refused; NaN and infinities travel as strings."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Answer(BaseModel):
    """What the server sends. It may grow: clients ignore fields that they do not know."""

    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="strings")


def refuse(code: str, text: str, **context: Any) -> PydanticCustomError:
    """A refusal that a validator raises; `text` may name the context in braces."""
    return PydanticCustomError(code, text, context or None)


def _name(value: str) -> str:
    name = unicodedata.normalize("NFC", value)
    if name != name.strip():
        raise refuse("name_space", "must not begin or end with white space")
    if name in {".", ".."}:
        raise refuse("name_dots", "must not be '.' or '..'")
    for sign in name:
        if sign in "/\\:?#%":
            raise refuse("name_sign", "must not hold '{sign}' (names are part of addresses)", sign=sign)
        if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or sign in _BIDI:
            raise refuse("name_control", "must not hold the control character {sign}", sign=f"U+{ord(sign):04X}")
    return name


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None or not any(match.groups()):
        raise refuse("duration", "must be seconds or a duration such as '90s', '20m', '2h30m', '1d'")
    return sum(float(part) * unit for part, unit in zip(match.groups(), (86_400, 3_600, 60, 1), strict=True) if part)


def _nesting(value: Any, depth: int = 0) -> None:
    if depth > MAX_NESTING:
        raise refuse("nesting", "must not be nested deeper than {limit} levels", limit=MAX_NESTING)
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _nesting(child, depth + 1)


def _small_json(value: dict[str, Any]) -> dict[str, Any]:
    _nesting(value)
    size = len(to_json(value, inf_nan_mode="strings"))
    if size > MAX_ATTRS_BYTES:
        raise refuse(
            "too_large", "must not be over {limit} bytes as JSON (is {size})", limit=MAX_ATTRS_BYTES, size=size
        )
    return value


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_name)]
"""The name of a study: free text without what would break an address or deceive a reader."""

Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
"""The name of a parameter or a metric: a letter first, then letters, digits, `_ . - /`; 100 at most."""

Tag = Annotated[str, Field(pattern=_TAG)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=50)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise refuse("not_printable", "must hold printable characters only")
    return value


RequestId = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
"""What a client draws for a request, so that sending it twice carries it out once."""

WorkerName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]

Seconds = Annotated[
    float,
    Field(gt=0, le=10 * 365 * 86_400, allow_inf_nan=False),
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "examples": ["90s", "20m", "2h30m", "1d"]},
            ]
        }
    ),
]
"""A length of time: a number of seconds, or text such as `2h30m`."""


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scalar(value: Any) -> Any:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise refuse("scalar", "must be text, a number, true, false or null")
    if isinstance(value, str) and ("\0" in value or not _encodes(value)):
        raise refuse("scalar_text", "must be text without the character NUL and without halves of characters")
    return value


Scalar = Annotated[bool | int | float | str | None, BeforeValidator(_scalar)]
"""One value of a parameter."""

Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"], "type": "string"}]}),
]
"""A measured number; NaN and the infinities travel as strings."""

Metrics = Annotated[dict[Identifier, Number], Field(max_length=64)]
"""Measured numbers by the name of their metric."""

Params = Annotated[dict[str, Scalar], Field(max_length=500)]
"""Values by the name of their parameter."""

Attrs = Annotated[dict[Annotated[str, Field(min_length=1, max_length=100)], Any], AfterValidator(_small_json)]
"""Free JSON that users attach: 16 KiB and eight levels at most."""
