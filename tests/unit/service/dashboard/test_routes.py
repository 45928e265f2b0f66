"""The pages' addresses: who is let in, what a form may say, and what is answered where there is nothing."""

import pytest
from starlette.routing import Route

from service.dashboard.route import PageRoute
from service.dashboard.routes import ROUTES
from service.http.permissions import ALLOWED, OPEN, READS
from service.store.memory import MemoryStore
from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.http.admitting import HOST, bearer, put_all
from tests.unit.service.http.api import STUDY

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": HOST}
ASKS_NOBODY = {"/", "/login", "/{path:path}"}
PAGES = [route for route in ROUTES if isinstance(route, PageRoute)]


def test_every_page_stands_for_an_operation_of_the_table() -> None:
    for route in PAGES:
        needs = route.needs
        assert needs in ALLOWED or needs in OPEN or (needs is None and route.path in ASKS_NOBODY), route.path
    changing = {route.needs for route in PAGES if route.needs is not None and route.methods == {"POST"}}
    assert not {one for one in changing if one in ALLOWED and ALLOWED[one] == READS}


def test_no_page_hides_another() -> None:
    paths = [(route.path, tuple(route.methods or ())) for route in ROUTES if isinstance(route, Route)]
    assert len(paths) == len(set(paths))


def test_who_is_nobody_is_sent_to_the_login_and_back(visit: Visit, store: MemoryStore) -> None:
    api = visit(needs_tokens=True)
    answer = api.call("GET", "/studies/s/trials?q=lr=1", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fstudies%2Fs%2Ftrials%3Fq%3Dlr%3D1"
    senders = put_all(store)
    for next, onward in (("/events", "/events"), ("//evil.example", "/studies"), ("https://evil.example/", "/studies")):
        token = senders["viewer"]["authorization"].removeprefix("Bearer ")
        body = f"token={token}&next={next}"
        answer = api.call("POST", "/login", content=body, headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, onward)
        assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("worker", 403), ("nobody", 401), ("editor", 303)])
def test_a_form_is_for_those_who_may(visit: Visit, store: MemoryStore, role: str, status: int) -> None:
    senders = put_all(store)
    api = visit(needs_tokens=True)
    api.call("POST", "/v1/studies", STUDY, headers=senders["editor"])
    answer = api.call("POST", "/studies/s/pause", content="", headers={**FORM, **senders[role]})
    assert answer.status_code == status
    state = api.call("GET", "/v1/studies/s", headers=senders["admin"]).json()["state"]
    assert state == ("paused" if status == 303 else "active")


def test_a_worker_s_token_sees_no_pages(visit: Visit, store: MemoryStore) -> None:
    api = visit(needs_tokens=True)
    answer = api.call("GET", "/studies", headers=put_all(store)["worker"])
    assert answer.status_code == 403
    assert "needs one of the roles" in answer.text


def test_a_form_of_a_foreign_page_is_turned_away(visit: Visit) -> None:
    api = visit()
    api.call("POST", "/v1/studies", STUDY)
    for origin in ("https://evil.example", "null"):
        assert api.call("POST", "/studies/s/pause", content="", headers={**FORM, "origin": origin}).status_code == 403
    json = {**FORM, "content-type": "application/json"}
    assert api.call("POST", "/studies/s/pause", content="{}", headers=json).status_code == 415


def test_people_get_pages_and_programs_problems_where_there_is_nothing(visit: Visit) -> None:
    api = visit()
    for path in ("/nothing", "/studies/none", "/studies/none/trials/3", "/workers/none"):
        answer = api.call("GET", path, headers=HTML)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "All studies" in answer.text
    assert api.call("GET", "/nothing").json()["code"] == "not_found"
    assert api.call("GET", "/v1/nothing", headers=HTML).json()["code"] == "not_found"
    assert api.call("POST", "/nothing", headers=HTML).status_code == 404


def test_a_page_that_fails_says_under_which_request(
    visit: Visit, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    api = visit(mirrors=None)
    api.call("POST", "/v1/studies", STUDY)
    answer = api.call("GET", "/studies", headers={**HTML, "x-request-id": "find-me"})
    assert answer.status_code == 500
    assert "find-me" in answer.text
    assert "Traceback" not in answer.text
    assert "the page /studies failed" in caplog.text


def test_a_login_s_cookie_needs_the_server_s_own_origin(visit: Visit, store: MemoryStore) -> None:
    api = visit(needs_tokens=True)
    senders = put_all(store)
    token = senders["editor"]["authorization"].removeprefix("Bearer ")
    cookie = api.call("POST", "/login", content=f"token={token}", headers=FORM).headers["set-cookie"].partition(";")[0]
    api.call("POST", "/v1/studies", STUDY, headers=bearer(token))
    without = {"content-type": FORM["content-type"], "cookie": cookie}
    assert api.call("POST", "/studies/s/pause", content="", headers=without).status_code == 403
    assert api.call("POST", "/studies/s/pause", content="", headers={**FORM, "cookie": cookie}).status_code == 303
    signed = api.call("GET", "/v1/audit?object=studies/s", headers=senders["admin"]).json()["entries"]
    assert (signed[0]["operation"], signed[0]["role"]) == ("pause_study", "editor")
