"""Following events: each once, also when the connection is lost."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import AT, FakeServer, problem


def stream(*events: str) -> httpx2.Response:
    return httpx2.Response(200, text="".join(events), headers={"Content-Type": "text/event-stream"})


def hello(id: int) -> str:
    return f"retry: 2000\nid: {id}\n\n"


def event(id: int, type: str = "study.state", study: str = "a", **data: Any) -> str:
    trial = data.pop("trial", None)
    body = {"id": id, "type": type, "study": study, "trial": trial, "seq": 1, "data": data, "at": AT}
    return f"id: {id}\nevent: {type}\ndata: {json.dumps(body)}\n\n"


def interrupt(_: httpx2.Request) -> httpx2.Response:
    raise KeyboardInterrupt


def told(out: str) -> list[str]:
    """The lines without their times, which are local."""
    return [line.split("  ", 1)[1] for line in out.splitlines()]


def test_the_latest_events(run: Run, server: FakeServer) -> None:
    shown = [
        event(6, state="completed", reason="the target is reached"),
        event(7, "trial.state", trial=4, state="completed", values={"loss": 0.123456}),
        event(8, "trial.state", trial=5, state="failed", failure="oom"),
        event(9, "study.updated", fields=["note", "tags"]),
        event(10, "study.deleted"),
    ]
    server.plan(stream(hello(10)), stream(hello(0), event(5), *shown, event(11)))
    ran = run("events", "--study", "a", "--last", "5")
    assert ran.code == 0
    assert told(ran.out) == [
        "a  completed: the target is reached",
        "a  trial 4 completed  loss 0.12346",
        "a  trial 5 failed  (oom)",
        "a  updated: note, tags",
        "a  deleted",
    ]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "0"]
    assert server.requests[0].url.params["study"] == "a"


def test_silence_ends_the_latest_events(run: Run, server: FakeServer) -> None:
    class Silent(httpx2.SyncByteStream):
        def __iter__(self) -> Any:
            yield event(3).encode()
            raise httpx2.ReadTimeout("silence")

    headers = {"Content-Type": "text/event-stream"}
    server.plan(stream(hello(9)), httpx2.Response(200, stream=Silent(), headers=headers))
    ran = run("events", "-o", "json")
    assert (ran.code, json.loads(ran.out)["id"]) == (0, 3)


def test_nothing_has_happened(run: Run, server: FakeServer) -> None:
    server.plan(stream(hello(0)))
    assert run("events").err == "Nothing has happened lately. --follow waits until something does.\n"


def test_following_goes_on_where_the_connection_was_lost(run: Run, server: FakeServer) -> None:
    server.plan(
        stream(hello(4)),
        stream(hello(4), event(5, state="paused")),
        httpx2.ConnectError("refused"),
        stream(hello(5), event(6, state="active"), ": still here\n\n", hello(8)),
        interrupt,
    )
    ran = run("events", "--follow", "--last", "0")
    assert ran.code == 130
    assert told(ran.out) == ["a  paused", "a  active"]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "4", "5", "5", "8"]
    assert "The connection was lost; connecting again." in ran.err


def test_a_gap_is_told(run: Run, server: FakeServer) -> None:
    server.plan(stream(hello(4)), stream(event(90, "resync"), event(91, state="active")), interrupt)
    ran = run("events", "--follow", "--last", "0")
    assert "warning: some events in between are no longer kept" in ran.err
    assert told(ran.out) == ["a  active"]


@pytest.mark.parametrize(("output", "begins"), [("json", '{"id": 5'), ("yaml", "---\nid: 5\n")])
def test_events_for_programs(run: Run, server: FakeServer, output: str, begins: str) -> None:
    server.plan(stream(hello(5)), stream(event(5)))
    assert run("events", "-o", output).out.startswith(begins)


def test_a_study_that_is_not_there(run: Run, server: FakeServer) -> None:
    server.plan(problem(404, "study_not_found", "no"))
    assert run("events", "--follow", "--study", "none").code == 3
