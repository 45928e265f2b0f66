"""The studies that the reader's token has created, in the list and over the API."""

import re

from service.store.memory import MemoryStore
from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.http.admitting import bearer, put_all, put_token, token_id
from tests.unit.service.http.api import STUDY, Api


def listed(api: Api, path: str, headers: dict[str, str]) -> list[str]:
    """The names in the list."""
    return re.findall(r"data-row><bdi>(.*?)</bdi>", api.call("GET", path, headers=headers).text)


def test_mine_are_those_that_my_token_has_created(visit: Visit, store: MemoryStore) -> None:
    senders = put_all(store)
    other = bearer(put_token(store, 21, "editor"))
    api = visit(needs_tokens=True)
    for name, sender in (("a", senders["editor"]), ("b", other), ("c", senders["editor"])):
        api.ok("POST", "/v1/studies", {**STUDY, "name": name}, headers=sender)
    # Whoever changes a study has not created it.
    api.ok("POST", "/v1/studies/a:pause", headers=other)
    assert listed(api, "/studies", senders["editor"]) == ["c", "b", "a"]
    assert listed(api, "/studies?show=mine", senders["editor"]) == ["c", "a"]
    assert listed(api, "/studies?show=mine&q=a", senders["editor"]) == ["a"]
    assert listed(api, "/studies?show=mine", other) == ["b"]
    page = api.call("GET", "/studies", headers=senders["editor"]).text
    assert "Mine 2" in page
    assert "by editor-21" in page
    assert api.ok("GET", "/v1/studies/b", headers=other)["created_by"] == "editor-21"
    for creator in ("editor-21", token_id(21)):
        found = api.ok("GET", f"/v1/studies?created_by={creator}", headers=senders["viewer"])["studies"]
        assert [one["name"] for one in found] == ["b"]


def test_who_has_created_none_is_told_so(visit: Visit, store: MemoryStore) -> None:
    senders = put_all(store)
    api = visit(needs_tokens=True)
    api.ok("POST", "/v1/studies", STUDY, headers=senders["editor"])
    told = api.call("GET", "/studies?show=mine", headers=senders["viewer"]).text
    assert "No study was created with your token" in told
    assert "There is no study yet" not in told


def test_without_accounts_nothing_is_anybody_s(visit: Visit) -> None:
    api = visit()
    api.ok("POST", "/v1/studies", STUDY)
    page = api.call("GET", "/studies?show=mine").text
    assert "Mine" not in page
    assert " by local" not in page
    assert listed(api, "/studies?show=mine", {}) == ["s"], "what the address asks for beyond that is passed over"
    assert api.ok("GET", "/v1/studies/s")["created_by"] == "local"
