"""The two kinds of message, and the value types that every message is made of.

A request refuses fields it does not know, so that a typing mistake is told and not lost. An answer ignores them, so
that an older client goes on working when answers grow.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError, SchemaValidator, core_schema, to_json

MAX_NAME = 200
MAX_NOTE = 10_000
MAX_ATTRS_BYTES = 16_384
MAX_SETTINGS_BYTES = 65_536
MAX_NESTING = 8
MAX_POINTS = 1_000
MAX_SHOWN = 80
MAX_LISTED = 20

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
# Signs that turn the direction of writing, and signs that nobody sees: two names must not look alike.
_UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\u061c\u2060\ufeff\u00ad")
_LARGEST_INT = 2**63
_A_DURATION = "must be seconds or a duration such as '90s', '20m', '2h30m', '1d'"
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


@cache
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def matching(pattern: str) -> Callable[[str], str]:
    """A validator of text by a pattern, which is compiled once and when it is first needed.

    `Field(pattern=...)` compiles it wherever the type stands: milliseconds for each of some hundred places.
    """

    def matches(value: str) -> str:
        if not _compiled(pattern).isinstance_python(value):
            raise PydanticKnownError("string_pattern_mismatch", {"pattern": pattern})
        return value

    return matches


def _name(value: str) -> str:
    name = unicodedata.normalize("NFC", value)
    if len(name) > MAX_NAME:
        raise refuse("string_too_long", "must have at most {max_length} characters", max_length=MAX_NAME)
    if name != name.strip():
        raise refuse("name_space", "must not begin or end with white space")
    if name in {".", ".."}:
        raise refuse("name_dots", "must not be '.' or '..'")
    for sign in name:
        if sign in "/\\:?#%":
            raise refuse("name_sign", "must not hold '{sign}' (names are part of addresses)", sign=sign)
        if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or sign in _UNSEEN:
            raise refuse("name_control", "must not hold the control character {sign}", sign=f"U+{ord(sign):04X}")
    return name


def _note(value: str) -> str:
    for sign in value:
        # Written to a terminal, some of them would do more than be read.
        if unicodedata.category(sign) == "Cc" and sign not in "\n\r\t":
            raise refuse("note_control", "must not hold the control character {sign}", sign=f"U+{ord(sign):04X}")
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, bool):
        raise refuse("duration", _A_DURATION)
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None or not any(match.groups()):
        raise refuse("duration", _A_DURATION)
    return sum(float(part) * unit for part, unit in zip(match.groups(), (86_400, 3_600, 60, 1), strict=True) if part)


def _text(value: str) -> str:
    if "\0" in value or not _encodes(value):
        raise refuse("text", "must not hold the character NUL or halves of characters")
    return value


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(value: int) -> int:
    if not -_LARGEST_INT <= value <= _LARGEST_INT:
        raise refuse("int_large", "must not be or hold a whole number of more than 64 bits")
    return value


def _json(value: Any, depth: int = 0) -> None:
    if depth > MAX_NESTING:
        raise refuse("nesting", "must not be nested deeper than {limit} levels", limit=MAX_NESTING)
    match value:
        case None | float():
            pass
        case str():
            _text(value)
        case int():
            _whole(value)
        case list():
            for child in value:
                _json(child, depth + 1)
        case dict():
            for key, child in value.items():
                _json(key if isinstance(key, str) else object(), depth)
                _json(child, depth + 1)
        case _:
            raise refuse("not_json", "must be JSON: text, numbers, true, false, null, lists and mappings of text")


def _small_json(limit: int) -> AfterValidator:
    def check(value: dict[str, Any]) -> dict[str, Any]:
        _json(value)
        size = len(to_json(value, inf_nan_mode="strings"))
        if size > limit:
            raise refuse("too_large", "must not be over {limit} bytes as JSON (is {size})", limit=limit, size=size)
        return value

    return AfterValidator(check)


def shown(value: object) -> str:
    """A value as it stands in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def listed(values: Sequence[object]) -> str:
    """Values as they stand in a message, the first of them where they are many."""
    first = ", ".join(map(shown, values[:MAX_LISTED]))
    return first if len(values) <= MAX_LISTED else f"{first} and {len(values) - MAX_LISTED} more"


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_name)]
"""The name of a study: free text without what would break an address or deceive a reader."""

Identifier = Annotated[
    str, AfterValidator(matching(_IDENTIFIER)), WithJsonSchema({"type": "string", "pattern": _IDENTIFIER})
]
"""The name of a parameter or a metric: a letter first, then letters, digits, `_ . - /`; 100 at most."""

Tag = Annotated[str, AfterValidator(matching(_TAG)), WithJsonSchema({"type": "string", "pattern": _TAG})]
Tags = Annotated[tuple[Tag, ...], Field(max_length=50)]
Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_note)]


def printable(value: str) -> str:
    """Refuse text with signs that cannot be shown."""
    if not value.isprintable():
        raise refuse("not_printable", "must hold printable characters only")
    return value


RequestId = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable)]
"""What a client draws for a request, so that sending it twice carries it out once."""

WorkerName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]

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


def scalar(value: Any) -> Any:
    """Refuse what is no value of a parameter."""
    if value is not None and not isinstance(value, bool | int | float | str):
        raise refuse("scalar", "must be text, a number, true, false or null")
    return _text(value) if isinstance(value, str) else _whole(value) if isinstance(value, int) else value


Scalar = Annotated[bool | int | float | str | None, BeforeValidator(scalar)]
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

Attrs = Annotated[dict[Annotated[str, Field(min_length=1, max_length=100)], Any], _small_json(MAX_ATTRS_BYTES)]
"""Free JSON that users attach: 16 KiB and eight levels at most."""

FixedSettings = Annotated[dict[str, Any], Field(max_length=200), _small_json(MAX_SETTINGS_BYTES)]
"""What a trainer is told besides its parameters: 64 KiB and eight levels at most."""
