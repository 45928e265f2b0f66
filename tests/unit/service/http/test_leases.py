"""The calls of those who run trials."""

import asyncio
import json
from typing import Any

import pytest

from tests.unit.service.http.api import Api

JSON = {"content-type": "application/json"}


def points(*steps: int) -> list[dict[str, Any]]:
    return [{"step": step, "metrics": {"loss": 1 / step}} for step in steps]


def test_a_trial_from_ask_to_complete(api: Api) -> None:
    study = api.study()
    lease = api.lease(study)
    assert (lease["trial"], lease["attempt"], lease["ttl_seconds"], lease["seed"]) == (0, 1, 60.0, 1234)
    attempt = f"{study}/trials/0/attempts/1"
    report = {"token": lease["token"], "first_seq": 1, "points": points(1, 2)}
    expected = {"acked_seq": 2, "directive": {"type": "continue", "reason": None, "id": None}}
    assert api.ok("POST", f"{attempt}:report", report) == expected
    assert api.ok("POST", f"{attempt}:report", report) == expected
    complete = {"token": lease["token"], "outcome": "completed"}
    done = {"trial": 0, "attempt": 1, "state": "completed", "values": {"loss": 0.5}}
    assert api.ok("POST", f"{attempt}:complete", complete) == done
    assert api.ok("POST", f"{attempt}:complete", complete) == done
    other = {**complete, "values": {"loss": 9}}
    assert api.refused("POST", f"{attempt}:complete", other)[:2] == (409, "already_completed")
    assert api.refused("POST", f"{attempt}:report", {**report, "first_seq": 3})[:2] == (409, "stale_lease")


def test_the_same_ask_gets_the_same_leases(api: Api) -> None:
    study = api.study()
    lease = api.lease(study, request_id="r")
    ask = {"worker": "w", "request_id": "r"}
    assert api.ok("POST", f"{study}:ask", ask)["leases"] == [lease]
    assert api.ok("POST", f"{study}:ask", {"worker": "w"})["leases"] == []
    assert api.refused("POST", f"{study}:ask", {**ask, "worker": "v"})[:2] == (409, "request_reused")


def test_a_paused_study_hands_out_nothing(api: Api) -> None:
    study = api.study()
    api.ok("POST", f"{study}:pause")
    assert api.refused("POST", f"{study}:ask", {"worker": "w"})[:2] == (409, "wrong_state")


def test_a_gap_says_how_far_the_server_is(api: Api) -> None:
    study = api.study()
    lease = api.lease(study)
    path = f"{study}/trials/0/attempts/1:report"
    api.ok("POST", path, {"token": lease["token"], "first_seq": 1, "points": points(1, 2, 3)})
    gap = {"token": lease["token"], "first_seq": 9, "points": points(9)}
    status, code, problem = api.refused("POST", path, gap)
    assert (status, code, problem["acked_seq"]) == (409, "seq_gap", 3)


def test_a_cancelled_trial_is_told_to_stop(api: Api) -> None:
    study = api.study()
    lease = api.lease(study)
    api.ok("POST", f"{study}/trials/0:cancel")
    report = {"token": lease["token"], "first_seq": 1, "points": points(1)}
    answer = api.ok("POST", f"{study}/trials/0/attempts/1:report", report)
    assert answer["directive"] == {"type": "stop", "reason": "cancelled by a user", "id": 1}


@pytest.mark.parametrize("value", ["NaN", '"NaN"', "Infinity", '"-Infinity"', "1e999"])
def test_not_a_number_is_taken_as_json_has_it_and_as_text(api: Api, value: str) -> None:
    study = api.study()
    lease = api.lease(study)
    body = f'{{"token": {lease["token"]}, "first_seq": 1, "points": [{{"step": 1, "metrics": {{"loss": {value}}}}}]}}'
    assert api.post(f"{study}/trials/0/attempts/1:report", content=body, headers=JSON).status_code == 200
    expected = value.strip('"').replace("1e999", "Infinity")
    assert api.ok("GET", f"{study}/trials/0")["last_metrics"] == {"loss": expected}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/studies/no/trials/0/attempts/1", "study_not_found"),
        ("/v1/studies/s/trials/0/attempts/2", "attempt_not_found"),
    ],
)
@pytest.mark.parametrize(
    ("verb", "body"),
    [("report", {"token": 1, "first_seq": 1, "points": points(1)}), ("complete", {"token": 1, "outcome": "pruned"})],
)
def test_what_is_not_there(api: Api, path: str, code: str, verb: str, body: object) -> None:
    api.lease(api.study())
    assert api.refused("POST", f"{path}:{verb}", body)[:2] == (404, code)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"token": 0}, "token"),
        ({"first_seq": 0}, "first_seq"),
        ({"points": []}, "points"),
        ({"points": points(*range(1, 1002))}, "points"),
        ({"points": points(2, 1)}, "points[1].step"),
        ({"points": [{"step": 1.5, "metrics": {"loss": 1}}]}, "points[0].step"),
        ({"points": [{"step": 1, "metrics": {}}]}, "points[0].metrics"),
        ({"points": [{"step": 1, "metrics": {"loss": None}}]}, "points[0].metrics.loss"),
        ({"points": [{"step": 1, "metrics": {"1x": 1}}]}, "points[0].metrics.1x"),
        ({"points": [{"step": 1, "metrics": {"loss": 1}, "elapsed": "NaN"}]}, "points[0].elapsed"),
        ({"extra": 1}, "extra"),
    ],
)
def test_bad_fields_are_named(api: Api, change: dict[str, Any], field: str) -> None:
    study = api.study()
    lease = api.lease(study)
    body = {"token": lease["token"], "first_seq": 1, "points": points(1), **change}
    status, code, problem = api.refused("POST", f"{study}/trials/0/attempts/1:report", body)
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"][0]["field"] == field
    assert api.ok("GET", f"{study}/trials/0/reports")["points"] == []


def test_many_reports_at_once_are_taken_each_for_itself(api: Api) -> None:
    study = api.study()
    leases = [api.lease(study) for _ in range(5)]

    async def together() -> list[int]:
        async def one(lease: dict[str, Any], token: int) -> int:
            body = {"token": token, "first_seq": 1, "points": points(1)}
            path = f"{study}/trials/{lease['trial']}/attempts/1:report"
            return (await api.send("POST", path, json.dumps(body))).status_code

        return list(
            await asyncio.gather(*(one(lease, lease["token"] + place % 2) for place, lease in enumerate(leases)))
        )

    assert api.run(together()) == [200, 409, 200, 409, 200]


def test_the_last_words_of_a_trial_are_taken_whatever_is_in_them(api: Api) -> None:
    study = api.study()
    lease = api.lease(study)
    failure = {"class": "crash", "message": "a\x00b \ufffe", "tail": "\x1b[31m\x00"}
    body = {"token": lease["token"], "outcome": "failed", "failure": failure}
    assert api.ok("POST", f"{study}/trials/0/attempts/1:complete", body)["state"] == "failed"
