"""How refusals become answers."""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException

from service.domain import errors as domain
from service.http import errors
from service.http.errors import RETRY_AFTER_SECONDS, STATUS, of_refusal, title
from service.store.memory import MemoryStore
from tests.unit.service.http.api import Api, document


def tree(kind: type[domain.BasinError]) -> Iterator[type[domain.BasinError]]:
    if kind.__module__ == domain.__name__:
        yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def test_every_refusal_has_its_status_and_nothing_else_has() -> None:
    assert set(STATUS) == set(tree(domain.BasinError))


def test_codes_are_distinct() -> None:
    codes = [kind.code for kind in STATUS]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_refusal_can_be_answered(kind: type[domain.BasinError]) -> None:
    answer = of_refusal(kind())
    assert answer.status_code == STATUS[kind]
    assert kind.code.encode() in answer.body
    assert ("retry-after" in answer.headers) is issubclass(kind, domain.Unavailable)


def test_what_clients_wait_for_is_a_refusal_that_passes() -> None:
    assert all(issubclass(kind, domain.Unavailable) for kind in RETRY_AFTER_SECONDS)


def test_titles_do_not_depend_on_the_version_of_python() -> None:
    assert (title(413), title(422), title(404)) == ("Content Too Large", "Unprocessable Content", "Not Found")


def test_context_stands_beside_the_standard_members_and_never_over_them() -> None:
    body = of_refusal(domain.SeqGap("gap", acked_seq=3, status=1, at=float("nan"), odd={1, 2})).body
    assert b'"acked_seq":3' in body
    assert b'"status":409' in body
    assert b'"at":"NaN"' in body


class Broken(MemoryStore):
    """A store that fails in one way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def read(self, work: Callable[..., Any]) -> Any:
        raise self.error

    async def write(self, work: Callable[..., Any], *, urgent: bool = False) -> Any:
        raise self.error

    async def write_together(self, work: Callable[..., Any], item: Any) -> Any:
        raise self.error

    async def ping(self) -> None:
        raise self.error


CALLS = [
    ("GET", "/v1/studies", None),
    ("GET", "/v1/studies/s/trials/1", None),
    ("POST", "/v1/studies/s:pause", None),
    ("POST", "/v1/studies/s:ask", {"worker": "w"}),
    (
        "POST",
        "/v1/studies/s/trials/0/attempts/1:report",
        {"token": 1, "first_seq": 1, "points": [{"step": 1, "metrics": {"a": 1}}]},
    ),
    ("GET", "/v1/events", None),
    ("GET", "/v1/studies/s/export", None),
]


@pytest.mark.parametrize(("method", "path", "body"), [*CALLS, ("GET", "/readyz", None)])
def test_a_database_that_is_away(make_api: Callable[..., Api], method: str, path: str, body: object) -> None:
    api = make_api(store=Broken(domain.StoreUnavailable()))
    response = api.call(method, path, body)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["code"] == "store_unavailable"


@pytest.mark.parametrize("kind", [domain.StoreFull, domain.Overloaded])
def test_a_database_that_takes_no_more(make_api: Callable[..., Api], kind: type[domain.Unavailable]) -> None:
    response = make_api(store=Broken(kind())).post("/v1/studies/s:pause")
    assert response.status_code == 503
    assert response.headers["retry-after"] == str(RETRY_AFTER_SECONDS[kind])


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_fault_of_ours_says_nothing_of_the_inside(
    make_api: Callable[..., Api], caplog: pytest.LogCaptureFixture, method: str, path: str, body: object
) -> None:
    status, code, problem = make_api(store=Broken(RuntimeError("secret"))).refused(method, path, body)
    assert (status, code) == (500, "internal")
    assert "secret" not in str(problem)
    (failure,) = [record for record in caplog.records if record.name == "service.http.failures"]
    assert failure.exc_info is not None
    assert "secret" in str(failure.exc_info[1])


def test_the_server_lives_while_its_database_does_not(make_api: Callable[..., Api]) -> None:
    assert make_api(store=Broken(domain.StoreUnavailable())).ok("GET", "/healthz") == {"status": "ok", "detail": None}


def test_a_method_that_is_not_possible_is_told_with_all_that_are(api: Api) -> None:
    response = api.call("PUT", "/v1/studies/s", {})
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "DELETE, GET, PATCH"
    assert api.call("DELETE", "/v1/studies").headers["allow"] == "GET, POST"
    assert api.call("GET", "/v1/studies/s:pause").headers["allow"] == "POST"


def test_every_code_is_documented_somewhere() -> None:
    said = set(document()["components"]["examples"])
    # Roots of the tree are never raised themselves; a schema that does not fit is found before anybody can ask.
    unsaid = {"error", "refused", "not_found", "gone", "conflict", "unavailable", "schema_mismatch"}
    assert {kind.code for kind in STATUS} - said <= unsaid


def test_what_frameworks_refuse_becomes_a_problem_too() -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout", {"x-spout": "yes"})

    @app.get("/own")
    def own(q: Annotated[str, AfterValidator(_own)]) -> None:
        """Has a validator of its own."""

    api = Api(app, check=False)
    response = api.get("/teapot")
    assert response.headers["x-spout"] == "yes"
    assert (response.json()["code"], response.json()["detail"]) == ("http_418", "short and stout")
    assert api.get("/own?q=x").json()["errors"] == [{"field": "q", "message": "is not to my taste"}]
    assert api.get("/own").json()["errors"] == [{"field": "q", "message": "is missing"}]
    api.close()


def _own(_: str) -> str:
    raise PydanticCustomError("own", "is not to my taste")


def test_the_document_that_is_served_is_the_one_that_is_kept(api: Api) -> None:
    for _ in range(2):
        assert api.ok("GET", "/v1/openapi.json") == document()
    assert json.loads(json.dumps(api.app.openapi())) == document()
