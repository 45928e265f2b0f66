"""The client: what is sent, what is tried again, and what errors mean."""

import httpx2
import pytest

from service.cli.client import Client
from service.cli.errors import BadInput, Refused, Unreachable
from service.cli.retry import Retrier, cause
from service.cli.world import World
from tests.unit.service.cli.conftest import Clock
from tests.unit.service.cli.fake_server import FakeServer, problem


class Connected:
    """A client, and what it said while it waited."""

    def __init__(self, world: World, server: str = "http://localhost:8420/", token: str | None = None) -> None:
        self.said: list[str] = []
        self.client = Client(server, token, Retrier(world, self.said.append), version="9", transport=world.transport)


@pytest.fixture
def connected(world: World) -> Connected:
    return Connected(world)


def test_what_is_sent(world: World, server: FakeServer) -> None:
    client = Connected(world, token="secret").client
    server.add("a b&ö")
    client.study("a b&ö")
    (request,) = server.requests
    assert request.url.raw_path == b"/v1/studies/a%20b%26%C3%B6"
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["User-Agent"] == "basin/9"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_lead_elsewhere(connected: Connected, server: FakeServer, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be the name of a study"):
        connected.client.delete_study(name, force=True)
    assert server.requests == []


def test_names_that_are_no_text(connected: Connected, server: FakeServer) -> None:
    with pytest.raises(Refused):
        connected.client.study("\udcff")
    assert server.requests[0].url.raw_path == b"/v1/studies/%3F"


def test_a_server_may_have_a_path(world: World, server: FakeServer) -> None:
    client = Connected(world, server="https://host/basin/").client
    server.plan(httpx2.Response(200, json={"name": "a"}))
    client.study("a")
    assert str(server.requests[0].url) == "https://host/basin/v1/studies/a"


@pytest.mark.parametrize("url", ["ftp://x", "localhost:8420", "", "http://", "http://x:port", "http://[::1"])
def test_addresses_that_are_none(world: World, url: str) -> None:
    with pytest.raises(BadInput, match="--server"):
        Connected(world, server=url)


def test_proxies_of_the_environment_are_passed_over_here(world: World) -> None:
    assert not Connected(world).client.http.trust_env
    assert Connected(world, server="http://lab:8420").client.http.trust_env


def test_queries(connected: Connected, server: FakeServer) -> None:
    connected.client.studies({"state": ["active", "paused"], "tag": None, "archived": True}, 5)
    assert server.requests[0].url.query == b"state=active&state=paused&archived=true&page_size=5"


def test_numbers_that_json_does_not_have_travel_as_text(connected: Connected, server: FakeServer) -> None:
    server.add("a")
    connected.client.add_trial("a", {"params": {"x": float("nan")}, "attrs": {"y": [float("-inf")]}})
    assert server.bodies == [{"params": {"x": "NaN"}, "attrs": {"y": ["-Infinity"]}}]
    assert server.requests[0].headers["Content-Type"] == "application/json"


def test_pages_are_followed_up_to_the_limit(connected: Connected, server: FakeServer) -> None:
    server.add("a")
    for _ in range(1_500):
        server.add_trial("a", params={})
    trials, more = connected.client.trials("a", {}, 1_200)
    assert [trial["number"] for trial in trials] == list(range(1_200))
    assert more
    assert [request.url.params["page_size"] for request in server.requests] == ["1000", "200"]
    trials, more = connected.client.trials("a", {}, 5_000)
    assert (len(trials), more) == (1_500, False)


# --- what is tried again


def test_a_busy_server_is_asked_again_when_it_says(connected: Connected, server: FakeServer, clock: Clock) -> None:
    server.add("a")
    busy = problem(503, "overloaded", "Too many writes are waiting.", headers={"Retry-After": "3"})
    limited = problem(429, "too_many", "Slow down.", headers={"Retry-After": "Fri, 02 Jan 2026 03:07:15 GMT"})
    server.plan(busy, limited)
    assert connected.client.study("a")["name"] == "a"
    assert clock.naps == [3.5, 10.5]
    assert connected.said == [
        "the server is not available just now; trying again in 3.5 s",
        "the server is busy; trying again in 10.5 s",
    ]


def test_a_lost_connection_is_tried_again(connected: Connected, server: FakeServer) -> None:
    server.add("a")
    server.plan(httpx2.ReadError("reset"), httpx2.RemoteProtocolError("closed"), httpx2.ReadTimeout("late"))
    assert connected.client.study("a")["name"] == "a"
    assert connected.client.retrier.lost == 3


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422, 500, 502, 504])
def test_other_answers_are_final(connected: Connected, server: FakeServer, status: int) -> None:
    server.plan(problem(status, "some_code", "no"))
    with pytest.raises(Refused, match="no"):
        connected.client.study("a")
    assert len(server.requests) == 1


def test_patience_with_a_server_that_never_answered_is_short(
    connected: Connected, server: FakeServer, clock: Clock
) -> None:
    server.plan(*[httpx2.ConnectError("refused")] * 100)
    with pytest.raises(Unreachable, match=r"no server answers at http://localhost:8420 \(refused\)") as error:
        connected.client.study("a")
    assert clock.seconds <= 2
    assert connected.said == []
    assert "basin up" in str(error.value.hint)


def test_a_server_that_answered_once_is_worth_waiting_for(
    connected: Connected, server: FakeServer, clock: Clock
) -> None:
    server.add("a")
    connected.client.study("a")
    server.plan(*[httpx2.ConnectError("refused")] * 100)
    with pytest.raises(Unreachable):
        connected.client.study("a")
    assert 30 < clock.seconds <= 60
    assert connected.said[0] == "no connection to the server (refused); trying again in 0.2 s"


def test_patience_with_a_busy_server_ends(connected: Connected, server: FakeServer, clock: Clock) -> None:
    server.plan(*[problem(503, "store_full", "The database has no room left.", headers={"Retry-After": "30"})] * 9)
    with pytest.raises(Refused, match="no room left"):
        connected.client.study("a")
    assert clock.seconds <= 60


def test_a_deleted_study_that_is_gone_after_a_lost_answer_was_deleted(connected: Connected, server: FakeServer) -> None:
    server.add("a")

    def lost(request: httpx2.Request) -> httpx2.Response:
        server(request)
        raise httpx2.ReadError("reset")

    server.plan(lost)
    connected.client.delete_study("a", force=False)
    with pytest.raises(Refused):
        connected.client.delete_study("a", force=False)


# --- what is not Basin


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(200, text="<html>Log in</html>"), "that is not JSON"),
        (httpx2.Response(200, json=["a"]), "that is not JSON"),
        (httpx2.Response(404, json={"detail": "Not Found"}), "that is not an error as Basin writes it"),
        (httpx2.Response(502, text="Bad gateway"), "that is not JSON"),
        (httpx2.Response(307, headers={"Location": "https://x/\x1b[2J"}), r"it sends on to https://x/\x1b[2J"),
    ],
)
def test_strangers_are_told_apart(connected: Connected, server: FakeServer, answer: httpx2.Response, said: str) -> None:
    server.plan(answer)
    with pytest.raises(Unreachable) as error:
        connected.client.study("a")
    assert said in str(error.value)
    assert "GET /v1/studies/a" in str(error.value.detail)


def test_why_a_connection_failed_is_told_by_its_innermost_cause() -> None:
    error = httpx2.ConnectError("All connection attempts failed")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert cause(error) == "connection refused"
    assert cause(httpx2.ReadTimeout("")) == "ReadTimeout"


@pytest.mark.parametrize("asked", ["", "soon", "-3"])
def test_a_retry_after_that_says_nothing_is_passed_over(
    connected: Connected, server: FakeServer, clock: Clock, asked: str
) -> None:
    server.add("a")
    server.plan(problem(503, "overloaded", "no", headers={"Retry-After": asked}))
    connected.client.study("a")
    assert clock.naps == [0.25]
