"""Forms without scripts: what was sent, and how it becomes the same messages that the API takes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.domain.errors import Invalid
from service.http.errors import Rejection
from service.wire.problem import field_errors

Message = TypeVar("Message", bound=BaseModel)
_KIND = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1_000


class Fields:
    """The fields of a form, each with its last value."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.given: Mapping[str, str] = dict(pairs)

    def text(self, name: str) -> str:
        """A field without the space around it; empty if it is not there."""
        return self.given.get(name, "").strip()

    def revision(self) -> int | None:
        """The revision of the study that the form was made for."""
        text = self.text("revision")
        return int(text) if text.isdigit() else None

    def under(self, prefix: str) -> Mapping[str, str]:
        """Fields whose name begins so, those that are filled in: `params.lr` is `lr` under `params.`."""
        return {
            name.removeprefix(prefix): value.strip()
            for name, value in self.given.items()
            if name.startswith(prefix) and value.strip()
        }


async def sent(request: Request) -> Fields:
    """The form that was sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != _KIND:
        raise Rejection(415, "unsupported_media_type", f"a form must be {_KIND} (Content-Type is {kind!r})")
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        return Fields(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Rejection(400, "invalid_form", f"the form cannot be read: {error}") from error


def message(model: type[Message], data: Mapping[str, Any]) -> Message:
    """A message of the API made of a form's fields; what is wrong is refused as the API refuses it."""
    try:
        return model.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        raise Invalid.of(field_errors(invalid, data)) from invalid


def value(text: str) -> Any:
    """One plain value: a number, true, false, null, text in quotes or without."""
    try:
        found = json.loads(text)
    except ValueError:
        found = _number(text)
    return text if isinstance(found, list | dict) else found


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"no_gain.trials": 3}` as `{"no_gain": {"trials": 3}}`."""
    made: dict[str, Any] = {}
    for name, found in flat.items():
        *path, last = name.split(".")
        place = made
        for part in path:
            place = place.setdefault(part, {})
        place[last] = found
    return made


def seen(address: str) -> Response:
    """What to look at after a form was carried out."""
    return RedirectResponse(address, 303)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
