"""The variable parts of addresses, and the headers and parameters that several routes share."""

import re
import unicodedata
from typing import Annotated
from urllib.parse import quote

from fastapi import Header, Path, Query
from starlette.convertors import Convertor, register_url_convertor

from service.http.errors import bad_request

_ENTITY_TAG = re.compile(r'(?:W/)?"(\d{1,15})"')


class _StudyConvertor(Convertor[str]):
    """A study's name: anything without the signs that names cannot hold, in the form in which names are kept."""

    # A colon begins a custom method: without it here, /v1/studies/mine:pause would name a study "mine:pause".
    regex = r"[^/:\x00]+"

    def convert(self, value: str) -> str:
        return normal(value)

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


class _CountConvertor(Convertor[int]):
    """A number of a trial or attempt; with no more digits than every JSON reader keeps exact."""

    regex = r"[0-9]{1,15}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class _WorkerConvertor(Convertor[str]):
    """The id of a worker, whatever stands there: what is no id is told by its field."""

    regex = r"[^/:\x00]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("study", _StudyConvertor())
register_url_convertor("count", _CountConvertor())
register_url_convertor("worker", _WorkerConvertor())

StudyName = Annotated[str, Path(description="The study's name, percent-encoded.", examples=["digits-mlp"])]
TrialNumber = Annotated[int, Path(ge=0, lt=10**15, description="The trial's number in its study.", examples=[17])]
AttemptNumber = Annotated[int, Path(ge=0, lt=10**15, description="The attempt's number in its trial.", examples=[1])]
Step = Annotated[int, Path(ge=0, lt=10**15, description="A step, as the trainer counts them.", examples=[10])]
PageSize = Annotated[int, Query(ge=1, le=1000, description="How many rows a page has at most.")]
PageToken = Annotated[
    str | None,
    Query(max_length=2000, description="`next_page_token` of the page before, with the same other parameters."),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag of the study as you saw it: the change is refused if somebody else was faster.",
        examples=['"3"'],
    ),
]


def normal(name: str) -> str:
    """A study's name in the form in which names are kept."""
    return unicodedata.normalize("NFC", name)


def revision(if_match: str | None) -> int | None:
    """The revision that a client has seen; None when it does not say, or takes any."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _ENTITY_TAG.fullmatch(if_match.strip())
    if tag is None:
        hint = 'Send the ETag of the study as it came, quotes included: If-Match: "3".'
        raise bad_request("invalid_header", "must be one ETag of a study, or *", field="If-Match", hint=hint)
    return int(tag[1])


def entity_tag(number: int) -> str:
    """The ETag of a revision."""
    return f'"{number}"'


def study_path(name: str) -> str:
    """The address of a study."""
    return f"/v1/studies/{quote(name, safe='')}"
