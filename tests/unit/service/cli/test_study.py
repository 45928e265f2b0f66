"""The commands for studies."""

import json
from pathlib import Path

import httpx2
import pytest

from service.cli import documents
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem

FILE = """\
name: a
objectives: [{metric: loss}]
space:
  x: {type: float, low: 0.1, high: 1}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(FILE)
    return "study.yaml"


# --- create, validate, template, schema


def test_a_study_is_created(run: Run, server: FakeServer, file: str) -> None:
    ran = run("study", "create", file)
    assert (ran.code, ran.out, ran.err) == (0, "Created study 'a'.\n", "Next: basin study show a\n")
    assert server.bodies == [documents.parse(FILE, "f").data]


def test_a_study_is_created_from_standard_input_under_another_name(run: Run, server: FakeServer) -> None:
    ran = run("study", "create", "-", "--name", "b c", "--set", "budget.max_trials=7", "-o", "json", stdin=FILE)
    assert json.loads(ran.out)["name"] == "b c"
    assert server.studies["b c"]["definition"]["budget"]["max_trials"] == 7


def test_json_is_taken_too(run: Run, server: FakeServer) -> None:
    assert run("study", "create", "-", stdin=json.dumps(DEFINITION_EXAMPLE)).code == 0
    assert list(server.studies) == ["digits-mlp"]


def test_a_file_that_is_wrong_is_not_sent(run: Run, server: FakeServer, file: str) -> None:
    Path(file).write_text(FILE.replace("high: 1", "high: 0"))
    ran = run("study", "create", file)
    assert (ran.code, ran.err) == (2, "error: study.yaml:4: space.x.high: must be greater than low (0.1)\n")
    assert server.requests == []


def test_what_the_server_alone_knows_is_told_at_its_line(run: Run, server: FakeServer, file: str) -> None:
    errors = [{"field": "space.x", "message": "is too much for this server"}]
    server.plan(problem(422, "invalid_argument", "no", errors=errors))
    ran = run("study", "create", file)
    assert (ran.code, ran.err) == (2, "error: study.yaml:4: space.x: is too much for this server\n")


def test_a_name_that_is_taken(run: Run, server: FakeServer, file: str) -> None:
    server.add("a")
    ran = run("study", "create", file)
    assert ran.code == 5
    assert ran.err.startswith("error: a study named 'a' is there already\nhint: Choose another name with --name")


def test_a_study_whose_answer_was_lost_is_ours(run: Run, server: FakeServer, file: str) -> None:
    def lost(request: httpx2.Request) -> httpx2.Response:
        server(request)
        raise httpx2.ReadError("reset")

    server.plan(lost)
    assert run("study", "create", file).out == "Created study 'a'.\n"


def test_another_study_of_that_name_is_not_ours(run: Run, server: FakeServer, file: str) -> None:
    server.add("a")
    server.plan(httpx2.ReadError("reset"))
    assert run("study", "create", file).code == 5


def test_the_server_only_checks(run: Run, server: FakeServer, file: str) -> None:
    ran = run("study", "create", file, "--validate-only")
    assert (ran.code, ran.out) == (0, "study.yaml: the server would take it\n")
    assert server.studies == {}


def test_a_file_is_checked_without_a_server(run: Run, server: FakeServer, file: str) -> None:
    ran = run("study", "validate", file)
    assert (ran.code, ran.out) == (0, "study.yaml: fine: study 'a', minimize loss, 1 parameter\n")
    assert json.loads(run("study", "validate", file, "-o", "json").out)["sampler"] == {"type": "auto"}
    assert run("study", "validate", file, "--set", "space.x.type=flaot").code == 2
    assert server.requests == []


def test_the_template_is_a_study(run: Run, tmp_path: Path) -> None:
    ran = run("study", "template", "--objective", "acc.top1", "--direction", "maximize", "--name", "yes")
    definition = StudyDefinition.model_validate(documents.parse(ran.out, "t").data)
    assert definition.name == "yes"
    assert definition.objectives[0].metric == "acc.top1"
    assert definition.objectives[0].direction == "maximize"
    assert {parameter.type for parameter in definition.space.values()} >= {"float", "int", "ordinal", "derived"}


def test_what_the_template_leaves_out_may_be_taken_in(run: Run) -> None:
    """Every line that is commented out is right as well."""
    lines = run("study", "template").out.splitlines()
    taken_in = []
    for line in lines:
        bare = line.lstrip()
        if bare.startswith("# ") and ":" in bare and not bare.startswith(("# A study", "# `", "# What")):
            line = line.replace("# ", "", 1)
        taken_in.append(line)
    data = documents.parse("\n".join(line for line in taken_in if not line.startswith("scheduler: auto")), "t").data
    definition = StudyDefinition.model_validate(data)
    assert definition.seed == 1
    assert definition.scheduler.type == "asha"
    assert definition.budget.gpu_hours == 50
    assert definition.budget.no_gain is not None
    assert definition.stopping.target == {definition.objectives[0].metric: 0.02}
    assert definition.objectives[0].target == 0.05


def test_the_schema(run: Run) -> None:
    schema = json.loads(run("study", "schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "objectives" in schema["properties"]


# --- list and show


def test_an_empty_list_says_what_to_do(run: Run) -> None:
    ran = run("study", "list")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "No studies yet. Start one: basin study create study.yaml (basin study template prints one)\n"
    assert run("study", "list", "--tag", "x").err == "No study is like that.\n"


def test_studies_are_listed(run: Run, server: FakeServer) -> None:
    server.add("digits", budget={"max_trials": 100})["trials"] |= {"completed": 30, "pruned": 7, "running": 4}
    server.studies["digits"]["best"] = {"number": 5, "values": {"loss": 0.123456}, "params": {}}
    server.add("old [red] one", objectives=[{"metric": "acc"}])["archived"] = True
    ran = run("study", "list", "--all", "--query", "")
    assert ran.out.splitlines() == [
        "NAME           STATE               DONE  RUNNING  BEST          CHANGED",
        "digits         active            37/100        4  loss 0.12346  3 min ago",
        "old [red] one  active, archived       0        0  none yet      3 min ago",
    ]
    assert server.requests[0].url.params["archived"] == "any"


def test_a_list_for_programs_is_whole(run: Run, server: FakeServer) -> None:
    server.add("a")
    assert json.loads(run("study", "list", "-o", "json").out) == [server.studies["a"]]
    assert documents.parse(run("study", "list", "-o", "yaml").out, "o").data == [server.studies["a"]]


def test_a_long_list_says_that_there_is_more(run: Run, server: FakeServer) -> None:
    for number in range(3):
        server.add(f"s{number}")
    ran = run("study", "list", "--limit", "2")
    assert len(ran.out.splitlines()) == 3
    assert "There are more than these 2" in ran.err


def test_states_are_coloured_words(run: Run, server: FakeServer) -> None:
    server.add("a")
    assert "\x1b[32mactive\x1b[0m" in run("study", "list", terminal=80).out
    for ran in (
        run("study", "list", "--no-color", terminal=80),
        run("study", "list", terminal=80, environ={"NO_COLOR": "1"}),
        run("study", "list"),
    ):
        assert "active" in ran.out
        assert "\x1b" not in ran.out


def test_a_study_is_shown(run: Run, server: FakeServer) -> None:
    study = server.add(
        "digits",
        note="First line\nsecond [b] line",
        tags=["vision"],
        budget={"max_trials": 40, "wall_time": "2h30m"},
        objectives=[{"metric": "loss", "value": "best", "target": 0.01}],
        sampler={"type": "tpe", "startup_trials": 5},
        scheduler="none",
        trainer={"name": "cnn"},
        space={
            "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
            "width": {"type": "int", "low": 8, "high": 64, "step": 8},
            "kind": {"type": "categorical", "choices": ["a", None, True]},
            "beta": {"type": "float", "low": 0, "high": 1, "when": {"kind": "a", "width": {"min": 16}}},
            "scaled": {"type": "derived", "expression": "rate * width"},
        },
    )
    study["trials"] |= {"completed": 10, "running": 2}
    study["best"] = {"number": 7, "values": {"loss": 0.5}, "params": {"rate": 1.5e-5, "kind": "a"}}
    out = run("study", "show", "digits").out
    for line in (
        "digits  active",
        "  second [b] line",
        "objective  minimize loss, best of the curve, target 0.01",
        "trials     ██████░░░░░░░░░░░░░░░░░░ 10 of 40: 2 running, 10 completed",
        "budget     40 trials, 2h 30m from its creation",
        "sampler    tpe (startup_trials 5, ei_candidates 24, multivariate true, group false, observe final)",
        "trainer    cnn",
        "tags       vision",
        "created    3 min ago",
        "best: loss 0.5 in trial 7",
        "  rate  1.5e-5",
        "rate       float        1e-5 to 0.1, log",
        "width      int          8 to 64 by 8",
        "kind       categorical  a, null, true",
        "beta       float        0 to 1            kind = a, width >= 16",
        "scaled     derived      rate * width",
    ):
        assert line in out.splitlines(), line


def test_a_study_is_shown_with_advice(run: Run, server: FakeServer) -> None:
    server.add("digits")
    server.hints = [{"topic": "dead_units", "text": "Try elu.", "figures": {"dead": 0.4}, "trials": [1]}]
    assert "Try elu." not in run("study", "show", "digits").out, "nothing has completed: nothing is asked"
    server.studies["digits"]["trials"]["completed"] = 3
    assert "dead_units  Try elu." in run("study", "show", "digits").out.splitlines()
    server.hints = []
    assert "ADVICE" not in run("study", "show", "digits").out


def test_a_study_fits_a_narrow_terminal(run: Run, server: FakeServer) -> None:
    server.add("a" * 190, note="n" * 300)["trials"]["completed"] = 3
    for command in (("study", "list"), ("study", "show", "a" * 190)):
        ran = run(*command, "--no-color", terminal=80)
        wide = [line for line in ran.out.splitlines() if len(line) > 80 and "nnn" not in line and "aaa" not in line]
        assert wide == []


# --- what becomes of a study


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("pause", "Study 'a' is paused."),
        ("resume", "Study 'a' is active."),
        ("stop", "Study 'a' is stopped."),
        ("archive", "Study 'a' is active, archived."),
        ("unarchive", "Study 'a' is active."),
    ],
)
def test_states_are_changed(run: Run, server: FakeServer, verb: str, said: str) -> None:
    server.add("a")
    assert run("study", verb, "a").err == said + "\n"
    assert server.requests[0].url.path == f"/v1/studies/a:{verb}"


def test_several_studies_at_once(run: Run, server: FakeServer) -> None:
    server.add("a")["trials"]["running"] = 2
    server.add("b")
    ran = run("study", "pause", "a", "b", "none")
    assert ran.code == 3
    assert ran.err.startswith("Study 'a' is paused; 2 trials still running.\nStudy 'b' is paused.\nerror: ")
    assert [study["name"] for study in json.loads(run("study", "resume", "a", "b", "-o", "json").out)] == ["a", "b"]


def test_stopping_may_cancel_or_kill(run: Run, server: FakeServer) -> None:
    server.add("a")
    run("study", "stop", "a")
    run("study", "stop", "a", "--cancel-running")
    run("study", "stop", "a", "--kill-running")
    assert server.bodies == [{"running": "finish"}, {"running": "cancel"}, {"running": "kill"}]


def test_deleting_without_a_terminal_needs_yes(run: Run, server: FakeServer) -> None:
    server.add("a")
    ran = run("study", "delete", "a")
    assert ran.code == 2
    assert "study 'a' is not deleted" in ran.err
    assert "--yes" in ran.err
    assert "a" in server.studies
    assert run("study", "delete", "a", "--yes", "--force").err == "Deleted study 'a'.\n"
    assert server.requests[-1].url.params["force"] == "true"
    assert server.studies == {}


@pytest.mark.parametrize(("typed", "gone"), [("a\n", True), ("A\n", False), ("y\n", False), ("", False)])
def test_deleting_asks_for_the_name(run: Run, server: FakeServer, typed: str, gone: bool) -> None:
    server.add("a")["trials"]["completed"] = 12
    ran = run("study", "delete", "a", stdin=typed, terminal=80)
    assert "This deletes study 'a' with 12 trials for good." in ran.err
    assert ("a" not in server.studies) is gone
    assert ran.code == (0 if gone else 2)


# --- edit


def test_a_study_is_changed_by_options(run: Run, server: FakeServer) -> None:
    server.add("a", tags=["x", "y"], budget={"max_trials": 5, "wall_time": 60})
    ran = run(
        "study", "edit", "a", "--note", "n", "--tag", "z", "--untag", "x", "--priority", "-3",
        "--max-trials", "none", "--gpu-hours", "2.5", "--wall-time", "2h",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "Study 'a' is changed (revision 4).\n")
    assert server.bodies == [
        {"note": "n", "priority": -3, "tags": ["y", "z"], "budget": {"gpu_hours": 2.5, "wall_time": "2h"}}
    ]
    assert server.requests[-1].headers["If-Match"] == '"3"'


def test_what_counts_as_no_gain_is_changed_by_an_option(run: Run, server: FakeServer) -> None:
    server.add("a", budget={"no_gain": {"trials": 5}})
    for given in ("40", "40:0.001", "none", "many"):
        run("study", "edit", "a", "--no-gain", given)
    assert [body["budget"] for body in server.bodies[:3]] == [
        {"no_gain": {"trials": 40}},
        {"no_gain": {"trials": 40, "min_gain": 0.001}},
        {},
    ]
    assert "budget.no_gain.trials: must be a whole number" in run("study", "edit", "a", "--no-gain", "many").err


def test_why_a_study_is_paused_is_shown(run: Run, server: FakeServer) -> None:
    study = server.add(
        "a",
        stopping={"target": {"loss": 0}, "patience": {"steps": 3}, "nan": "ignore"},
        budget={"no_gain": {"trials": 40, "min_gain": 0.001}},
    )
    assert " why " not in run("study", "show", "a").out
    study |= {"state": "paused", "reason": "trials 1 and 2 failed alike (crash: \x1b[31mno)"}
    out = " ".join(run("study", "show", "a").out.split())
    assert "why paused: trials 1 and 2 failed alike (crash: " in out
    assert "\x1b" not in out
    assert "budget 40 trials without a gain of more than 0.001" in out
    assert "stopping nan: ignore, target (loss 0), patience (" in out


def test_the_data_of_a_study_are_shown_once_they_are_known(run: Run, server: FakeServer) -> None:
    study = server.add("a")
    assert "fingerprint" not in run("study", "show", "a").out
    study |= {"data_fingerprint": "0123456789abcdef" * 4}
    assert "data fingerprint 0123456789abcdef…" in " ".join(run("study", "show", "a").out.split())


def test_a_change_in_between_is_not_overwritten(run: Run, server: FakeServer) -> None:
    server.add("a")

    def changed(request: httpx2.Request) -> httpx2.Response:
        server.studies["a"]["revision"] += 1
        return httpx2.Response(200, json={**server.studies["a"], "revision": 3})

    server.plan(changed)
    ran = run("study", "edit", "a", "--note", "n")
    assert ran.code == 5
    assert "hint: Look at what is there now" in ran.err


def test_nothing_to_change_is_told(run: Run, server: FakeServer) -> None:
    server.add("a")
    assert "give an option that says what to change" in run("study", "edit", "a").err
    assert "give either --editor or the options" in run("study", "edit", "a", "--editor", "--note", "n").err
    assert server.requests == []
