"""What is sent as a body, and should not be."""

from collections.abc import AsyncIterator, Callable

import pytest

from service.http.bodies import parse
from service.wire.lease import Report
from tests.unit.service.http.api import STUDY, Api

JSON = {"content-type": "application/json"}
PATHS = ["/v1/studies", "/v1/studies/s:ask"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\x01"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 500 + b"]" * 500,
        b"1" * 10_000,
        b"<xml/>",
        b"a=1&b=2",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json(api: Api, path: str, body: bytes) -> None:
    status, code, problem = api.refused("POST", path, content=body, headers=JSON)
    assert (status, code) == (400, "invalid_json")
    assert "JSON" in problem["detail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"NaN", b"[[[[]]]]"])
def test_what_is_no_object(api: Api, path: str, body: bytes) -> None:
    status, code, problem = api.refused("POST", path, content=body, headers=JSON)
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"] == [{"field": "", "message": "must be a mapping"}]


def test_a_field_that_stands_twice(api: Api) -> None:
    body = b'{"name": "s", "objectives": [{"metric": "loss"}], "space": {"a": {"type": "constant", "type": "int"}}}'
    assert api.refused("POST", "/v1/studies", content=body, headers=JSON)[0] == 422
    body = b'{"note": "a", "note": "b"}'
    status, code, problem = api.refused("PATCH", api.study(), content=body, headers=JSON)
    assert (status, code) == (400, "invalid_json")
    assert "'note' stands twice" in problem["detail"]


def test_text_that_no_database_can_hold_is_named(api: Api) -> None:
    status, _, problem = api.refused("PATCH", api.study(), {"note": "a\x00b", "tags": ["x"]})
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == ["note"]


def test_a_backslash_before_u0000_is_just_text(api: Api) -> None:
    assert api.ok("PATCH", api.study(), {"note": r"a\u0000b"})["definition"]["note"] == r"a\u0000b"


def test_huge_numbers_are_refused_and_not_worked_out(api: Api) -> None:
    body = b'{"worker": "w", "max_trials": ' + b"9" * 4_000 + b"}"
    assert api.refused("POST", f"{api.study()}:ask", content=body, headers=JSON)[0] in {400, 422}


def test_a_body_that_is_optional_may_be_absent(api: Api) -> None:
    assert api.post(f"{api.study()}:stop").status_code == 200


@pytest.mark.parametrize("size", [200, 100_000])
def test_a_body_over_the_limit(make_api: Callable[..., Api], size: int) -> None:
    api = make_api(max_body_bytes=199)
    body = b'"' + b"x" * (size - 2) + b'"'
    for path in PATHS:
        status, code, _ = api.refused("POST", path, content=body, headers=JSON)
        assert (status, code) == (413, "body_too_large")


@pytest.mark.parametrize("path", [*PATHS, "/v1/studies/s:stop"])
def test_a_body_over_the_limit_that_does_not_say_its_length(make_api: Callable[..., Api], path: str) -> None:
    api = make_api(max_body_bytes=199)
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1 << 16
            yield b"x" * (1 << 16)

    status, code, _ = api.refused("POST", path, content=pieces(), headers=JSON)
    assert (status, code) == (413, "body_too_large")
    assert sent < 16 << 20


@pytest.mark.parametrize("announced", [True, False])
def test_a_refused_body_is_read_off_so_that_who_sends_it_hears_why(
    make_api: Callable[..., Api], announced: bool
) -> None:
    """A connection that is closed with bytes unread is reset, and the answer is lost with it."""
    api = make_api(max_body_bytes=199)
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += 1
            yield b"x" * 100

    length = {"content-length": "2000"} if announced else {}
    status, code, _ = api.refused("POST", PATHS[0], content=pieces(), headers={**JSON, **length})
    assert (status, code, sent) == (413, "body_too_large", 20)


def test_a_body_in_pieces_is_put_together(api: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"note"', b': "new', b'"}'):
            yield piece

    response = api.call("PATCH", api.study(), content=pieces(), headers=JSON)
    assert response.json()["definition"]["note"] == "new"


def test_a_body_just_under_the_limit(make_api: Callable[..., Api]) -> None:
    api = make_api(max_body_bytes=500)
    assert api.post("/v1/studies", {**STUDY, "note": "x" * 60}).status_code == 201


def test_a_thousand_points_are_read() -> None:
    point = b'{"step": %d, "metrics": {"loss": 0.5}}'
    raw = b'{"token": 1, "first_seq": 1, "points": [' + b",".join(point % step for step in range(1_000)) + b"]}"
    assert len(parse(raw, Report).points) == 1_000
