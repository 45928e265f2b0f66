"""Checkpoints and logs as bytes."""

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from service.wire.worker import Stored
from tests.unit.service.http.api import Api

BYTES = {"content-type": "application/octet-stream"}
DATA = bytes(range(256)) * 400


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def running(api: Api, **study: Any) -> tuple[str, str]:
    """The addresses of a trial and of its attempt, which has reported two steps."""
    of = api.study(**study)
    lease = api.lease(of)
    points = [{"step": step, "metrics": {"loss": 1 / step}} for step in (1, 2)]
    api.ok("POST", f"{of}/trials/0/attempts/1:report", {"token": lease["token"], "first_seq": 1, "points": points})
    return f"{of}/trials/0", f"{of}/trials/0/attempts/1"


def upload(api: Api, attempt: str, step: int = 2, data: bytes = DATA, **changes: Any) -> Any:
    params = {"token": 1, "sha256": sha(data), **changes}
    return api.call("PUT", f"{attempt}/checkpoints/{step}", content=data, headers=BYTES, params=params)


def test_what_is_sent_is_kept_and_given_back(api: Api) -> None:
    trial, attempt = running(api)
    answer = upload(api, attempt)
    (listed,) = api.ok("GET", f"{trial}/checkpoints")["checkpoints"]
    assert answer.json() == listed
    stored = Stored.model_validate(listed)
    assert (stored.attempt, stored.step, stored.sha256, stored.size) == (1, 2, sha(DATA), len(DATA))
    assert (listed["stored"], listed["uri"]) == (True, f"{attempt}/checkpoints/2")
    read = api.get(listed["uri"], headers={"accept-encoding": "gzip"})
    assert (read.content, read.headers["x-checkpoint-sha256"]) == (DATA, sha(DATA))
    assert read.headers["content-length"] == str(len(DATA))
    assert "content-encoding" not in read.headers


def test_a_body_of_unknown_length_is_streamed(api: Api) -> None:
    _, attempt = running(api)

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(DATA), 1000):
            yield DATA[begin : begin + 1000]

    params = {"token": 1, "sha256": sha(DATA)}
    answer = api.call("PUT", f"{attempt}/checkpoints/1", content=pieces(), headers=BYTES, params=params)
    assert answer.json()["size"] == len(DATA)


def test_the_limit_of_checkpoints_is_their_own(make_api: Callable[..., Api]) -> None:
    api = make_api(max_body_bytes=1_000, max_checkpoint_bytes=len(DATA))
    _, attempt = running(api)
    assert upload(api, attempt).status_code == 200
    answer = upload(api, attempt, data=DATA + b"x")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "max_checkpoint_bytes" in answer.json()["hint"]

    async def pieces() -> AsyncIterator[bytes]:
        yield DATA
        yield b"x"

    params = {"token": 1, "sha256": sha(DATA + b"x")}
    answer = api.call("PUT", f"{attempt}/checkpoints/2", content=pieces(), headers=BYTES, params=params)
    assert answer.status_code == 413
    assert api.get(f"{attempt}/checkpoints/2").content == DATA
    big = api.call("POST", f"{attempt}:report", content=b"x" * 1_001, headers=BYTES)
    assert big.status_code in {413, 415}, "bytes may be long where bytes are read, and nowhere else"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"token": 2}, 409, "stale_lease"),
        ({"token": 0}, 422, "invalid_argument"),
        ({"token": "x"}, 422, "invalid_argument"),
        ({"sha256": "x"}, 422, "invalid_argument"),
        ({"sha256": "0" * 64}, 400, "checksum_mismatch"),
        ({"more": "x"}, 422, "invalid_argument"),
    ],
)
def test_what_is_refused(api: Api, changes: Any, status: int, code: str) -> None:
    trial, attempt = running(api)
    answer = upload(api, attempt, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert api.ok("GET", f"{trial}/checkpoints") == {"checkpoints": []}


def test_a_sum_in_capital_letters_is_the_same(api: Api) -> None:
    _, attempt = running(api)
    assert upload(api, attempt, sha256=sha(DATA).upper()).status_code == 200


def test_where_there_is_no_attempt_or_step(api: Api) -> None:
    trial, attempt = running(api)
    assert upload(api, attempt, step=3).json()["errors"][0]["field"] == "step"
    assert upload(api, f"{trial}/attempts/2").json()["code"] == "attempt_not_found"
    assert upload(api, "/v1/studies/x/trials/0/attempts/1").json()["code"] == "study_not_found"
    assert api.refused("GET", f"{attempt}/checkpoints/1")[:2] == (404, "checkpoint_not_found")
    assert api.refused("GET", "/v1/studies/s/trials/9/attempts/1/checkpoints/1")[:2] == (404, "trial_not_found")


def test_one_that_was_removed_to_make_room_is_told(api: Api) -> None:
    _, attempt = running(api)
    for step in (1, 2):
        assert upload(api, attempt, step=step, data=b"%d" % step).status_code == 200
    assert api.refused("GET", f"{attempt}/checkpoints/1")[:2] == (410, "checkpoint_evicted")
    assert api.get(f"{attempt}/checkpoints/2").content == b"2"


def test_an_address_that_only_the_server_gives_is_refused(api: Api) -> None:
    _, attempt = running(api)
    body = {"token": 1, "uri": "artifact:1/0-1-1-0", "sha256": "0" * 64, "size": 1}
    status, _, problem = api.refused("PUT", f"{attempt}/checkpoints/1", body)
    assert (status, problem["errors"][0]["field"]) == (422, "uri")


def test_a_server_that_keeps_none_says_so(make_api: Callable[..., Api]) -> None:
    api = make_api(keeper=None)
    _, attempt = running(api)
    answer = upload(api, attempt)
    assert (answer.status_code, answer.json()["code"]) == (503, "artifacts_unavailable")
    body = {"token": 1, "uri": "s3://mine", "sha256": "0" * 64, "size": 1}
    assert api.ok("PUT", f"{attempt}/checkpoints/1", body)["stored"] is False


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("PUT", "checkpoints/1", "text/plain"),
        ("PUT", "checkpoints/1", "multipart/form-data"),
        ("POST", "logs", "application/json"),
        ("POST", "logs", "application/x-www-form-urlencoded"),
    ],
)
def test_other_kinds_of_body_are_turned_away(api: Api, method: str, path: str, kind: str) -> None:
    _, attempt = running(api)
    answer = api.call(method, f"{attempt}/{path}", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.json()["detail"].startswith("the body must be application/")


def test_bytes_are_read_at_their_own_addresses_only(api: Api) -> None:
    study = api.study()
    for path in ("/v1/studies", f"{study}/trials", f"{study}/trials/0/attempts/1:report"):
        assert api.call("POST", path, content=b"{}", headers=BYTES).status_code == 415


def log(api: Api, attempt: str, offset: int, data: bytes, token: int = 1) -> Any:
    params = {"offset": offset, "token": token}
    return api.call("POST", f"{attempt}/logs", content=data, headers=BYTES, params=params)


def test_a_log_is_added_to_and_read(api: Api) -> None:
    trial, attempt = running(api)
    assert log(api, attempt, 0, "épo".encode()).json() == {"next_offset": 4}
    assert log(api, attempt, 0, "époque".encode()).json() == {"next_offset": 7}
    assert log(api, attempt, 7, b"").json() == {"next_offset": 7}
    read = api.get(f"{attempt}/logs")
    assert (read.text, read.headers["x-next-offset"], read.headers["x-attempt"]) == ("époque", "7", "1")
    assert api.get(f"{trial}/logs").text == "époque"
    part = api.get(f"{attempt}/logs", params={"offset": 4, "max_bytes": 2})
    assert (part.text, part.headers["x-next-offset"]) == ("qu", "6")
    gap = log(api, attempt, 9, b"x")
    assert (gap.status_code, gap.json()["code"], gap.json()["next_offset"]) == (409, "offset_gap", 7)
    assert log(api, attempt, 7, b"x", token=2).json()["code"] == "stale_lease"
    assert api.refused("GET", f"{trial}/attempts/2/logs")[:2] == (404, "attempt_not_found")


def test_a_log_may_bring_a_megabyte_at_once_and_not_more(make_api: Callable[..., Api]) -> None:
    api = make_api(max_body_bytes=1_000)
    _, attempt = running(api)
    assert log(api, attempt, 0, b"x" * 1_000_000).json() == {"next_offset": 1_000_000}
    assert log(api, attempt, 1_000_000, b"x" * 1_000_001).status_code == 413


def test_of_a_long_log_the_middle_is_left_out(make_api: Callable[..., Api]) -> None:
    api = make_api(max_log_bytes=10_000)
    _, attempt = running(api)
    for begin in range(0, 50_000, 1_000):
        log(api, attempt, begin, b"%09d\n" % begin * 100)
    read = api.get(f"{attempt}/logs")
    assert read.text.startswith("000000000\n")
    assert read.text.endswith("000049000\n")
    assert " bytes are left out here ..." in read.text
    assert len(read.content) < 12_500


@pytest.mark.parametrize(
    ("params", "field"), [({"offset": -1}, "offset"), ({"max_bytes": 0}, "max_bytes"), ({"x": 1}, "x")]
)
def test_what_is_wrong_of_a_question_is_named(api: Api, params: Any, field: str) -> None:
    _, attempt = running(api)
    _, _, problem = api.refused("GET", f"{attempt}/logs", params=params)
    assert problem["errors"][0]["field"] == field
