"""The addresses of what is read out of a study."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from service.search.refusals import refusals
from tests.unit.service.http.api import POINT, Api

SPACE = {"a": {"type": "float", "low": 0, "high": 1}, "b": {"type": "float", "low": 0, "high": 1}}
TWO = [{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}]


def add(api: Api, study: str, params: dict[str, Any], *losses: Any, **fields: Any) -> dict[str, Any]:
    """Add a trial that ran elsewhere, with a curve."""
    points = [{"step": step, "metrics": {"loss": loss}} for step, loss in enumerate(losses, start=1)]
    return api.trial(study, params=params, **{"state": "completed", "points": points, **fields})


def filled(api: Api, count: int = 25, name: str = "s") -> str:
    """A study in which `a` matters ten times as much as `b`."""
    study = api.study(name, space=SPACE)
    for number in range(count):
        a, b = (number * 7 % count) / count, (number * 3 % count) / count
        add(api, study, {"a": a, "b": b}, 20.0, 10 * a + b)
    return study


def ran(api: Api, study: str, *losses: float, **fields: Any) -> int:
    """Have a trial run here, and complete it."""
    api.ok("POST", f"{study}/trials", {"params": POINT})
    (lease,) = api.ok("POST", f"{study}:ask", {"worker": "w"})["leases"]
    attempt = f"{study}/trials/{lease['trial']}/attempts/{lease['attempt']}"
    points = [{"step": step, "metrics": {"loss": loss}} for step, loss in enumerate(losses, start=1)]
    api.ok("POST", f"{attempt}:report", {"token": lease["token"], "first_seq": 1, "points": points})
    body = {"token": lease["token"], "outcome": "completed", "usage": {"gpu_seconds": 10.0}, **fields}
    api.ok("POST", f"{attempt}:complete", body)
    return int(lease["trial"])


def test_the_best_trials(api: Api) -> None:
    study = api.study()
    for loss in (0.5, 0.25, 0.75, "NaN", 0.25):
        add(api, study, POINT, loss, state="infeasible" if loss == "NaN" else "completed")
    api.trial(study)
    found = api.ok("GET", f"{study}/best")
    assert [(one["rank"], one["number"]) for one in found["trials"]] == [(1, 1), (2, 4), (3, 0), (4, 2)]
    assert found["trials"][0]["values"] == {"loss": 0.25}
    assert found["trials"][0]["params"] == POINT
    assert (found["by"], found["reason"], found["study"]) == ("value", None, "s")
    assert [one["number"] for one in api.ok("GET", f"{study}/best?count=1")["trials"]] == [1]


def test_the_largest_are_the_best_where_they_are_to_be_large(api: Api) -> None:
    study = api.study(objectives=[{"metric": "loss", "direction": "maximize"}])
    for loss in (0.5, 0.75, 0.25):
        add(api, study, POINT, loss)
    assert [one["number"] for one in api.ok("GET", f"{study}/best")["trials"]] == [1, 0, 2]


def test_nothing_is_the_best_of_nothing(api: Api) -> None:
    study = api.study()
    assert api.ok("GET", f"{study}/best")["reason"] == "The study has no trials yet."
    api.trial(study)
    api.trial(study, state="failed", failure={"class": "crash"})
    found = api.ok("GET", f"{study}/best")
    assert (found["trials"], found["reason"]) == ([], "No trial has completed yet: 1 failed, 1 queued.")
    front = api.ok("GET", f"{study}/pareto")
    assert (front["trials"], front["hypervolume"], front["reference"]) == ([], None, None)
    assert front["reason"] == found["reason"]


def test_advice(api: Api) -> None:
    study = api.study()
    assert api.ok("GET", f"{study}/advice")["reason"] == "The study has no trials yet."
    for loss in (0.5, 0.25, 0.75):
        points = [{"step": 1, "metrics": {"loss": loss, "health.dead": 0.4, "health.gap": 0.1}}]
        api.trial(study, params=POINT, state="completed", points=points)
    found = api.ok("GET", f"{study}/advice")
    assert [one["topic"] for one in found["hints"]] == ["dead_units"]
    assert found["hints"][0]["trials"] == [1, 0, 2]
    assert api.refused("GET", "/v1/studies/none/advice")[:2] == (404, "study_not_found")


def test_several_objectives(api: Api) -> None:
    study = api.study(objectives=TWO)
    for loss, speed in ((1.0, 1.0), (2.0, 9.0), (9.0, 10.0), (9.0, 1.0)):
        add(api, study, POINT, values={"loss": loss, "speed": speed})
    api.trial(study, state="infeasible")
    found = api.ok("GET", f"{study}/best?count=1")
    assert found["by"] == "front"
    assert [one["number"] for one in found["trials"]] == [1]
    assert "several objectives" in found["reason"]
    front = api.ok("GET", f"{study}/pareto?reference=loss:10,speed:0")
    assert [one["number"] for one in front["trials"]] == [0, 1, 2]
    assert (front["size"], front["of"]) == (3, 4)
    # Cells by hand: 1 wide from 1 to 2, 9 high from 2 to 9, 10 high from 9 to 10.
    assert front["hypervolume"] == pytest.approx(1 * 1 + 7 * 9 + 1 * 10)
    assert (front["reference"], front["reference_from"]) == ({"loss": 10.0, "speed": 0.0}, "given")
    assert [(one["number"], one["hypervolume"]) for one in front["history"]] == [(0, 9.0), (1, 73.0), (2, 74.0)]
    own = api.ok("GET", f"{study}/pareto?count=1")
    assert (own["reference_from"], len(own["trials"]), own["size"]) == ("front", 1, 3)
    assert own["reference"] == pytest.approx({"loss": 9.8, "speed": 0.1})


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("loss:1", "must name each objective: speed is missing"),
        ("loss:1,speed", "cannot be read"),
        ("loss:1,speed:nan", "cannot be read"),
        ("loss:1,speed:inf", "cannot be read"),
        ("loss:1,loss:2", "stands twice"),
        ("loss:1,width:2", "is no objective of this study"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_reference(api: Api, reference: str, said: str) -> None:
    study = api.study(objectives=TWO)
    status, code, problem = api.refused("GET", f"{study}/pareto", params={"reference": reference})
    assert (status, code) == (422, "invalid_argument")
    ((field, message),) = ((error["field"], error["message"]) for error in problem["errors"])
    assert field == "reference"
    assert said in message


def test_importances(api: Api) -> None:
    study = filled(api)
    at_once = api.ok("GET", f"{study}/importances")
    assert at_once["state"] in {"computing", "ready"}
    found = api.ok("GET", f"{study}/importances?wait_seconds=30")
    assert (found["state"], found["metric"], found["trials"]) == ("ready", "loss", 25)
    assert found["seq"] == found["study_seq"]
    assert [one["name"] for one in found["importances"]] == ["a", "b"]
    assert found["importances"][0]["share"] > 0.7
    # Kept as long as nothing changes; then the old result is told until the new one is there.
    assert api.ok("GET", f"{study}/importances") == found
    add(api, study, {"a": 0.5, "b": 0.5}, 5.5)
    old = api.ok("GET", f"{study}/importances")
    assert (old["state"], old["seq"], old["importances"]) == ("stale", found["seq"], found["importances"])
    assert old["study_seq"] > old["seq"]
    new = api.ok("GET", f"{study}/importances?wait_seconds=30")
    assert (new["state"], new["trials"]) == ("ready", 26)
    forest = api.ok("GET", f"{study}/importances?wait_seconds=30&method=fanova&metric=loss")
    assert (forest["method"], forest["importances"][0]["name"]) == ("fanova", "a")


def test_importances_of_too_few_trials(api: Api) -> None:
    study = filled(api, 19)
    found = api.ok("GET", f"{study}/importances?wait_seconds=30")
    assert (found["state"], found["importances"], found["needed"]) == ("unknown", [], 20)
    assert found["reason"].endswith("there are 19: 1 to go")


@pytest.mark.parametrize(
    ("query", "field"),
    [("method=guess", "method"), ("metric=width", "metric"), ("wait_seconds=31", "wait_seconds"), ("m=1", "m")],
)
def test_bad_questions_about_importances(api: Api, query: str, field: str) -> None:
    study = api.study()
    status, _, problem = api.refused("GET", f"{study}/importances?{query}")
    assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])


def test_what_another_scheduler_would_have_done(make_api: Callable[..., Api]) -> None:
    api = make_api(refusals=refusals)
    study = api.study(scheduler="none")
    assert [ran(api, study, 4.0, 3.0, 1.0), ran(api, study, 6.0, 6.0, 5.0), ran(api, study, 5.0, 9.0, 0.5)] == [0, 1, 2]
    before = api.ok("GET", study)
    found = api.ok(
        "POST",
        f"{study}/what-if",
        {"scheduler": {"type": "asha", "reduction_factor": 2, "mode": "stop"}, "wait_seconds": 30},
    )
    assert (found["state"], found["metric"], found["scheduler"]["min_resource"]) == ("ready", "loss", 1)
    replay = found["replay"]
    assert [(one["number"], one["step"], one["last_step"]) for one in replay["halted"]] == [(1, 1, 3), (2, 1, 3)]
    assert replay["best"]["number"] == 2
    assert replay["best"]["regret"] == 0.5
    assert replay["steps"] == {"really": 9.0, "replayed": 5.0, "saved": 4.0}
    assert replay["gpu_seconds"]["saved"] == pytest.approx(10 * 2 * 2 / 3)
    assert api.ok("GET", study) == before
    assert api.ok("POST", f"{study}/what-if", {"scheduler": "none", "wait_seconds": 30})["replay"]["stopped"] == 0


def test_nothing_to_replay(api: Api) -> None:
    study = api.study()
    api.trial(study)
    found = api.ok("POST", f"{study}/what-if", {"scheduler": "median", "wait_seconds": 30})
    assert (found["state"], found["replay"]) == ("unknown", None)
    assert found["reason"] == "no trial has ended that has a curve of loss"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scheduler"),
        ({"scheduler": "medium"}, "scheduler"),
        ({"scheduler": {"type": "percentile"}}, "scheduler.percentile"),
        ({"scheduler": {"type": "median", "metric": "width"}}, "scheduler.metric"),
        ({"scheduler": "median", "wait_seconds": 31}, "wait_seconds"),
        ({"scheduler": "median", "sample": 3}, "sample"),
    ],
)
def test_bad_questions_about_schedulers(make_api: Callable[..., Api], body: object, field: str) -> None:
    api = make_api(refusals=refusals)
    study = api.study()
    status, code, problem = api.refused("POST", f"{study}/what-if", body)
    assert (status, code) == (422, "invalid_argument")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_why_a_given_trial_is_what_it_is(api: Api) -> None:
    study = filled(api, 8)
    api.trial(study, params={"a": 0.5, "b": 0.5})
    found = api.ok("GET", f"{study}/trials/8/explanation")
    assert found["drawn"]["by"].startswith("A client enqueued this point")
    assert found["known"]["ended"] == 8
    assert found["recomputed"] is None
    assert found["ending"] == "It waits for a worker."
    (gaussian,) = found["outlooks"]
    assert gaussian["mean"] == pytest.approx(5.5, abs=1)
    distances = [one["distance"] for one in found["neighbours"]]
    assert distances == sorted(distances)
    assert len(distances) == 5
    nan = add(api, study, {"a": 0.1, "b": 0.1}, "NaN", state="infeasible")
    found = api.ok("GET", f"{study}/trials/{nan['number']}/explanation")
    assert "ran elsewhere" in found["drawn"]["by"]
    assert all(math.isfinite(one["distance"]) for one in found["neighbours"])


@pytest.mark.parametrize("path", ["best", "pareto", "importances", "trials/0/explanation"])
def test_a_study_that_is_not_there(api: Api, path: str) -> None:
    assert api.refused("GET", f"/v1/studies/nobody/{path}")[:2] == (404, "study_not_found")


def test_a_trial_or_study_that_is_not_there(api: Api) -> None:
    study = api.study()
    assert api.refused("GET", f"{study}/trials/0/explanation")[:2] == (404, "trial_not_found")
    assert api.refused("POST", "/v1/studies/nobody/what-if", {"scheduler": "none"})[:2] == (404, "study_not_found")
