"""Warm starts on the command line, and what is said of points that were tried before."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem

SOURCES = [
    {"study": "first", "taken": 1, "left_out": {"not among the best": 1_200}},
    {"study": "pilot", "taken": 2, "left_out": {}},
]
FILE = """
name: second
objectives: [{metric: loss}]
space: {x: {type: float, low: 0, high: 1}}
warm_start: {from: [first, pilot], use: history}
"""


def told(server: FakeServer, name: str = "second") -> dict[str, Any]:
    return {**server.add(name), "warm_start": {"sources": SOURCES}}


@pytest.mark.parametrize(
    ("options", "body", "done"),
    [
        ((), {"use": "best", "count": None}, "to be run again"),
        (("--best", "3"), {"use": "best", "count": 3}, "to be run again"),
        (("--history",), {"use": "history", "count": None}, "taken with their results"),
        (("--history", "--count", "9"), {"use": "history", "count": 9}, "taken with their results"),
    ],
)
def test_what_was_taken_is_told(
    run: Run, server: FakeServer, options: tuple[str, ...], body: dict[str, Any], done: str
) -> None:
    server.plan(httpx2.Response(200, json=told(server)))
    ran = run("study", "warm-start", "second", "--from", "first", "--from", "pilot", *options)
    assert ran.code == 0
    assert ran.out == f"From 'first': 1 trial {done}.\nFrom 'pilot': 2 trials {done}.\n"
    assert ran.err == "  left out 1,200: not among the best\n"
    assert server.bodies == [{"from": ["first", "pilot"], **body}]
    assert server.requests[0].url.path == "/v1/studies/second:warm-start"


def test_as_json_it_is_the_server_s_answer(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(200, json=told(server)))
    assert '"taken": 2' in run("study", "warm-start", "second", "--from", "first", "-o", "json").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "a", "--best", "3", "--history"), "--best and --history: only one of them can be meant"),
        (("--from", "a", "--count", "3"), "--count: is only for --history"),
        (("--from", "a", "--best", "0"), "'--best': must be at least 1"),
        ((), "Missing option '--from'"),
    ],
)
def test_options_that_do_not_go_together(run: Run, server: FakeServer, options: tuple[str, ...], message: str) -> None:
    ran = run("study", "warm-start", "second", *options)
    assert ran.code == 2
    assert message in ran.err
    assert server.requests == []


def test_a_refusal_names_its_source(run: Run, server: FakeServer) -> None:
    errors = [{"field": "from[1]", "message": "there is no study named 'gone'"}]
    server.plan(problem(422, "invalid_argument", "no", errors=errors))
    ran = run("study", "warm-start", "second", "--from", "first", "--from", "gone")
    assert (ran.code, ran.err) == (2, "error: warm-start: from[1]: there is no study named 'gone'\n")


def test_a_file_with_a_warm_start_tells_what_was_taken(run: Run, server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(FILE)
    server.plan(httpx2.Response(201, json=told(server)))
    ran = run("study", "create", str(path))
    assert ran.out.splitlines() == [
        "Created study 'second'.",
        "From 'first': 1 trial taken with their results.",
        "From 'pilot': 2 trials taken with their results.",
    ]
    errors = [{"field": "warm_start.from[1]", "message": "has no trials yet"}]
    server.plan(problem(422, "invalid_argument", "no", errors=errors))
    ran = run("study", "create", str(path))
    assert (ran.code, ran.err) == (2, f"error: {path}:5: warm_start.from[1]: has no trials yet\n")


@pytest.mark.parametrize(
    ("best", "line"),
    [
        ({"origin": "sampled", "came_from": None}, "best: loss 0.5 in trial 3"),
        ({}, "best: loss 0.5 in trial 3"),
        ({"origin": "enqueued", "came_from": {"study": "first", "number": 9}}, "best: loss 0.5 in trial 3"),
        ({"origin": "added", "came_from": None}, "best: loss 0.5 in trial 3 (measured elsewhere)"),
        (
            {"origin": "added", "came_from": {"study": "first", "number": 9}},
            "best: loss 0.5 in trial 3 (measured by 'first' as trial 9)",
        ),
    ],
)
def test_a_best_value_from_elsewhere_says_so(run: Run, server: FakeServer, best: dict[str, Any], line: str) -> None:
    server.add("a")["best"] = {"number": 3, "values": {"loss": 0.5}, "params": {"x": 1}, **best}
    assert line in run("study", "show", "a").out.splitlines()


def test_a_point_that_was_tried_before_is_said_to_be(run: Run, server: FakeServer) -> None:
    server.add("a")
    answer = {"number": 4, "state": "queued", "params": {"x": 0.5, "kind": "a"}, "duplicate_of": 1}
    server.plan(lambda request: server._answer(request), httpx2.Response(201, json=answer))
    ran = run("trial", "enqueue", "a", "-p", "x=0.5", "-p", "kind=a")
    assert (ran.code, ran.out) == (0, "Enqueued trial 4 of study 'a'.\n")
    assert ran.err == "note: trial 4 has the same parameters as trial 1\n"
