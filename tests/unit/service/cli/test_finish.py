"""`basin study finish` and `artifact`, `basin trial reproduce`: begun once, watched, told, and written to a folder."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.http import finish_examples as examples
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem

REPORT: dict[str, Any] = examples.FINISH.model_dump(mode="json")
GOING_ON = {**REPORT, "state": "confirming", "winner": None, "why": None, "refit": None, "tests": [], "artifact": None}
PATH = "/v1/studies/digits-mlp"


def answer(found: dict[str, Any], **changes: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**found, **changes})


def nothing() -> httpx2.Response:
    return problem(404, "finish_not_found", "study 'digits-mlp' has not been finished")


def asked(server: FakeServer) -> list[tuple[str, str]]:
    return [(one.method, one.url.path) for one in server.requests]


def test_it_is_begun_where_there_is_nothing(run: Run, server: FakeServer) -> None:
    server.plan(nothing(), answer(GOING_ON, done=0, of=11))
    ran = run("study", "finish", "digits-mlp", "--top", "2", "--seeds", "5")
    assert ran.code == 0
    assert asked(server) == [("GET", f"{PATH}/finish"), ("POST", f"{PATH}:finish")]
    assert server.bodies == [{"top": 2, "seeds": 5}]
    assert "runs    0 of 11, on 2 fresh seeds" in ran.out
    assert "Workers run it: basin study finish digits-mlp --wait" in ran.err


def test_it_is_not_begun_twice(run: Run, server: FakeServer) -> None:
    server.plan(answer(REPORT))
    ran = run("study", "finish", "digits-mlp", "--top", "9")
    assert asked(server) == [("GET", f"{PATH}/finish")]
    assert "warning: --top: too late, it was begun before; --again REASON begins anew" in ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "digits-mlp  finished"
    assert "winner  trial 12. Trial 12 was the only one." in lines
    assert "test    test_loss 0.0831, test_accuracy 0.975" in lines
    assert "model   23.6 kB, sha256 9f86d081884c" in lines
    assert lines[-1].split() == ["12", "0.0713", "0.0792", "[0.0621,", "0.0963]", "best", "winner", "1.8s", "2/2"]


def test_it_is_waited_for(run: Run, server: FakeServer) -> None:
    server.plan(answer(GOING_ON, done=1), answer(GOING_ON, done=2), answer(REPORT))
    ran = run("study", "finish", "digits-mlp", "--wait")
    assert (ran.code, len(server.requests)) == (0, 3)
    assert ran.out.startswith("digits-mlp  finished")


def test_again_needs_no_look_but_a_reason(run: Run, server: FakeServer) -> None:
    server.plan(answer(GOING_ON, round=2))
    ran = run("study", "finish", "digits-mlp", "--again", "the labels were wrong")
    assert server.bodies == [{"again": "the labels were wrong"}]
    assert ran.out.startswith("digits-mlp  confirming, round 2")
    server.plan(problem(422, "invalid_argument", "x", errors=[{"field": "again", "message": "must not be empty"}]))
    assert run("study", "finish", "digits-mlp", "--again", "").code == 2


def test_it_is_called_off(run: Run, server: FakeServer) -> None:
    server.plan(answer(GOING_ON, state="cancelled", reason="cancelled by a user"))
    ran = run("study", "finish", "digits-mlp", "--cancel")
    assert asked(server) == [("POST", f"{PATH}/finish:cancel")]
    assert "because  cancelled by a user" in ran.out
    assert run("study", "finish", "digits-mlp", "--cancel", "--wait").code == 2


def test_one_that_failed_is_an_error(run: Run, server: FakeServer) -> None:
    server.plan(answer(GOING_ON, state="failed", reason="no trial completed on 2 of the 2 seeds"))
    ran = run("study", "finish", "digits-mlp")
    assert ran.code == 1
    assert "error: the finish of study 'digits-mlp' failed: no trial completed on 2 of the 2 seeds" in ran.err


def test_refusals_speak_of_commands(run: Run, server: FakeServer) -> None:
    server.plan(nothing(), problem(409, "test_split_opened", "it was opened"))
    ran = run("study", "finish", "digits-mlp")
    assert (ran.code, "--again REASON" in ran.err) == (5, True)


def packed(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return whole.getvalue()


def model(data: bytes, **changes: Any) -> list[httpx2.Response]:
    kept = {**REPORT["artifact"], "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), **changes}
    return [answer(REPORT, artifact=kept), httpx2.Response(200, content=data)]


def test_the_model_is_written_with_its_card(run: Run, server: FakeServer, tmp_path: Path) -> None:
    server.plan(*model(packed({"config.json": b"{}", "deep/model.bin": b"abc"})))
    ran = run("study", "artifact", "digits-mlp", "-o", str(tmp_path / "new" / "model"))
    assert ran.code == 0, ran.err
    folder = tmp_path / "new" / "model"
    assert (folder / "config.json").read_bytes() == b"{}"
    assert (folder / "deep" / "model.bin").read_bytes() == b"abc"
    assert (folder / "MODEL_CARD.md").read_text() == "# digits-mlp\n\n..."
    assert "Wrote 3 files to" in ran.err
    assert asked(server)[-1] == ("GET", f"{PATH}/trials/102/attempts/1/checkpoints/20")


def test_a_model_of_one_file_is_written_as_it_is(run: Run, server: FakeServer, tmp_path: Path) -> None:
    server.plan(*model(b"weights, as a trainer likes them" * 40))
    assert run("study", "artifact", "digits-mlp", "-o", str(tmp_path)).code == 0
    assert (tmp_path / "model.bin").read_bytes().startswith(b"weights")


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/tmp/basin-escaped"])
def test_nothing_leaves_the_folder(run: Run, server: FakeServer, tmp_path: Path, name: str) -> None:
    server.plan(*model(packed({name: b"x"})))
    ran = run("study", "artifact", "digits-mlp", "-o", str(tmp_path / "model"))
    assert ran.code == 1
    assert "the model holds a file that has no place in a folder" in ran.err
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/basin-escaped").exists()


@pytest.mark.parametrize(
    ("artifact", "code", "message"),
    [
        (None, 3, "study 'digits-mlp' has no model: the finish is finished"),
        ({**REPORT["artifact"], "stored": False, "uri": "s3://x"}, 3, "the model is kept at s3://x"),
    ],
)
def test_a_model_that_is_not_here_is_told(
    run: Run, server: FakeServer, tmp_path: Path, artifact: Any, code: int, message: str
) -> None:
    server.plan(answer(REPORT, artifact=artifact))
    ran = run("study", "artifact", "digits-mlp", "-o", str(tmp_path))
    assert (ran.code, message in ran.err) == (code, True)


def test_bytes_that_are_damaged_are_told(run: Run, server: FakeServer, tmp_path: Path) -> None:
    server.plan(*model(packed({"a": b"x"}), sha256="0" * 64))
    ran = run("study", "artifact", "digits-mlp", "-o", str(tmp_path))
    assert (ran.code, "are not those that were saved" in ran.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def reproductions(**changes: Any) -> httpx2.Response:
    (one,) = examples.REPRODUCTIONS.model_dump(mode="json")["reproductions"]
    return httpx2.Response(200, json={"reproductions": [{**one, **changes}]})


def test_a_trial_is_reproduced(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(201, json={"number": 103}), reproductions(likeness="waiting"), reproductions())
    ran = run("trial", "reproduce", "digits-mlp", "12", "--wait")
    assert (ran.code, ran.out) == (0, "trial 103 (completed): Equal to the last bit at all 20 steps.\n")
    assert asked(server)[0] == ("POST", f"{PATH}/trials/12:reproduce")
    assert len(server.bodies[0]["request_id"]) == 16


def test_one_that_is_not_alike_is_an_error(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(201, json={"number": 103}), reproductions(likeness="different", said="Different: ..."))
    ran = run("trial", "reproduce", "digits-mlp", "12")
    assert (ran.code, "error: trial 12 was not reproduced by trial 103" in ran.err) == (1, True)


def test_what_is_not_waited_for_can_be_listed(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(201, json={"number": 103}), reproductions(likeness="waiting", said="Not yet."))
    assert "basin trial reproduce digits-mlp 12 --list" in run("trial", "reproduce", "digits-mlp", "12").err
    server.plan(reproductions())
    assert "Equal to the last bit" in run("trial", "reproduce", "digits-mlp", "12", "--list").out
    server.plan(httpx2.Response(200, json={"reproductions": []}))
    assert run("trial", "reproduce", "digits-mlp", "12", "--list").err == "It was not reproduced yet.\n"


def test_other_runs_of_trials_are_listed_by_their_purpose(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(200, json={"trials": []}))
    run("trial", "list", "digits-mlp", "--purpose", "confirm", "--purpose", "refit")
    assert server.requests[-1].url.params.get_list("purpose") == ["confirm", "refit"]
