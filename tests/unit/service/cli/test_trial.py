"""The commands for trials."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import AT, FakeServer, problem


@pytest.fixture
def study(server: FakeServer) -> str:
    server.add("a")
    return "a"


# --- list and show


def test_an_empty_list_says_what_to_do(run: Run, study: str) -> None:
    ran = run("trial", "list", study)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("No trials yet. Enqueue one: basin trial enqueue a -p name=value")
    assert run("trial", "list", study, "--state", "failed").err == "No trial is like that.\n"


def test_trials_are_listed(run: Run, server: FakeServer, study: str) -> None:
    times = {"started_at": "2026-01-02T03:04:05Z", "finished_at": "2026-01-02T03:05:40Z"}
    done = {"state": "completed", "values": {"loss": 0.123456}, "last_step": 12, "attempts": 1, **times}
    server.add_trial(study, params={"x": 0.123456, "kind": "a"}, **done)
    server.add_trial(study, params={"x": 1e-7}, state="running", attempts=1, started_at=AT, last_step=3)
    server.add_trial(study, params={"x": 0.5, "kind": "1"}, state="infeasible", values={"loss": "NaN"})
    ran = run("trial", "list", study)
    assert ran.out.splitlines() == [
        "N  STATE         loss  STEP    TIME       x  kind",
        "0  completed   0.1235    12  1m 35s  0.1235  a",
        "1  running          -     3      3m    1e-7  -",
        "2  infeasible     NaN     -       -     0.5  1",
    ]


def test_what_is_asked_for_is_sent(run: Run, server: FakeServer, study: str) -> None:
    arguments = (
        "--state",
        "failed",
        "--state",
        "pruned",
        "--where",
        "x<0.5",
        "--where",
        "kind=a",
        "--order-by",
        "-value",
    )
    run("trial", "list", study, *arguments, "--limit", "7")
    sent = dict(server.requests[0].url.params.multi_items())
    assert server.requests[0].url.params.get_list("state") == ["failed", "pruned"]
    assert server.requests[0].url.params.get_list("where") == ["x<0.5", "kind=a"]
    assert (sent["order_by"], sent["page_size"]) == ("-value", "7")


def test_only_columns_that_fit_are_shown(run: Run, server: FakeServer, study: str) -> None:
    params = {f"parameter_{number}": number / 7 for number in range(8)}
    server.add_trial(study, params=params)
    narrow = run("trial", "list", study, "--no-color", terminal=80)
    assert all(len(line) <= 80 for line in narrow.out.splitlines())
    assert "parameter_3" in narrow.out
    assert "(4 more columns: widen the terminal, or -o yaml)" in narrow.err
    assert "parameter_7" in run("trial", "list", study, terminal=200).out
    assert "parameter_7" in run("trial", "list", study).out


def test_a_trial_is_shown(run: Run, server: FakeServer, study: str) -> None:
    failure = {"class": "oom", "message": "out of memory\n\x1b[31mGPU 0", "tail": ""}
    server.add_trial(
        study, params={"x": 0.25}, state="failed", attempts=1, started_at=AT, failure=failure, attrs={"by": "me"}
    )
    server.points = [
        {"attempt": 1, "step": step, "metrics": {"loss": 8.0 - step, "acc": "NaN"}, "superseded": step == 0}
        for step in range(9)
    ]
    out = run("trial", "show", study, "0").out
    for line in (
        "a, trial 0  failed",
        "origin   enqueued, 3 min ago",
        "ran      3m",
        "failure  oom: out of memory",
        "         \\x1b[31mGPU 0",
        "attrs    by me",
        "x          0.25",
        "epochs     3 (derived or constant)",
        "loss    █▇▆▅▄▃▂▁      7     0  1 to 8",
        "acc     xxxxxxxx    nan   nan  1 to 8",
        "      1  running  w       3 min ago     3",
    ):
        assert line in out.splitlines(), line


def test_a_trials_health_is_shown_apart_from_its_curves(run: Run, server: FakeServer, study: str) -> None:
    server.add_trial(study, params={"x": 0.25}, state="pruned", attempts=1)
    dead = {"health.flag.dead_units": 1.0}
    server.points = [
        {
            "attempt": 1,
            "step": step,
            "metrics": {"loss": 2.3, "health.guess": 2.3, "health.dead": step / 4, **(dead if step != 2 else {})},
        }
        for step in range(1, 5)
    ]
    lines = run("trial", "show", study, "0").out.splitlines()
    for line in ("loss    ▁▁▁▁     2.3   2.3  1 to 4", "dead    ▁▃▆█    0.25     1", "dead units  1, 3 to 4"):
        assert line in lines, line
    assert not any("guess" in line or "flag" in line for line in lines)
    server.points = [{"attempt": 1, "step": 1, "metrics": {"loss": 2.3}}]
    assert "HEALTH" not in run("trial", "show", study, "0").out


def test_a_trial_tells_who_suggested_it_and_why_it_was_stopped(run: Run, server: FakeServer, study: str) -> None:
    suggestion = {"sampler": {"type": "tpe"}, "note": "drawn at random, since the sampler failed"}
    server.add_trial(study, params={"x": 0.25}, state="pruned", origin="sampled", suggestion=suggestion)
    server.decisions = [
        {"attempt": 1, "step": 1, "act": "continue", "reason": None},
        {"attempt": 1, "step": 4, "act": "stop", "reason": "worse than the median of 12 trials: 0.41 > 0.33"},
    ]
    lines = run("trial", "show", study, "0").out.splitlines()
    assert "origin  sampled by tpe (drawn at random, since the sampler failed), 3 min ago" in lines
    assert "   4  stop     worse than the median of 12 trials: 0.41 > 0.33" in lines
    assert not any(line.startswith("   1  continue") for line in lines)


def test_a_trial_for_programs_is_whole(run: Run, server: FakeServer, study: str) -> None:
    server.add_trial(study, params={"x": 0.1}, attempts=2)
    server.points = [{"attempt": 1, "step": 1, "metrics": {"loss": 1.0}}]
    shown = json.loads(run("trial", "show", study, "0", "-o", "json").out)
    assert shown["points"] == server.points
    assert len(shown["attempt_list"]) == 2
    assert shown["checkpoints"] == shown["decisions"] == []
    assert shown["params"] == {"x": 0.1}


def test_a_trial_that_is_not_there(run: Run, study: str) -> None:
    ran = run("trial", "show", study, "9")
    assert (ran.code, ran.err.splitlines()[0]) == (3, "error: the study has no trial 9")


# --- enqueue and add


def test_a_point_is_enqueued(run: Run, server: FakeServer, study: str) -> None:
    ran = run("trial", "enqueue", study, "-p", "x=1e-1", "--param", "kind=1")
    assert (ran.code, ran.out) == (0, "Enqueued trial 0 of study 'a'.\n")
    (body,) = server.bodies
    assert body["params"] == {"x": 0.1, "kind": "1"}
    assert len(body["request_id"]) == 36


def test_a_lost_answer_enqueues_nothing_twice(run: Run, server: FakeServer, study: str) -> None:
    def lost(request: httpx2.Request) -> httpx2.Response:
        server(request)
        raise httpx2.ReadError("reset")

    server.plan(lambda _: httpx2.Response(200, json=server.studies["a"]), lost)
    assert run("trial", "enqueue", study, "-p", "x=0.5", "-p", "kind=a").out == "Enqueued trial 0 of study 'a'.\n"
    assert len(server.trials[study]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "error: give the parameters with -p, or a --file"),
        (("-p", "x=1", "--file", "f.csv"), "error: give the parameters with -p, or a --file"),
        (("-p", "x"), "error: -p x: must be NAME=VALUE"),
        (("-p", "x=2", "-p", "kind=a"), "error: params.x: must lie between 0.0 and 1.0 (is 2)"),
        (("-p", "x=0.5"), "error: params.kind: is missing"),
        (("--file", "none.csv"), "error: none.csv: No such file or directory"),
    ],
)
def test_points_that_are_wrong_are_not_sent(
    run: Run, server: FakeServer, study: str, arguments: tuple[str, ...], said: str
) -> None:
    ran = run("trial", "enqueue", study, *arguments)
    assert ran.code == 2
    assert ran.err.startswith(said)
    assert server.bodies == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("points.csv", "params.x,kind\n0.1,1\n\n0.2,a\n"),
        ("points.tsv", "x\tkind\n0.1\t1\n0.2\ta\n"),
        ("points.csv", "\ufeff x , kind\r\n0.1,1\r\n0.2,a\r\n"),
        ("points.json", '[{"x": 0.1, "kind": "1"}, {"params": {"x": 0.2, "kind": "a"}}]'),
        ("points.yaml", "- {x: 0.1, kind: '1'}\n- x: 0.2\n  kind: a\n"),
    ],
)
def test_files_of_points(run: Run, server: FakeServer, study: str, tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, newline="")
    ran = run("trial", "enqueue", study, "--file", str(file))
    assert (ran.code, ran.out) == (0, "Enqueued trials 0 to 1 of study 'a'.\n")
    assert [body["params"] for body in server.bodies] == [{"x": 0.1, "kind": "1"}, {"x": 0.2, "kind": "a"}]
    assert len({body["request_id"] for body in server.bodies}) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "p.csv",
            "x,kind\n0.1,a\n7,a\n0.2,b\n",
            ":3: params.x: must lie between 0.0 and 1.0 (is 7)\nerror: {}:4: params",
        ),
        ("p.csv", "x,kind\n0.1\n", ":2: has 1 cells where the first line has 2 names"),
        ("p.csv", "x,x\n1,2\n", ":1: 'x' stands twice"),
        ("p.csv", "x,\n1,2\n", ":1: column 2 has no name"),
        ("p.csv", "", ":1: must name the parameters"),
        ("p.csv", "x,kind\n", ": holds no trials"),
        ("p.csv", 'x,kind\n"0.1"2,a\n', ":2: "),
        ("p.yaml", "x: 0.1\n", ": must hold a list of trials"),
        ("p.yaml", "- {x: 0.1, kind: a}\n- 3\n", ":2: must be a mapping"),
        ("p.yaml", "- {x: 0.1, kind: a}\n- {x: 0.1, kind: [1]}\n", ":2: params.kind: must be one of"),
    ],
)
def test_files_that_are_wrong_are_not_sent(
    run: Run, server: FakeServer, study: str, tmp_path: Path, name: str, text: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    ran = run("trial", "enqueue", study, "--file", str(file))
    assert ran.code == 2
    assert ran.err.startswith(f"error: {file}{said.format(file)}")
    assert server.bodies == []


def test_where_it_stopped_is_told_and_where_to_go_on(run: Run, server: FakeServer, study: str, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("x,kind\n" + "0.5,a\n" * 5)
    reads = [lambda _: httpx2.Response(200, json=server.studies["a"])]
    adds = [lambda _: httpx2.Response(201, json=server.add_trial("a", params={}))] * 2
    server.plan(*reads, *adds, problem(409, "wrong_state", "the study is completed"))
    ran = run("trial", "enqueue", study, "--file", str(file))
    assert ran.code == 5
    assert ran.err == (
        f"warning: stopped at trial 3 of 5 ({file}:4): 2 trials before it are in. "
        f"Go on with: basin trial enqueue a --file {file} --from 3\n"
        f"error: {file}:4: the study is completed\n"
    )
    assert run("trial", "enqueue", study, "--file", str(file), "--from", "3").out.startswith("Enqueued trials 2 to 4")
    assert run("trial", "enqueue", study, "--file", str(file), "--from", "6").code == 2


def test_kinds_of_parameters_that_are_newer_are_left_to_the_server(run: Run, server: FakeServer, study: str) -> None:
    server.studies[study]["definition"]["space"]["new"] = {"type": "quantum"}
    assert run("trial", "enqueue", study, "-p", "new=3").code == 0


def test_a_finished_trial_is_added(run: Run, server: FakeServer, study: str) -> None:
    ran = run("trial", "add", study, "-p", "x=0.5", "-p", "kind=a", "--value", "loss=3e-1", "--attr", "by=me")
    assert (ran.code, ran.out) == (0, "Added trial 0 to study 'a' (completed).\n")
    (body,) = server.bodies
    assert {key: body[key] for key in ("params", "state", "values", "attrs")} == {
        "params": {"x": 0.5, "kind": "a"},
        "state": "completed",
        "values": {"loss": 0.3},
        "attrs": {"by": "me"},
    }


def test_a_trial_that_came_to_nothing_is_added(run: Run, server: FakeServer, study: str) -> None:
    assert run("trial", "add", study, "-p", "x=0.5", "--state", "infeasible").code == 0
    assert "values" not in server.bodies[0]


# --- cancel


def test_trials_are_cancelled(run: Run, server: FakeServer, study: str) -> None:
    for state in ("queued", "completed", "running"):
        server.add_trial(study, params={}, state=state)
    ran = run("trial", "cancel", study, "0", "1", "2", "9")
    assert ran.code == 5
    assert ran.err == (
        "Cancelled trial 0.\nCancelled trial 2.\n"
        "error: trial 1: the trial is completed\nerror: trial 9: the study has no trial 9\n"
    )
    assert [trial["state"] for trial in server.trials[study]] == ["cancelled", "completed", "cancelled"]


def test_of_a_study_that_is_not_there_nothing_is_cancelled(run: Run, server: FakeServer) -> None:
    server.plan(problem(404, "study_not_found", "no"))
    assert run("trial", "cancel", "none", "1", "2").code == 3
    assert len(server.requests) == 1


# --- retry


def test_trials_are_retried_all_or_none(run: Run, server: FakeServer, study: str) -> None:
    again = [server.add_trial(study, params={}, state="queued", attempts=1) for _ in range(2)]
    server.plan(httpx2.Response(200, json={"trials": again}))
    ran = run("trial", "retry", study, "0", "1")
    assert (ran.code, ran.err) == (0, "Trial 0 is queued.\nTrial 1 is queued.\n")
    assert (server.requests[-1].url.path, server.bodies) == (f"/v1/studies/{study}/trials:retry", [{"trials": [0, 1]}])
    server.plan(problem(409, "wrong_state", "trial 1 is completed. No trial was queued again"))
    ran = run("trial", "retry", study, "0", "1")
    assert (ran.code, ran.err) == (5, "error: trial 1 is completed. No trial was queued again\n")
