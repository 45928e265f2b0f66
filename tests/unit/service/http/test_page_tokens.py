"""Page tokens."""

import math
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from service.domain.query import Place
from service.http import page_tokens
from service.http.errors import Rejection
from tests.unit.service.http.api import Api

SCOPE = ("trials", "s", ["queued"], "number")


@pytest.mark.parametrize(
    "place",
    [
        Place(key=None, number=0),
        Place(key=0.1, number=7),
        Place(key=-1e-300, number=7),
        Place(key=math.inf, number=10**14),
        Place(key=datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC), number=3),
    ],
)
def test_what_is_written_is_read(place: Place) -> None:
    token = page_tokens.write(SCOPE, page_tokens.place_to_json(place))
    assert token.replace("-", "").replace("_", "").isalnum()
    assert page_tokens.read(SCOPE, token, page_tokens.place_from_json) == place


def test_the_first_page_has_none() -> None:
    assert page_tokens.read(SCOPE, None, int) is None


def test_every_change_of_a_token_is_seen() -> None:
    token = page_tokens.write(SCOPE, 12345)
    for place in range(len(token)):
        for sign in "Aa0-":
            changed = token[:place] + sign + token[place + 1 :]
            if changed != token:
                with pytest.raises(Rejection):
                    page_tokens.read(SCOPE, changed, int)


@pytest.mark.parametrize(
    "token", ["", "x", "é", "a b", "....", "A" * 1000, urlsafe_b64encode(b"[1,1]").decode(), "=" * 7]
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(Rejection):
        page_tokens.read(SCOPE, token, int)


def test_a_token_of_another_version() -> None:
    content = b"[2,12345]"
    raw = page_tokens._checksum(SCOPE, content) + content
    with pytest.raises(Rejection):
        page_tokens.read(SCOPE, urlsafe_b64encode(raw).decode().rstrip("="), int)


def test_a_token_whose_place_has_another_form() -> None:
    with pytest.raises(Rejection):
        page_tokens.read(SCOPE, page_tokens.write(SCOPE, "x"), page_tokens.place_from_json)


def test_a_token_belongs_to_its_list(api: Api) -> None:
    study, other = api.study("a"), api.study("b")
    for _ in range(2):
        api.trial(study)
        api.trial(other)
    token = api.ok("GET", f"{study}/trials?page_size=1")["next_page_token"]
    assert len(api.ok("GET", f"{study}/trials?page_token={token}&page_size=5")["trials"]) == 1
    for path in (
        f"{other}/trials?page_token={token}",
        f"{study}/trials?state=queued&page_token={token}",
        f"{study}/trials?order_by=-number&page_token={token}",
        f"{study}/trials/0/reports?page_token={token}",
        f"/v1/studies?page_token={token}",
        f"{study}/trials?page_token=rubbish",
    ):
        status, code, problem = api.refused("GET", path)
        assert (status, code) == (400, "invalid_page_token")
        assert problem["errors"][0]["field"] == "page_token"
