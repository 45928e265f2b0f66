"""The addresses of trials."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.trial import AttemptKey, Checkpoint
from service.store.memory import MemoryStore
from tests.unit.service.http.api import POINT, Api


def test_enqueue(api: Api) -> None:
    study = api.study(
        space={"lr": {"type": "float", "low": 0, "high": 1}, "twice": {"type": "derived", "expression": "lr*2"}}
    )
    response = api.post(f"{study}/trials", {"params": {"lr": 0.25}, "attrs": {"by": ["me", None, 1.5]}})
    assert response.status_code == 201
    assert response.headers["location"] == f"{study}/trials/0"
    trial = response.json()
    assert (trial["state"], trial["origin"], trial["params"], trial["resolved"]) == (
        "queued",
        "enqueued",
        {"lr": 0.25},
        {"lr": 0.25, "twice": 0.5},
    )
    assert trial["attrs"] == {"by": ["me", None, 1.5]}
    assert api.ok("GET", f"{study}/trials/0") == trial


def test_add_what_ran_elsewhere(api: Api) -> None:
    study = api.study()
    points = [
        {"step": 1, "metrics": {"loss": 0.5, "f1": "NaN"}, "elapsed": 1.5},
        {"step": 2, "metrics": {"loss": 0.25}},
    ]
    trial = api.trial(study, state="completed", points=points)
    assert (trial["origin"], trial["values"], trial["last_step"]) == ("added", {"loss": 0.25}, 2)
    assert api.ok("GET", study)["best"]["number"] == 0
    shown = api.ok("GET", f"{study}/trials/0/reports")["points"]
    assert [(point["step"], point["metrics"], point["elapsed"]) for point in shown] == [
        (1, {"loss": 0.5, "f1": "NaN"}, 1.5),
        (2, {"loss": 0.25}, None),
    ]


def test_the_same_request_makes_one_trial(api: Api) -> None:
    study = api.study()
    first = api.trial(study, request_id="r")
    assert api.trial(study, request_id="r") == first
    status, code, _ = api.refused("POST", f"{study}/trials", {"params": {**POINT, "lr": 0.2}, "request_id": "r"})
    assert (status, code) == (409, "request_reused")
    assert len(api.ok("GET", f"{study}/trials")["trials"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"params": {"lr": 7, "optimizer": "adamw"}}, "params.lr"),
        ({"params": {"lr": 0.1}}, "params.optimizer"),
        ({"params": {**POINT, "momentum": 0.1}}, "params.momentum"),
        ({"params": {**POINT, "x": 0.1}}, "params.x"),
        ({"params": POINT, "state": "running"}, "state"),
        ({"params": POINT, "state": "completed"}, "values.loss"),
        ({"params": POINT, "state": "completed", "values": {"los": 1, "loss": 1}}, "values.los"),
        ({"params": POINT, "attrs": {"a": [[[[[[[[[1]]]]]]]]]}}, "attrs"),
        ({"params": POINT, "attrs": {"a": "x" * 20_000}}, "attrs"),
        ({"params": POINT, "request_id": ""}, "request_id"),
        ({"params": POINT, "attrs": {"a": "b\x00"}}, "attrs"),
        ({"params": POINT, "attrs": {"a": [{"b\x00": 1}]}}, "attrs"),
        ({}, "params"),
    ],
)
def test_bad_fields_are_named(api: Api, body: object, field: str) -> None:
    study = api.study()
    status, code, problem = api.refused("POST", f"{study}/trials", body)
    assert (status, code) == (422, "invalid_argument")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert api.ok("GET", f"{study}/trials")["trials"] == []


def test_cancel(api: Api) -> None:
    study = api.study()
    api.trial(study)
    for _ in range(2):
        trial = api.ok("POST", f"{study}/trials/0:cancel")
        assert (trial["state"], trial["failure"]["class"]) == ("cancelled", "cancelled")
    api.trial(study, state="completed", values={"loss": 1})
    assert api.refused("POST", f"{study}/trials/1:cancel")[:2] == (409, "wrong_state")


@pytest.mark.parametrize("rest", ["", "/reports", "/attempts", "/decisions", "/checkpoints"])
def test_an_unknown_trial(api: Api, rest: str) -> None:
    study = api.study()
    assert api.refused("GET", f"{study}/trials/7{rest}")[:2] == (404, "trial_not_found")


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "1" * 16, "0x1"])
def test_what_is_no_number_is_no_address(api: Api, number: str) -> None:
    assert api.refused("GET", f"{api.study()}/trials/{number}")[:2] == (404, "not_found")


@pytest.fixture
def listed(api: Api) -> str:
    """A study with trials of several kinds."""
    study = api.study()
    rates = [0.5, 0.1, 0.9, 0.3, 0.1]
    values: list[Any] = [0.3, 0.1, "Infinity", None, 0.1]
    for rate, value in zip(rates, values, strict=True):
        state = {"state": "completed", "values": {"loss": value}} if value is not None else {}
        api.trial(study, params={"lr": rate, "optimizer": "adamw"}, **state)
    api.trial(
        study, params={"lr": 0.2, "optimizer": "sgd", "momentum": 0.5}, state="infeasible", values={"loss": "NaN"}
    )
    return study


def numbers(api: Api, study: str, **params: Any) -> list[int]:
    return [trial["number"] for trial in api.ok("GET", f"{study}/trials", params=params)["trials"]]


def test_list_filters(api: Api, listed: str) -> None:
    assert numbers(api, listed) == [0, 1, 2, 3, 4, 5]
    assert numbers(api, listed, state="queued") == [3]
    assert numbers(api, listed, state=["queued", "infeasible"]) == [3, 5]
    assert numbers(api, listed, origin="enqueued") == [3]
    assert numbers(api, listed, where="lr<=0.2") == [1, 4, 5]
    assert numbers(api, listed, where=["params.lr<=0.2", "optimizer = sgd"]) == [5]
    assert numbers(api, listed, where="value<0.2") == [1, 4]


@pytest.mark.parametrize(
    "order", ["number", "-number", "value", "-value", "started_at", "-started_at", "finished_at", "-finished_at"]
)
@pytest.mark.parametrize("size", [1, 2, 6])
def test_pages_of_every_order_give_every_trial_once(api: Api, listed: str, order: str, size: int) -> None:
    whole = numbers(api, listed, order_by=order)
    found: list[int] = []
    token = None
    while True:
        params = {"order_by": order, "page_size": size} | ({"page_token": token} if token else {})
        page = api.ok("GET", f"{listed}/trials", params=params)
        found += [trial["number"] for trial in page["trials"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert found == whole
    assert sorted(found) == [0, 1, 2, 3, 4, 5]


def test_order_by_value(api: Api, listed: str) -> None:
    assert numbers(api, listed, order_by="value") == [1, 4, 0, 2, 3, 5]
    assert numbers(api, listed, order_by="-value") == [2, 0, 1, 4, 3, 5]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("where=lr", "where"),
        ("where=lr<abc", "where"),
        ("where=rl<1", "where"),
        ("where=lr<1&where=rl<1", "where[1]"),
        ("order_by=params.lr", "order_by"),
        ("state=queued&state=lost", "state[1]"),
        ("origin=me", "origin[0]"),
        ("&".join(["where=lr<1"] * 21), "where"),
    ],
)
def test_bad_parameters_are_named(api: Api, query: str, field: str) -> None:
    status, code, problem = api.refused("GET", f"{api.study()}/trials?{query}")
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"][0]["field"] == field


def test_reports_are_paged(api: Api) -> None:
    study = api.study()
    lease = api.lease(study)
    points = [{"step": step, "metrics": {"loss": 1 / step}} for step in range(1, 8)]
    api.ok("POST", f"{study}/trials/0/attempts/1:report", {"token": lease["token"], "first_seq": 1, "points": points})
    steps: list[int] = []
    token = None
    while not steps or token:
        params = {"page_size": 3} | ({"page_token": token} if token else {})
        page = api.ok("GET", f"{study}/trials/0/reports", params=params)
        steps += [point["step"] for point in page["points"]]
        token = page["next_page_token"]
    assert steps == [1, 2, 3, 4, 5, 6, 7]


def test_attempts_and_checkpoints(api: Api, store: MemoryStore) -> None:
    study = api.study()
    api.lease(study)
    (attempt,) = api.ok("GET", f"{study}/trials/0/attempts")["attempts"]
    assert (attempt["attempt"], attempt["state"], attempt["worker"]) == (1, "leased", "w")
    assert api.ok("GET", f"{study}/trials/0/checkpoints")["checkpoints"] == []
    key = AttemptKey(1, 0, 1)
    now = datetime.now(UTC)
    checkpoint = Checkpoint(key=key, step=5, uri="file:///x", sha256="0" * 64, size=7, committed_at=now)
    api.run(store.write(lambda tx: tx.checkpoints.add(checkpoint)))
    (shown,) = api.ok("GET", f"{study}/trials/0/checkpoints")["checkpoints"]
    assert (shown["attempt"], shown["step"], shown["uri"]) == (1, 5, "file:///x")
