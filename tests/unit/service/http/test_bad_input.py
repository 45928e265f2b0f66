"""What clients get wrong, each told by its field, and after each the study goes on as if nothing had been."""

from typing import Any

import pytest

from tests.unit.service.http.api import POINT, Api

JSON = {"content-type": "application/json"}
ATTEMPT = "/v1/studies/s/trials/0/attempts/1"


def points(*steps: int) -> list[dict[str, Any]]:
    return [{"step": step, "metrics": {"loss": 1 / step}} for step in steps]


@pytest.fixture
def token(api: Api) -> int:
    """The token of a trial that has reported steps 1 to 3."""
    lease = api.lease(api.study())
    body = {"token": lease["token"], "first_seq": 1, "points": points(1, 2, 3)}
    assert api.ok("POST", f"{ATTEMPT}:report", body)["acked_seq"] == 3
    return int(lease["token"])


def goes_on(api: Api, token: int) -> None:
    """The trial reports and completes, and another one is run to its end."""
    body = {"token": token, "first_seq": 4, "points": points(4)}
    assert api.ok("POST", f"{ATTEMPT}:report", body) == {
        "acked_seq": 4,
        "directive": {"type": "continue", "reason": None, "id": None},
    }
    assert len(api.ok("GET", "/v1/studies/s/trials/0/reports")["points"]) == 4
    assert api.ok("POST", f"{ATTEMPT}:complete", {"token": token, "outcome": "completed"})["values"] == {"loss": 0.25}
    lease = api.lease("/v1/studies/s")
    path = f"/v1/studies/s/trials/{lease['trial']}/attempts/1:complete"
    body = {"token": lease["token"], "outcome": "completed", "values": {"loss": 0.1}}
    assert api.ok("POST", path, body)["state"] == "completed"
    study = api.ok("GET", "/v1/studies/s")
    assert (study["state"], study["trials"]["completed"]) == ("active", 2)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"points": points(2)}, {"points[0].step": "must be greater than the step before it (3; is 2)"}),
        ({"points": points(3)}, {"points[0].step": "must be greater than the step before it (3; is 3)"}),
        (
            {"points": points(4, 5, 5, 4)},
            {
                "points[2].step": "must be greater than the step before it (5; is 5)",
                "points[3].step": "must be greater than the step before it (5; is 4)",
            },
        ),
        ({"points": points(*range(4, 1005))}, {"points": "must have at most 1000 items"}),
        ({"points": {"step": 4, "metrics": {"loss": 1}}}, {"points": "must be a list"}),
        ({"points": [{"step": 4, "metrics": [0.5]}]}, {"points[0].metrics": "must be a mapping"}),
        ({"points": [{"step": 4, "metrics": {"loss": "low"}}]}, {"points[0].metrics.loss": "must be a number"}),
        ({"points": [{"step": 4}]}, {"points[0].metrics": "is missing"}),
        (
            {"points": [{"step": 2**53, "metrics": {"loss": 1}}]},
            {"points[0].step": "must be less than 9007199254740992"},
        ),
        ({"system": {"cma:x": "00"}}, {"system": "is not a known field"}),
        ({"points": [{**points(4)[0], "system": {}}]}, {"points[0].system": "is not a known field"}),
    ],
)
def test_a_bad_report(api: Api, token: int, change: dict[str, Any], errors: dict[str, str]) -> None:
    body = {"token": token, "first_seq": 4, "points": points(4), **change}
    status, code, problem = api.refused("POST", f"{ATTEMPT}:report", body)
    assert (status, code) == (422, "invalid_argument")
    assert {error["field"]: error["message"] for error in problem["errors"]} == errors
    goes_on(api, token)


@pytest.mark.parametrize("value", ['"nan"', '"NaN"', "NaN", "1e400", "-1e400", '"Infinity"'])
def test_a_number_that_is_none_is_taken_and_stops_its_trial_alone(api: Api, token: int, value: str) -> None:
    lease = api.lease("/v1/studies/s")
    body = f'{{"token": {lease["token"]}, "first_seq": 1, "points": [{{"step": 7, "metrics": {{"loss": {value}}}}}]}}'
    response = api.post("/v1/studies/s/trials/1/attempts/1:report", content=body, headers=JSON)
    directive = response.json()["directive"]
    assert (response.status_code, directive["type"]) == (200, "stop")
    assert directive["reason"] in {"loss is NaN at step 7", "loss is infinite at step 7"}
    (decision,) = api.ok("GET", "/v1/studies/s/trials/1/decisions")["decisions"]
    assert (decision["act"], decision["rule"], decision["step"], decision["reason"]) == (
        "stop",
        "nan",
        7,
        directive["reason"],
    )
    done = {"token": lease["token"], "outcome": "pruned"}
    assert api.ok("POST", "/v1/studies/s/trials/1/attempts/1:complete", done)["state"] == "infeasible"
    assert api.ok("GET", "/v1/studies/s/trials/1")["failure"]["class"] == "nan"
    goes_on(api, token)


def test_a_point_may_lack_the_objective_and_a_result_may_not(api: Api, token: int) -> None:
    lease = api.lease("/v1/studies/s")
    path = "/v1/studies/s/trials/1/attempts/1"
    training = [{"step": step, "metrics": {"train_loss": 1.0}} for step in (1, 2)]
    body = {"token": lease["token"], "first_seq": 1, "points": training}
    assert api.ok("POST", f"{path}:report", body)["directive"]["type"] == "continue"
    done = {"token": lease["token"], "outcome": "completed"}
    status, code, problem = api.refused("POST", f"{path}:complete", done)
    assert (status, code) == (422, "invalid_argument")
    missing = {"field": "values.loss", "message": "is missing: it was neither given nor reported"}
    assert problem["errors"] == [missing]
    body = {"token": lease["token"], "first_seq": 3, "points": [{"step": 3, "metrics": {"loss": 0.5}}]}
    assert api.ok("POST", f"{path}:report", body)["acked_seq"] == 3
    assert api.ok("POST", f"{path}:complete", {**done, "outcome": "failed"})["state"] == "failed"
    goes_on(api, token)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"values": [0.5]}, {"values": "must be a mapping"}),
        ({"values": 0.5}, {"values": "must be a mapping"}),
        ({"values": {"loss": [0.5]}}, {"values.loss": "must be a number"}),
        ({"values": {"loss": None}}, {"values.loss": "must be a number"}),
        ({"values": {"loss": 1, "speed": 2}}, {"values.speed": "is not an objective (they are loss)"}),
        ({"outcome": "done"}, {"outcome": "must be one of 'completed', 'pruned', 'paused', 'preempted' or 'failed'"}),
        ({"system": {}}, {"system": "is not a known field"}),
        (
            {"outcome": "failed", "failure": {"class": "bug"}},
            {
                "failure.class": "must be one of 'oom', 'nan', 'crash', 'infra', 'preempted', 'timeout', "
                "'cancelled' or 'user_error'"
            },
        ),
    ],
)
def test_a_bad_result(api: Api, token: int, change: dict[str, Any], errors: dict[str, str]) -> None:
    body = {"token": token, "outcome": "completed", **change}
    status, code, problem = api.refused("POST", f"{ATTEMPT}:complete", body)
    assert (status, code) == (422, "invalid_argument")
    assert {error["field"]: error["message"] for error in problem["errors"]} == errors
    goes_on(api, token)


def test_values_of_another_length_are_told_by_name(api: Api) -> None:
    study = api.study("two", objectives=[{"metric": "loss"}, {"metric": "cost"}])
    lease = api.lease(study)
    path = f"{study}/trials/0/attempts/1:complete"
    body = {"token": lease["token"], "outcome": "completed", "values": {"cost": 1}}
    assert api.refused("POST", path, body)[2]["errors"][0]["field"] == "values.loss"
    assert api.ok("POST", path, {**body, "values": {"cost": 1, "loss": 2}})["state"] == "completed"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"params": {**POINT, "lr": 2}}, "params.lr"),
        ({"params": {**POINT, "lr": "nan"}}, "params.lr"),
        ({"params": {**POINT, "lr": None}}, "params.lr"),
        ({"params": {**POINT, "optimizer": "sgdd"}}, "params.optimizer"),
        ({"params": {**POINT, "momentum": 0.5}}, "params.momentum"),
        ({"params": {**POINT, "depth": 1}}, "params.depth"),
        ({"params": {"lr": 0.1}}, "params.optimizer"),
        ({"params": [0.1, "adamw"]}, "params"),
        ({"params": POINT, "system": {"cma:x": "00"}}, "system"),
        ({"params": POINT, "suggestion": {}}, "suggestion"),
        ({"params": POINT, "number": 7}, "number"),
    ],
)
def test_a_bad_point(api: Api, token: int, change: dict[str, Any], field: str) -> None:
    status, code, problem = api.refused("POST", "/v1/studies/s/trials", change)
    assert (status, code) == (422, "invalid_argument")
    assert field in [error["field"] for error in problem["errors"]]
    goes_on(api, token)


@pytest.mark.parametrize("field", ["system", "reason", "tally", "state"])
def test_what_the_server_keeps_for_itself_is_not_taken_from_outside(api: Api, token: int, field: str) -> None:
    status, _, problem = api.refused("PATCH", "/v1/studies/s", {field: {}})
    assert (status, problem["errors"][0]["field"]) == (422, field)
    goes_on(api, token)


def ended(api: Api, how: str) -> None:
    """Bring a study with a running trial to a state in which it hands out nothing."""
    api.trial("/v1/studies/s")
    if how == "completed":
        body = {"token": 1, "outcome": "completed"}
        api.ok("POST", f"{ATTEMPT}:complete", body)
    else:
        api.ok("POST", f"/v1/studies/s:{'pause' if how == 'paused' else 'stop'}")
    if how == "stopped":
        api.ok("POST", "/v1/studies/s/trials/0:cancel")


@pytest.mark.parametrize("state", ["paused", "stopping", "stopped", "completed"])
def test_an_ask_of_a_study_that_hands_out_nothing(api: Api, state: str) -> None:
    api.lease(api.study(budget={"max_completed": 1}))
    body = {"token": 1, "first_seq": 1, "points": points(1)}
    api.ok("POST", f"{ATTEMPT}:report", body)
    ended(api, state)
    assert api.ok("GET", "/v1/studies/s")["state"] == state
    status, code, problem = api.refused("POST", "/v1/studies/s:ask", {"worker": "w"})
    assert (status, code, problem["detail"]) == (409, "wrong_state", f"study 's' is {state}: it hands out no trials")
    assert api.ok("GET", "/v1/studies/s/trials/1")["state"] == "queued"
    api.ok("PATCH", "/v1/studies/s", {"budget": {}})
    assert api.ok("POST", "/v1/studies/s:resume")["reason"] is None
    (lease,) = api.ok("POST", "/v1/studies/s:ask", {"worker": "w"})["leases"]
    assert lease["trial"] == 1
