"""`basin study best`, `pareto`, `importances` and `what-if`, `basin trial explain`: answers as tables and in words."""

import json
from typing import Any

import httpx2
import pytest

from service.http import analysis_examples as examples
from service.wire.message import Answer
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem


def plain(message: Answer, **changes: Any) -> dict[str, Any]:
    """An answer of the API's own examples, changed a little."""
    return {**message.model_dump(mode="json"), **changes}


def answer(message: Answer, **changes: Any) -> httpx2.Response:
    return httpx2.Response(200, json=plain(message, **changes))


def sent(server: FakeServer) -> tuple[str, str, dict[str, str]]:
    """Method, path and query of the last request."""
    last = server.requests[-1]
    return last.method, last.url.path, dict(last.url.params)


def test_best(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.BEST))
    ran = run("study", "best", "digits-mlp", "--count", "2")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "RANK  TRIAL  val_loss  learning_rate  dropout  batch_size  optimizer",
        "   1     12    0.0713         0.0031      0.1          64  adamw",
        "   2     17    0.0813         0.0012      0.3          32  adamw",
    ]
    assert sent(server) == ("GET", "/v1/studies/digits-mlp/best", {"count": "2"})
    server.plan(answer(examples.BEST, by="front"))
    assert "beaten by no other in all objectives" in run("study", "best", "digits-mlp").err
    server.plan(answer(examples.BEST))
    assert json.loads(run("study", "best", "digits-mlp", "-o", "json").out) == plain(examples.BEST)


def test_nothing_is_the_best(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.BEST, trials=[], reason="The study has no trials yet."))
    ran = run("study", "best", "s")
    assert (ran.code, ran.out, ran.err) == (0, "", "There is no best trial. The study has no trials yet.\n")
    server.plan(answer(examples.PARETO, trials=[], reason="The study has no trials yet."))
    assert run("study", "pareto", "s").err == "There is no front. The study has no trials yet.\n"


def test_pareto(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.PARETO))
    ran = run("study", "pareto", "s", "--reference", "val_loss=1", "--reference", "throughput=100")
    lines = ran.out.splitlines()
    assert lines[0] == "2 trials of 40 completed ones on the front (minimize val_loss, maximize throughput)"
    assert lines[2].split()[:4] == ["RANK", "TRIAL", "val_loss", "throughput"]
    assert lines[-2].startswith("hypervolume 0.44 up to val_loss 0.0823, throughput 289: a tenth of the front's range")
    assert lines[-1].endswith("from trial 12 to trial 17")
    assert sent(server)[2] == {"count": "100", "reference": "val_loss:1,throughput:100"}
    many = answer(examples.PARETO, size=9, hypervolume=None, history=[], reason="It is too large.")
    server.plan(many)
    ran = run("study", "pareto", "s", "--count", "2")
    assert "hypervolume" not in ran.out
    assert ran.err.splitlines() == ["It is too large.", "There are more than these 2: --count shows more."]


def test_importances(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.IMPORTANCES, state="computing", importances=[]), answer(examples.IMPORTANCES))
    ran = run("study", "importances", "s", "--metric", "val_loss")
    assert ran.out.splitlines()[0] == "ped_anova for val_loss, from 57 trials, as it is now"
    assert ran.out.splitlines()[3].split()[:2] == ["learning_rate", "0.71"]
    assert len(server.requests) == 2
    method, path, query = sent(server)
    assert (method, path) == ("GET", "/v1/studies/s/importances")
    assert query == {"method": "ped_anova", "metric": "val_loss", "wait_seconds": "20"}


def test_importances_that_are_old_or_not_there(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.IMPORTANCES, state="stale", study_seq=420, metric=None))
    out = run("study", "importances", "s", "--wait", "0").out
    assert out.splitlines()[0].endswith(
        "for all objectives, from 57 trials, as of seq 412, and a newer one is on its way"
    )
    server.plan(answer(examples.IMPORTANCES, state="computing", importances=[]))
    ran = run("study", "importances", "s", "--wait", "0")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "It is still being computed: ask again in a moment.\n"
    server.plan(answer(examples.IMPORTANCES, state="unknown", importances=[], reason="it takes 20"))
    assert run("study", "importances", "s").err == "Not known: it takes 20.\n"
    flat = [{"name": "a", "share": 0.0}]
    server.plan(answer(examples.IMPORTANCES, importances=flat, reason="all trials have the same value"))
    assert run("study", "importances", "s").err == "All shares are 0: all trials have the same value.\n"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("--scheduler", "asha", "--set", "reduction_factor=3"), {"type": "asha", "reduction_factor": 3}),
        (("--scheduler", "{type: percentile, percentile: 25}"), {"type": "percentile", "percentile": 25}),
        (("--file", "-"), {"type": "median", "warmup_steps": 5}),
        (("--file", "-", "--set", "warmup_steps=7"), {"type": "median", "warmup_steps": 7}),
    ],
)
def test_what_if(run: Run, server: FakeServer, arguments: tuple[str, ...], body: object) -> None:
    server.plan(answer(examples.REPLAY))
    ran = run("study", "what-if", "s", *arguments, stdin="scheduler:\n  type: median\n  warmup_steps: 5\n")
    assert ran.code == 0, ran.err
    assert server.bodies[-1] == {"scheduler": body, "wait_seconds": 20}
    lines = ran.out.splitlines()
    assert lines[0].startswith("asha (min_resource 1, reduction_factor 3, mode promote")
    assert lines[0].endswith(") on val_loss")
    assert lines[2].split() == ["judged", "40", "trials"]
    assert "24 paused; really 0 were" in ran.out
    assert "412 of 800 saved (52%)" in ran.out
    assert "1h 20m of 2h 35m saved (52%)" in ran.out
    assert "trial 12 (val_loss 0.0713) would have been kept" in ran.out
    assert "1 of the best 1, 3 of the best 3, 4 of the best 5" in ran.out
    assert ran.err.splitlines()[0] == "... and 23 more trials (--limit)."


def test_what_would_have_been_lost(run: Run, server: FakeServer) -> None:
    loss = {"metric": "loss", "number": 3, "value": 0.1, "kept": False, "stopped_at": 4}
    kept = {**loss, "next_number": 5, "next_value": 0.3, "regret": 0.2}
    none = {**loss, "next_number": None, "next_value": None, "regret": None}
    replay = plain(examples.REPLAY)["replay"]
    server.plan(
        answer(examples.REPLAY, replay={**replay, "best": kept, "unknown": 2, "of": 900, "given": 3}),
        answer(examples.REPLAY, replay={**replay, "best": none, "gpu_seconds": None, "halted": [], "halted_more": 0}),
    )
    out = run("study", "what-if", "s", "--scheduler", "asha").out
    assert "trial 3 (loss 0.1) would have been lost at step 4; left is trial 5 (0.3), worse by 0.2" in out
    assert "2 trials would have gone on beyond where the curve was cut short" in out
    assert "40 trials of 900, beside 3 that ran elsewhere" in out
    ran = run("study", "what-if", "s", "--scheduler", "asha")
    assert "lost at step 4, and every other completed one with it" in ran.out
    assert "GPU" not in ran.out
    assert "more trials" not in ran.err


def test_nothing_to_replay(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.REPLAY, state="unknown", replay=None, reason="no trial has ended"))
    assert (
        run("study", "what-if", "s", "--scheduler", "asha").err == "There is nothing to replay: no trial has ended.\n"
    )
    server.plan(answer(examples.REPLAY, state="computing", replay=None))
    ran = run("study", "what-if", "s", "--scheduler", "asha", "--wait", "0")
    assert ran.err == "It is still being computed: ask again in a moment.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a scheduler with --scheduler, or a --file"),
        (("--scheduler", "asha", "--file", "x"), "name a scheduler with --scheduler, or a --file"),
        (("--scheduler", "[asha]"), "--scheduler: must be the name of a scheduler, or a mapping"),
        (("--scheduler", "asha", "--set", "mode"), "--set mode: must be NAME=VALUE"),
        (("--file", "nowhere.yaml"), "nowhere.yaml: No such file"),
    ],
)
def test_schedulers_that_cannot_be_read(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = run("study", "what-if", "s", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_refused_scheduler_is_told(run: Run, server: FakeServer) -> None:
    errors = [{"field": "scheduler.percentile", "message": "is missing"}]
    server.plan(problem(422, "invalid_argument", "scheduler.percentile: is missing", errors=errors))
    ran = run("study", "what-if", "s", "--scheduler", "percentile")
    assert (ran.code, ran.err) == (2, "error: scheduler.percentile: is missing\n")


def test_explain(run: Run, server: FakeServer) -> None:
    server.plan(answer(examples.EXPLANATION))
    ran = run("trial", "explain", "digits-mlp", "17")
    assert ran.code == 0
    text = ran.out
    for said in (
        "digits-mlp, trial 17  completed",
        "auto drew it by a tree-structured Parzen estimator",
        "16 trials had ended by then (seq 96), and 1 had been suggested and had not ended (16).",
        "Computed again from what was known, the suggestion is the same.",
        "Its seed is 2715493286, made of the study's 7 and its number (Optuna 5.0.0).",
        "  the point is 3.4 times as likely among the good trials as among the others",
        "  it expects val_loss 0.094 +- 0.021",
        "  the best that was known is 0.0713: a gain of 0.0018 is expected",
        "   12      0.11  completed    0.0713",
        "    9      0.27  pruned            -",
        "At step 4 it went on: it had 0.31, the cut was 0.33, number 2 of 12.",
        "It completed with val_loss 0.0813.",
    ):
        assert said in text
    server.plan(answer(examples.EXPLANATION))
    assert json.loads(run("trial", "explain", "s", "17", "-o", "json").out) == plain(examples.EXPLANATION)


def test_explain_what_is_not_the_same(run: Run, server: FakeServer) -> None:
    other = {"state": "different", "reason": "its memory is another", "params": {"x": 0.25}}
    unknown = {"state": "unknown", "reason": "trial 3 waited then", "params": None}
    server.plan(answer(examples.EXPLANATION, recomputed=other), answer(examples.EXPLANATION, recomputed=unknown))
    out = run("trial", "explain", "s", "17").out
    assert "Computed again, the suggestion is another one: its memory is another.\n  now: x 0.25\n" in out
    out = run("trial", "explain", "s", "17").out
    assert "Whether it would be suggested again is not known: trial 3 waited then.\n" in out


def test_explain_a_given_trial(run: Run, server: FakeServer) -> None:
    drawn = {**plain(examples.EXPLANATION)["drawn"], "by": "A client enqueued it.", "trial_seed": None}
    bare: dict[str, Any] = {"recomputed": None, "known": None, "outlooks": [], "neighbours": [], "decisions": []}
    server.plan(answer(examples.EXPLANATION, drawn=drawn, ending="It waits for a worker.", **bare))
    out = run("trial", "explain", "s", "17").out
    assert out.splitlines()[2:] == ["A client enqueued it.", "", "It waits for a worker."]
