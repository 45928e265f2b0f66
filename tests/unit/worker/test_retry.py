"""The one table of what becomes of an answer, and how long is waited."""

import httpx2
import pytest

from worker.retry import Again, Denied, Gone, Link, Refused, judge


def answer(status: int, code: str | None = None, **headers: str) -> httpx2.Response:
    if code is None:
        return httpx2.Response(status, text="<html>", headers=headers)
    return httpx2.Response(status, json={"code": code, "detail": "why"}, headers=headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    found = judge(answer(status, "unavailable"))
    assert isinstance(found, Again)
    assert found.away == (status in {502, 503, 504})


def test_what_no_basin_server_says_is_tried_again() -> None:
    assert isinstance(judge(answer(404)), Again)
    assert isinstance(judge(answer(302)), Again)
    assert isinstance(judge(httpx2.ConnectError("refused")), Again)


@pytest.mark.parametrize("code", ["stale_lease", "gone"])
def test_what_was_given_to_another(code: str) -> None:
    assert isinstance(judge(answer(403, "not_your_attempt")), Gone)
    assert isinstance(judge(answer(409, code)), Gone)


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_what_is_refused(status: int) -> None:
    found = judge(answer(status, "invalid_argument"))
    assert isinstance(found, Refused)
    assert not isinstance(found, Gone | Denied)
    assert found.detail == "why"


def test_fields_at_fault_are_named() -> None:
    body = {"code": "invalid_argument", "detail": "no", "errors": [{"field": "slots", "message": "must be at least 1"}]}
    found = judge(httpx2.Response(422, json=body))
    assert isinstance(found, Refused)
    assert found.detail == "slots: must be at least 1"


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in(status: int) -> None:
    assert isinstance(judge(answer(status, "unauthorized")), Denied)
    assert isinstance(judge(answer(status)), Denied)


def test_what_was_done() -> None:
    assert judge(answer(200, "x")) is None


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("100000", 600.0), ("soon", None), ("", None)])
def test_what_the_server_asks_to_wait(text: str, seconds: float | None) -> None:
    found = judge(answer(503, "unavailable", **{"Retry-After": text}))
    assert isinstance(found, Again)
    assert found.after == seconds


def test_a_date_is_understood_too() -> None:
    found = judge(answer(503, "unavailable", **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    assert isinstance(found, Again)
    assert found.after == 0.0


def test_the_delay_grows_with_full_jitter_and_is_bounded() -> None:
    link = Link(lambda _: None, lambda: 1.0, monotonic=lambda: 0.0, longest=30.0)
    assert [link.delay(tries, None) for tries in range(9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert Link(lambda _: None, lambda: 0.0, monotonic=lambda: 0.0).delay(5, None) == 0.0
    assert link.delay(0, 9.0) >= 9.0, "at least as long as the server asks"
