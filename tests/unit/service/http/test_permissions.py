"""Who may do what: every role at every operation of the OpenAPI document, and what each change leaves in the log."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.routing import Route

from service.http.app import bare
from service.http.document import ROLES as X_ROLES
from service.http.permissions import ALLOWED, OPEN, UNSIGNED
from service.http.route import WireRoute
from service.http.uploads import BYTES
from service.store.memory import MemoryStore
from tests.unit.service.http.admitting import HOST, ROLES, SAMPLES, Sample, bearer, put_all, put_token
from tests.unit.service.http.api import Api, document

# It shares an address with `commit_checkpoint`, which tells of it in the document.
UNTOLD = {"upload_checkpoint"}
# Pages and documents that say nothing of what is kept here.
NO_OPERATIONS = {"/v1/openapi.json", "/docs"}
NOBODIES = ("nobody", "unknown", "expired", "revoked")


def all_operations() -> Iterator[tuple[str, str, str]]:
    """Id, method and address of each operation."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path


OPERATIONS = {operation: (method, path) for operation, method, path in all_operations()}
CHANGES = sorted(one for one, (method, _) in OPERATIONS.items() if method != "GET" and one not in UNSIGNED)
OF_ATTEMPTS = sorted(one for one, (_, path) in OPERATIONS.items() if "{attempt}" in path and "worker" in ALLOWED[one])


def test_every_operation_has_its_place_in_the_table_and_a_sample() -> None:
    assert set(OPERATIONS) - OPEN == set(ALLOWED) - UNTOLD
    assert set(OPERATIONS) == set(SAMPLES)
    assert not OPEN & set(ALLOWED)
    assert set(OPERATIONS) >= UNSIGNED - UNTOLD
    assert not {one for one in UNSIGNED if one in OPERATIONS and OPERATIONS[one][0] == "GET"}


def test_every_route_asks_the_table() -> None:
    strange = [route.path for route in bare().routes if isinstance(route, Route) and not isinstance(route, WireRoute)]
    assert set(strange) == NO_OPERATIONS


def test_the_document_tells_the_roles() -> None:
    for methods in document()["paths"].values():
        for operation in methods.values():
            name = operation["operationId"]
            assert operation.get(X_ROLES) == (None if name in OPEN else sorted(ALLOWED[name]))
            assert operation.get("security") == ([] if name in OPEN else None)


@pytest.fixture
def senders(store: MemoryStore) -> dict[str, dict[str, str]]:
    return put_all(store)


@pytest.fixture
def guarded(make_api: Callable[..., Api], senders: dict[str, dict[str, str]]) -> Api:
    return make_api(needs_tokens=True)


def address(api: Api, operation: str, senders: dict[str, dict[str, str]], holder: str = "admin") -> str:
    """Where to send the sample of an operation, with everything there that it needs."""
    sample = SAMPLES[operation]
    found = sample.arrange(api, senders["admin"])
    if not found.startswith("/trials/"):
        return found
    study = SAMPLES["ask"].arrange(api, senders["admin"]).removesuffix(":ask")
    api.ok("POST", f"{study}:ask", {"worker": "w"}, headers=senders[holder])
    if sample.prepare is not None:
        sample.prepare(api, f"{study}/trials/0/attempts/1", senders[holder])
    return study + found


def send(api: Api, operation: str, path: str, headers: dict[str, str]) -> Any:
    sample: Sample = SAMPLES[operation]
    method = OPERATIONS[operation][0]
    if sample.content is not None:
        return api.call(method, path, content=sample.content, headers={**headers, "content-type": BYTES})
    return api.call(method, path, sample.body, headers=headers)


@pytest.mark.parametrize("sender", [*ROLES, *NOBODIES])
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_matrix(guarded: Api, senders: dict[str, dict[str, str]], operation: str, sender: str) -> None:
    path = address(guarded, operation, senders, holder=sender if sender == "worker" else "admin")
    if operation == "follow_events" and sender in ALLOWED[operation]:
        guarded.app.state.served.feed.close()  # the stream would have no end
        guarded.check = False  # nor is it one body of one type
    response = send(guarded, operation, path, senders[sender])
    if operation in OPEN:
        assert response.is_success, response.text
    elif sender in NOBODIES:
        assert response.status_code == 401
        assert response.json()["code"] == ("token_missing" if sender == "nobody" else "token_invalid")
        assert response.headers["www-authenticate"].startswith('Bearer realm="basin"')
        assert response.json()["hint"]
    elif sender in ALLOWED[operation]:
        assert response.is_success, response.text
    else:
        assert response.status_code == 403
        problem = response.json()
        assert problem["code"] == "role_missing"
        assert problem["needed"] == sorted(ALLOWED[operation])
        assert all(role in problem["detail"] for role in ALLOWED[operation])


@pytest.mark.parametrize("operation", OF_ATTEMPTS)
def test_a_worker_writes_to_its_own_attempts_alone(
    guarded: Api, senders: dict[str, dict[str, str]], store: MemoryStore, operation: str
) -> None:
    path = address(guarded, operation, senders, holder="worker")
    other = bearer(put_token(store, 21, "worker"))
    refused = send(guarded, operation, path, other)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_attempt")
    assert send(guarded, operation, path, senders["worker"]).is_success
    again = send(guarded, operation, path, other)
    assert (again.status_code, again.json()["code"]) == (403, "not_your_attempt"), "also where it is repeated"
    assert send(guarded, operation, path, senders["editor"]).is_success, "people may write to any"


def test_there_are_calls_on_attempts_to_try() -> None:
    assert {"report", "complete", "commit_checkpoint"} <= set(OF_ATTEMPTS)


def test_a_worker_has_no_claim_to_what_was_granted_without_a_token(
    make_api: Callable[..., Api], store: MemoryStore
) -> None:
    before = make_api()
    before.lease(before.study())
    worker = bearer(put_token(store, 1, "worker"))
    body = {"token": 1, "first_seq": 1, "points": [{"step": 1, "metrics": {"loss": 1.0}}]}
    path = "/v1/studies/s/trials/0/attempts/1:report"
    after = make_api(needs_tokens=True)
    assert after.call("POST", path, body, headers=worker).json()["code"] == "not_your_attempt"


def test_a_request_id_of_another_worker_shows_nothing_of_its_leases(
    guarded: Api, senders: dict[str, dict[str, str]], store: MemoryStore
) -> None:
    study = SAMPLES["ask"].arrange(guarded, senders["admin"]).removesuffix(":ask")
    body = {"worker": "w", "request_id": "r", "wait_seconds": 0}
    (lease,) = guarded.ok("POST", f"{study}:ask", body, headers=senders["worker"])["leases"]
    assert guarded.ok("POST", f"{study}:ask", body, headers=senders["worker"])["leases"] == [lease]
    other = bearer(put_token(store, 21, "worker"))
    assert guarded.ok("POST", f"{study}:ask", body, headers=other)["leases"] == []


@pytest.mark.parametrize("operation", sorted(one for one in OPERATIONS if OPERATIONS[one][0] != "GET"))
def test_every_change_leaves_its_entry(guarded: Api, senders: dict[str, dict[str, str]], operation: str) -> None:
    path = address(guarded, operation, senders)
    headers = {**senders["admin"], "x-request-id": "the-one"}
    if operation == "log_out":  # there must be something to end
        cookie = guarded.call("POST", path, {"token": senders["admin"]["authorization"][7:]}).headers["set-cookie"]
        headers = {"cookie": cookie.partition(";")[0], "origin": HOST, "x-request-id": "the-one"}
    assert send(guarded, operation, path, headers).is_success
    entries = guarded.ok("GET", "/v1/audit", headers=senders["admin"])["entries"]
    of_it = [entry for entry in entries if entry["request_id"] == "the-one"]
    if operation not in CHANGES:
        assert of_it == []
        return
    (entry,) = of_it
    assert (entry["actor"], entry["role"], entry["operation"]) == ("admin-3", "admin", operation)
    assert entry["token_id"] == "000000000003"
    assert entry["object"]
    assert "basin_0" not in str(entry)


@pytest.mark.parametrize("operation", CHANGES)
def test_what_is_refused_leaves_no_entry(guarded: Api, senders: dict[str, dict[str, str]], operation: str) -> None:
    if operation in OPEN:
        return
    path = address(guarded, operation, senders)
    for sender in NOBODIES:
        send(guarded, operation, path, {**senders[sender], "x-request-id": "refused"})
    entries = guarded.ok("GET", "/v1/audit", headers=senders["admin"])["entries"]
    assert [entry for entry in entries if entry["request_id"] == "refused"] == []
