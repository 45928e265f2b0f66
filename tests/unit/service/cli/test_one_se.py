"""The one-standard-error rule: the largest lambda among the trials that are as good as the best."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer

Json = dict[str, Any]


def trial(number: int, loss: float, strength: float, error: float | None = 0.02, metric: str = "loss") -> Json:
    last = {metric: loss, **({} if error is None else {f"{metric}_se": error})}
    params = {"lambda": strength, "optimizer": "sgd"}
    values = {metric: loss}
    return {"number": number, "state": "completed", "values": values, "params": params, "last_metrics": last}


def ask(run: Run, server: FakeServer, *trials: Json, more: tuple[str, ...] = (), **objective: str) -> Any:
    study = {"definition": {"objectives": [{"metric": "loss", "direction": "minimize", **objective}]}}
    server.plan(httpx2.Response(200, json={"trials": list(trials)}), httpx2.Response(200, json=study))
    return run("study", "best", "s", "--rule", "one-se", *more)


def test_the_largest_lambda_within_one_standard_error_is_taken(run: Run, server: FakeServer) -> None:
    trials = [trial(0, 0.30, 1e-6), trial(1, 0.28, 1e-4), trial(2, 0.295, 1e-3, 0.5), trial(3, 0.301, 1e-2)]
    ran = ask(run, server, *trials)
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines()] == [["RANK", "TRIAL"], ["1", "2"], ["2", "1"]]
    assert "The best is trial 1: loss 0.28, with a standard error of 0.02 over folds." in ran.err
    assert "Trial 2 (0.295) has the largest lambda of the 3 trials within 0.3." in ran.err
    assert dict(server.requests[-2].url.params)["state"] == "completed"
    found = json.loads(ask(run, server, *trials, more=("-o", "json")).out)
    assert (found["trial"]["number"], found["best"]["number"], found["within"]) == (2, 1, [0, 1, 2])


def test_what_is_maximised_counts_downwards_and_the_best_may_be_the_one(run: Run, server: FakeServer) -> None:
    trials = [trial(number, value, lam, 0.01, "acc") for number, value, lam in ((0, 0.95, 1e-3), (1, 0.93, 1e-1))]
    ran = ask(run, server, *trials, metric="acc", direction="maximize")
    assert "Of it and no other within one standard error it has the largest lambda." in ran.err
    near = [*trials, trial(2, 0.945, 1e-2, 0.01, "acc")]
    assert "Trial 2 (0.945)" in ask(run, server, *near, metric="acc", direction="maximize").err


def test_a_study_whose_value_is_the_mean_of_the_folds_has_the_same_rule(run: Run, server: FakeServer) -> None:
    trials = [trial(0, 0.30, 1e-6, metric="fold_loss"), trial(1, 0.31, 1e-2, metric="fold_loss")]
    for one in trials:
        one["last_metrics"] = {"fold_loss": 0.9, "loss_se": 0.02}
    assert "Trial 1 (0.31) has the largest" in ask(run, server, *trials, metric="fold_loss").err


def test_without_a_completed_trial_there_is_no_best_one(run: Run, server: FakeServer) -> None:
    ran = ask(run, server)
    said = "There is no best trial. No trial of the study has completed yet.\n"
    assert (ran.code, ran.out, ran.err) == (0, "", said)
    assert json.loads(ask(run, server, more=("-o", "json")).out)["trial"] is None


@pytest.mark.parametrize(
    ("trials", "more", "said"),
    [
        ([trial(0, 0.3, 1e-3, None)], (), "--rule one-se: trial 0 has no loss_se, the standard error over folds"),
        ([trial(0, 0.3, 1e-3)], ("--parameter", "decay"), "these trials have no number 'decay'; they have lambda, opt"),
        ([trial(0, 0.3, 1e-3)], ("--parameter", "optimizer"), "these trials have no number 'optimizer'"),
    ],
)
def test_what_the_rule_needs_is_said(
    run: Run, server: FakeServer, trials: list[Json], more: tuple[str, ...], said: str
) -> None:
    ran = ask(run, server, *trials, more=more)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
