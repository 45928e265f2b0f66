"""What goes around every request."""

import asyncio
import logging
import re

import pytest
from starlette.types import Receive, Scope, Send

from service import logs
from service.http.envelope import Envelope
from tests.unit.service.http.api import Api
from tests.unit.service.http.asgi import Exchange


def test_a_request_has_an_id_everywhere(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.http.access")
    seen: list[str | None] = []

    def look(_: logging.LogRecord) -> bool:
        seen.append(logs.request_id.get())
        return True

    caplog.handler.addFilter(look)
    _, _, problem = api.refused("GET", "/v1/studies/no", headers={"x-request-id": "mine-1.2_3"})
    assert problem["request_id"] == "mine-1.2_3"
    assert seen == ["mine-1.2_3"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a\tb", "<script>", None])
def test_an_id_that_is_not_fit_for_logs_is_replaced(api: Api, given: str | None) -> None:
    headers = {} if given is None else {"x-request-id": given.encode("latin-1")}
    shown = api.get("/healthz", headers=headers).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{16}", shown)


def test_ids_differ(api: Api) -> None:
    assert len({api.get("/healthz").headers["x-request-id"] for _ in range(50)}) == 50


def test_the_access_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.http.access")
    api.study("café")
    api.get("/v1/studies/caf%C3%A9?page_token=secret")
    api.get("/v1/studies/no")
    told = [(record.method, record.path, record.status, record.ms >= 0) for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [
        ("POST", "/v1/studies", 201, True),
        ("GET", "/v1/studies/café", 422, True),
        ("GET", "/v1/studies/no", 404, True),
    ]
    assert "secret" not in caplog.text


def test_calls_that_come_all_the_time_are_told_only_when_they_fail(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    lease = api.lease(api.study())
    caplog.clear()
    caplog.set_level(logging.INFO, "service.http.access")
    body = {"token": lease["token"], "first_seq": 1, "points": [{"step": 1, "metrics": {"loss": 1}}]}
    path = "/v1/studies/s/trials/0/attempts/1:report"
    api.ok("POST", path, body)
    api.get("/healthz")
    api.get("/readyz")
    assert caplog.records == []
    api.refused("POST", path, {**body, "token": 7})
    assert [record.status for record in caplog.records] == [409]  # type: ignore[attr-defined]


def test_answers_are_taken_for_what_they_say_they_are_and_kept_by_nobody(api: Api) -> None:
    for path in ("/v1/studies", "/v1/studies/no", "/nothing"):
        headers = api.get(path).headers
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_a_client_that_leaves_while_it_sends_is_no_fault(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def leave() -> None:
        headers = {"content-type": "application/json", "content-length": "100"}
        exchange = Exchange(api.app, "POST", "/v1/studies/s:ask", headers=headers)
        exchange.give(b'{"work', more=True)
        exchange.leave()
        await exchange.end()

    api.run(leave())
    assert [record.status for record in caplog.records if record.name == "service.http.access"] == [499]  # type: ignore[attr-defined]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_half_an_answer_is_broken_off_and_never_ends_well(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    sent: list[str] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(RuntimeError, match="in the middle"):
        asyncio.run(Envelope(application)(scope, None, send))  # type: ignore[arg-type]
    assert sent == ["http.response.start"]
    assert "in the middle" in caplog.text


def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    asyncio.run(Envelope(application)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_long_answers_are_compressed_and_short_ones_are_not(api: Api) -> None:
    study = api.study(note="x" * 2_000)
    gzip = {"accept-encoding": "gzip"}
    response = api.get(study, headers=gzip)
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.json()["definition"]["note"]) == 2_000
    assert "content-encoding" not in api.get(study, headers={"accept-encoding": "identity"}).headers
    assert "content-encoding" not in api.get("/healthz", headers=gzip).headers
    assert "content-encoding" not in api.get(f"{study}/export?format=parquet", headers=gzip).headers
