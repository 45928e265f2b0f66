"""Warm starts, batches of trials and duplicates, over the API."""

from typing import Any

import pytest

from tests.unit.service.http.api import POINT, Api


def warm(**fields: Any) -> dict[str, Any]:
    return {"warm_start": {"from": ["s"], **fields}}


def test_a_study_begins_with_the_best_of_another(api: Api) -> None:
    api.trial(api.study(), state="completed", values={"loss": 0.5})
    created = api.call("POST", "/v1/studies", {**api.ok("GET", "/v1/studies/s")["definition"], "name": "t", **warm()})
    assert created.status_code == 201
    told = created.json()
    assert told["warm_start"] == {"sources": [{"study": "s", "taken": 1, "left_out": {}}]}
    assert told["definition"]["warm_start"] == {"from": ["s"], "use": "best", "count": None}
    assert told["trials"]["queued"] == 1
    assert api.ok("GET", "/v1/studies/t")["warm_start"] is None, "told once"
    assert api.ok("GET", "/v1/studies/t/trials/0")["attrs"] == {"warm_start": {"study": "s", "number": 0}}


def test_the_best_trial_says_where_it_was_measured(api: Api) -> None:
    api.trial(api.study(), state="completed", values={"loss": 0.5})
    study = api.study("t", **warm(use="history"))
    best = api.ok("GET", study)["best"]
    assert (best["number"], best["origin"], best["came_from"]) == (0, "added", {"study": "s", "number": 0})
    api.trial(study, state="completed", values={"loss": 0.25}, attrs={"warm_start": "mine"})
    best = api.ok("GET", study)["best"]
    assert (best["number"], best["origin"], best["came_from"]) == (1, "added", None)


@pytest.mark.parametrize("query", ["", "?validate_only=true"])
def test_what_is_wrong_is_told_before_anything_is_made(api: Api, query: str) -> None:
    definition = api.ok("GET", api.study())["definition"]
    body = {**definition, "name": "t", "warm_start": {"from": ["s", "gone"]}}
    status, code, problem = api.refused("POST", f"/v1/studies{query}", body)
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"] == [{"field": "warm_start.from[1]", "message": "there is no study named 'gone'"}]
    status, _, problem = api.refused("POST", f"/v1/studies{query}", {**body, "warm_start": {"from": ["t"]}})
    text = "is this study itself: it can learn from other studies only"
    assert problem["errors"] == [{"field": "warm_start.from[0]", "message": text}]
    api.refused("GET", "/v1/studies/t")


@pytest.mark.parametrize(
    ("warm_start", "field"),
    [
        ({"from": []}, "warm_start.from"),
        ({}, "warm_start.from"),
        ({"from": ["s", "s"]}, "warm_start.from"),
        ({"from": ["s/t"]}, "warm_start.from[0]"),
        ({"from": ["s"], "use": "all"}, "warm_start.use"),
        ({"from": ["s"], "count": 0}, "warm_start.count"),
        ({"from": ["s"], "count": 1001}, "warm_start.count"),
        ({"from": ["s"], "weight": 1}, "warm_start.weight"),
    ],
)
def test_fields_that_are_wrong_are_named(api: Api, warm_start: dict[str, Any], field: str) -> None:
    definition = api.ok("GET", api.study())["definition"]
    _, code, problem = api.refused("POST", "/v1/studies", {**definition, "name": "t", "warm_start": warm_start})
    assert code == "invalid_argument"
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_study_that_runs_is_started_warm(api: Api) -> None:
    api.trial(api.study(), state="completed", values={"loss": 0.5})
    study = api.study("t")
    for taken in (1, 0):
        told = api.ok("POST", f"{study}:warm-start", {"from": ["s"], "use": "history"})
        assert told["warm_start"]["sources"][0]["taken"] == taken
        assert told["trials"]["completed"] == 1
    status, code, problem = api.refused("POST", f"{study}:warm-start", {"from": ["t"]})
    assert (status, code, problem["errors"][0]["field"]) == (422, "invalid_argument", "from[0]")
    assert api.refused("POST", "/v1/studies/gone:warm-start", {"from": ["s"]})[:2] == (404, "study_not_found")


def test_many_trials_are_added_in_their_order_and_once(api: Api) -> None:
    study = api.study()
    new: list[dict[str, Any]] = [{"params": {**POINT, "lr": lr}, "request_id": str(lr)} for lr in (0.3, 0.1, 0.2)]
    new[1] |= {"state": "completed", "values": {"loss": 1}, "points": [{"step": 1, "metrics": {"loss": 1}}]}
    for _ in range(2):
        assert api.ok("POST", f"{study}/trials:batch", {"trials": new}) == {"numbers": [0, 1, 2]}
    found = api.ok("GET", f"{study}/trials")["trials"]
    assert [(one["params"]["lr"], one["state"]) for one in found] == [
        (0.3, "queued"),
        (0.1, "completed"),
        (0.2, "queued"),
    ]
    more = [*new[:1], {"params": {**POINT, "lr": 0.4}}]
    assert api.ok("POST", f"{study}/trials:batch", {"trials": more}) == {"numbers": [0, 3]}


def test_of_many_trials_one_that_is_wrong_keeps_all_out(api: Api) -> None:
    study = api.study(budget={"max_trials": 2})
    good = {"params": POINT}
    bad = [good, {"params": {"lr": 9, "optimizer": "adamw", "depth": 1}}]
    _, code, problem = api.refused("POST", f"{study}/trials:batch", {"trials": bad})
    assert code == "invalid_argument"
    assert [error["field"] for error in problem["errors"]] == ["trials[1].params.depth", "trials[1].params.lr"]
    assert api.refused("POST", f"{study}/trials:batch", {"trials": [good] * 3})[:2] == (409, "budget_spent")
    twice = [{**good, "request_id": "r"}, {"params": {**POINT, "lr": 0.2}, "request_id": "r"}]
    assert api.refused("POST", f"{study}/trials:batch", {"trials": twice})[:2] == (409, "request_reused")
    for count in (0, 201):
        assert api.refused("POST", f"{study}/trials:batch", {"trials": [good] * count})[1] == "invalid_argument"
    assert api.ok("GET", f"{study}/trials")["trials"] == []


def test_a_point_may_be_tried_again_and_is_told_to_be_the_same(api: Api) -> None:
    study = api.study(space={"x": {"type": "categorical", "choices": [1, True, "1"]}})
    told = [api.trial(study, params={"x": value})["duplicate_of"] for value in (1, True, "1", 1, 1.0, True)]
    assert told == [None, None, None, 0, 0, 1]
    assert api.trial(study, params={"x": 1}, state="completed", values={"loss": 1})["duplicate_of"] is None
    assert api.ok("GET", f"{study}/trials/3")["duplicate_of"] is None, "told of what was just enqueued"
