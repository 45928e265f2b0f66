"""Who may call the server by which name, from which page, with which kind of body."""

from collections.abc import Callable

import pytest

from service.http.hosts import Hosts
from tests.unit.service.http.api import STUDY, Api

LOCAL = Hosts.of("127.0.0.1", (), trust_network=False)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8420", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.8.9.1", "[::1]", "[::1]:8420"],
)
def test_loopback_is_always_allowed(host: str) -> None:
    assert LOCAL.allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8420",
        "localhost.evil.example",
        "evil.example.localhost.com",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "[::2]",
        "localhost:80:90",
        "localhost evil",
        "2130706433",
        ":8420",
        "[",
    ],
)
def test_all_other_names_are_not(host: str) -> None:
    assert not LOCAL.allows(host)


def test_names_that_are_given() -> None:
    hosts = Hosts.of("10.0.0.7", ["Basin.example", "*.lab.example", "proxy:8080"], trust_network=True)
    for host in ("basin.example", "basin.example:443", "a.lab.example", "b.a.lab.example", "proxy:8080", "10.0.0.7:1"):
        assert hosts.allows(host)
    for host in ("lab.example", "xlab.example", "proxy", "proxy:81", "evil.example"):
        assert not hosts.allows(host)


def test_a_trusted_network_may_call_it_anything_unless_names_are_given() -> None:
    assert Hosts.of("0.0.0.0", (), trust_network=True).allows("anything")
    assert not Hosts.of("0.0.0.0", ["a"], trust_network=True).allows("anything")
    assert Hosts.of("0.0.0.0", ["*"], trust_network=False).allows("anything")


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8420", "localhost:8420", True),
        ("https://LOCALHOST:8420", "localhost:8420", True),
        ("http://localhost:3000", "localhost:8420", False),
        ("http://localhost", "localhost:8420", False),
        ("http://127.0.0.1:8420", "localhost:8420", False),
        ("http://127.0.0.1:3000", "127.0.0.1:8420", False),
        ("http://evil.example", "localhost:8420", False),
        ("https://basin.example", "10.0.0.7:8420", True),
        ("null", "localhost:8420", False),
        ("", "localhost:8420", False),
        ("file://", "localhost:8420", False),
        ("http://localhost:8420@evil.example", "localhost:8420", False),
    ],
)
def test_origins(origin: str, host: str, allowed: bool) -> None:
    assert Hosts.of("127.0.0.1", ["basin.example"], trust_network=False).allows_origin(origin, host) is allowed


def test_a_trusted_network_is_no_reason_to_trust_every_page() -> None:
    assert not Hosts.of("0.0.0.0", (), trust_network=True).allows_origin("http://evil.example", "10.0.0.7:8420")


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/version", "/v1/openapi.json", "/anything"])
def test_a_name_that_points_here_is_refused(api: Api, path: str) -> None:
    status, code, problem = api.refused("GET", path, headers={"host": "evil.example"})
    assert (status, code) == (421, "host_not_allowed")
    assert "allowed_hosts" in problem["hint"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_whoever_watches_may_use_any_name(api: Api, path: str) -> None:
    assert api.get(path, headers={"host": "10.1.2.3:8420"}).status_code == 200


def test_a_foreign_page_may_look_but_change_nothing(api: Api) -> None:
    study = api.study()
    foreign = {"origin": "http://evil.example"}
    assert api.get(study, headers=foreign).status_code == 200
    assert "access-control-allow-origin" not in api.get(study, headers=foreign).headers
    for method, path, body in (
        ("POST", "/v1/studies", {**STUDY, "name": "t"}),
        ("POST", f"{study}:pause", None),
        ("PATCH", study, {"note": "x"}),
        ("DELETE", study, None),
        ("POST", f"{study}:ask", {"worker": "w"}),
    ):
        assert api.refused(method, path, body, headers=foreign)[:2] == (403, "origin_not_allowed")
    assert api.ok("GET", study)["revision"] == 1
    assert api.call("DELETE", study, headers={"origin": "http://localhost:8420"}).status_code == 204


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "json", ""]
)
def test_a_body_that_is_not_json(api: Api, kind: str) -> None:
    study = api.study()
    for method, path in (
        ("POST", "/v1/studies"),
        ("POST", f"{study}:ask"),
        ("POST", f"{study}:pause"),
        ("PATCH", study),
    ):
        response = api.call(method, path, content=b"{}", headers={"content-type": kind})
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", 'application/json; charset="UTF-8"']
)
def test_json_by_its_other_spellings(api: Api, kind: str) -> None:
    assert api.call("PATCH", api.study(), content=b'{"note": "x"}', headers={"content-type": kind}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json; charset=latin-1"},
        {"content-encoding": "gzip", "content-type": "application/json"},
    ],
)
def test_json_in_another_coding(api: Api, headers: dict[str, str]) -> None:
    assert api.call("PATCH", api.study(), content=b"{}", headers=headers).status_code == 415


def test_no_body_needs_no_type(api: Api) -> None:
    assert api.post(f"{api.study()}:pause", headers={"content-type": "text/plain"}).status_code == 200


def test_allowed_hosts_reach_the_application(make_api: Callable[..., Api]) -> None:
    api = make_api(allowed_hosts=("basin.example",))
    assert api.get("/v1/studies", headers={"host": "basin.example"}).status_code == 200
    origin = {"host": "10.0.0.7", "origin": "https://basin.example"}
    assert api.post("/v1/studies", STUDY, headers=origin).status_code == 421
