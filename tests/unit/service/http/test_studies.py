"""The addresses of studies."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.service.http.api import STUDY, Api
from tests.unit.service.http.conftest import SEED


def test_create_answers_the_study_its_address_and_its_tag(api: Api) -> None:
    response = api.post("/v1/studies", STUDY)
    assert response.status_code == 201
    assert response.headers["location"] == "/v1/studies/s"
    assert response.headers["etag"] == '"1"'
    study = response.json()
    assert study["definition"]["seed"] == SEED
    assert study["trials"] == dict.fromkeys(study["trials"], 0)
    assert study == api.ok("GET", "/v1/studies/s")


def test_of_a_study_that_was_created_the_search_is_told(make_api: Callable[..., Api]) -> None:
    """And of no other: what its first suggestions need is loaded then, which takes a second."""
    told: list[str] = []
    api = make_api(created=lambda definition: told.append(definition.name))
    for path in ("/v1/studies?validate_only=true", "/v1/studies", "/v1/studies"):
        api.post(path, STUDY)
    assert told == ["s"]


def test_a_seed_that_is_given_is_kept(api: Api) -> None:
    assert api.ok("POST", "/v1/studies", {**STUDY, "seed": 2**63 - 1})["definition"]["seed"] == 2**63 - 1


def test_a_taken_name_is_refused_with_its_field(api: Api) -> None:
    api.study()
    for path in ("/v1/studies", "/v1/studies?validate_only=true"):
        status, code, problem = api.refused("POST", path, STUDY)
        assert (status, code) == (409, "name_taken")
        assert problem["errors"] == [{"field": "name", "message": "is taken by another study"}]


def test_validate_only_creates_nothing(api: Api) -> None:
    answer = api.ok("POST", "/v1/studies?validate_only=true", STUDY)
    assert answer["sampler"] == {"type": "auto"}
    assert answer["seed"] is None
    assert api.ok("GET", "/v1/studies")["studies"] == []


def test_validate_only_tells_every_field(api: Api) -> None:
    body = {**STUDY, "space": {"lr": {"type": "float", "low": 1, "high": 0}}, "objectives": [{"metric": "7"}], "x": 1}
    status, code, problem = api.refused("POST", "/v1/studies?validate_only=true", body)
    assert (status, code) == (422, "invalid_argument")
    assert {error["field"] for error in problem["errors"]} == {"space.lr.high", "objectives[0].metric", "x"}


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        'say "hi"',
        "100°",
        "πλήρες",
        "مرحبا",
        "🙂🔬",
        "a+b&c=d;e",
        "~.-_",
        "naïve",
        "na\u0131\u0308ve",
        "'; drop --",
    ],
)
def test_names_are_free_text(api: Api, name: str) -> None:
    address = api.study(name)
    assert address.isascii()
    study = api.ok("GET", address)
    assert api.ok("GET", f"/v1/studies/{name}") == study
    assert api.ok("POST", f"{address}:pause")["state"] == "paused"
    assert api.ok("POST", f"/v1/studies/{name}:resume")["state"] == "active"
    number = api.trial(address)["number"]
    assert api.ok("GET", f"{address}/trials/{number}")["study"] == study["name"]
    assert api.call("DELETE", address).status_code == 204


def test_a_name_is_found_in_whichever_form_of_unicode(api: Api) -> None:
    api.study("cafe\u0301")
    assert api.ok("GET", "/v1/studies/caf%C3%A9")["name"] == "caf\u00e9"
    assert api.ok("GET", "/v1/studies/cafe%CC%81")["name"] == "caf\u00e9"


@pytest.mark.parametrize(
    "name", ["a/b", "a:b", "a%2Fb", "a#b", "a?b", "..", " a", "a\u202eb", "a\nb", "a\x00b", "", "a" * 201]
)
def test_names_that_break_addresses_are_refused(api: Api, name: str) -> None:
    status, _, problem = api.refused("POST", "/v1/studies", {**STUDY, "name": name})
    assert status == 422
    assert problem["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    "path", ["/v1/studies/a:pauze", "/v1/studies/a%3Apauze", "/v1/studies/a%00", "/v1/studies/", "/v1"]
)
def test_what_no_route_matches_is_not_there(api: Api, path: str) -> None:
    assert api.refused("POST", path)[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/studies/no"),
        ("PATCH", "/v1/studies/no"),
        ("DELETE", "/v1/studies/no"),
        ("POST", "/v1/studies/no:pause"),
        ("POST", "/v1/studies/no:resume"),
        ("POST", "/v1/studies/no:stop"),
        ("POST", "/v1/studies/no:archive"),
        ("POST", "/v1/studies/no:unarchive"),
        ("GET", "/v1/studies/no/export"),
        ("GET", "/v1/studies/no/trials"),
        ("GET", "/v1/studies/no/trials/0"),
        ("POST", "/v1/studies/no/trials/0:cancel"),
        ("GET", "/v1/studies/no/trials/0/reports"),
        ("GET", "/v1/studies/no/trials/0/attempts"),
        ("GET", "/v1/studies/no/trials/0/checkpoints"),
        ("GET", "/v1/events?study=no"),
    ],
)
def test_an_unknown_study(api: Api, method: str, path: str) -> None:
    status, code, problem = api.refused(method, path, {} if method == "PATCH" else None)
    assert (status, code) == (404, "study_not_found")
    assert problem["hint"]


def test_change(api: Api) -> None:
    address = api.study(note="old", tags=["a"], budget={"max_trials": 3, "wall_time": "1h"})
    response = api.call("PATCH", address, {"budget": {"max_trials": 9}, "tags": ["b"]})
    definition = response.json()["definition"]
    assert response.headers["etag"] == '"2"'
    assert (definition["note"], definition["tags"], definition["budget"]["max_trials"]) == ("old", ["b"], 9)
    assert definition["budget"]["wall_time"] is None
    status, _, problem = api.refused("PATCH", address, {"space": {}, "name": "t"})
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == ["space", "name"]


def test_moves(api: Api) -> None:
    address = api.study()
    moves = [("pause", "paused"), ("pause", "paused"), ("resume", "active"), ("stop", "stopped"), ("stop", "stopped")]
    for verb, state in moves:
        response = api.post(f"{address}:{verb}")
        assert response.json()["state"] == state
        assert response.headers["etag"] == f'"{response.json()["revision"]}"'
    assert api.refused("POST", f"{address}:pause")[:2] == (409, "wrong_state")
    assert api.ok("POST", f"{address}:archive")["archived"] is True
    assert api.ok("GET", "/v1/studies")["studies"] == []
    assert api.ok("POST", f"{address}:unarchive")["archived"] is False


@pytest.mark.parametrize(
    ("body", "state"), [({}, "stopping"), ({"running": "finish"}, "stopping"), ({"running": "cancel"}, "stopped")]
)
def test_stop_lets_running_trials_finish_or_cancels_them(api: Api, body: dict[str, Any], state: str) -> None:
    address = api.study()
    api.lease(address)
    assert api.ok("POST", f"{address}:stop", body)["state"] == state


def test_delete(api: Api) -> None:
    address = api.study()
    api.lease(address)
    assert api.refused("DELETE", address)[:2] == (409, "study_busy")
    response = api.call("DELETE", f"{address}?force=true")
    assert (response.status_code, response.content) == (204, b"")
    assert api.refused("GET", address)[0] == 404
    api.study()


VERBS = [("PATCH", "", {"note": "x"}), ("DELETE", "", None)] + [
    ("POST", f":{verb}", None) for verb in ("pause", "resume", "stop", "archive", "unarchive")
]


@pytest.mark.parametrize(("method", "suffix", "body"), VERBS)
class TestIfMatch:
    """Changes to what somebody else has changed in between."""

    def test_another_revision_is_refused(self, api: Api, method: str, suffix: str, body: object) -> None:
        address = api.study()
        status, code, _ = api.refused(method, address + suffix, body, headers={"If-Match": '"7"'})
        assert (status, code) == (412, "revision_mismatch")
        assert api.ok("GET", address)["revision"] == 1

    @pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "*", ' "1" '])
    def test_the_same_revision_is_taken(self, api: Api, method: str, suffix: str, body: object, tag: str) -> None:
        assert api.call(method, api.study() + suffix, body, headers={"If-Match": tag}).is_success

    @pytest.mark.parametrize("tag", ["1", '"x"', '"1", "2"', '""', '"-1"', '"9999999999999999"'])
    def test_what_is_no_tag_is_refused(self, api: Api, method: str, suffix: str, body: object, tag: str) -> None:
        status, code, problem = api.refused(method, api.study() + suffix, body, headers={"If-Match": tag})
        assert (status, code) == (400, "invalid_header")
        assert problem["errors"][0]["field"] == "If-Match"


def test_list_pages(api: Api) -> None:
    for number in range(7):
        api.study(f"s{number}")
    seen, token, pages = [], None, 0
    while pages == 0 or token:
        page = api.ok("GET", "/v1/studies", params={"page_size": 3} | ({"page_token": token} if token else {}))
        seen += [study["name"] for study in page["studies"]]
        token, pages = page["next_page_token"], pages + 1
    assert seen == [f"s{number}" for number in reversed(range(7))]
    assert pages == 3


def test_list_filters(api: Api) -> None:
    api.study("one", tags=["cnn"], note="the first")
    api.study("two", tags=["rnn"])
    api.study("three", tags=["cnn"])
    api.ok("POST", "/v1/studies/three:pause")
    api.ok("POST", "/v1/studies/two:archive")

    def names(**params: Any) -> list[str]:
        return [study["name"] for study in api.ok("GET", "/v1/studies", params=params)["studies"]]

    assert names() == ["three", "one"]
    assert names(tag="cnn", state="active") == ["one"]
    assert names(state=["active", "paused"]) == ["three", "one"]
    assert names(archived="any") == ["three", "two", "one"]
    assert names(archived="true") == ["two"]
    assert names(q="FIRST") == ["one"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=x", "page_size"),
        ("state=gone", "state[0]"),
        ("archived=maybe", "archived"),
        ("sate=active", "sate"),
        ("q=a%00b", "q"),
        ("tag=" + "x" * 65, "tag"),
    ],
)
def test_bad_parameters_are_named(api: Api, query: str, field: str) -> None:
    status, code, problem = api.refused("GET", f"/v1/studies?{query}")
    assert (status, code) == (422, "invalid_argument")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert "body" not in problem["detail"]
