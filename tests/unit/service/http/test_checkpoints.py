"""Checkpoints that clients keep: committed by their address, and gone on from."""

from typing import Any

import pytest

from tests.unit.service.http.api import Api

URI = "file:///data/0/2.ckpt"
SHA = "9f86d081" * 8


def points(*steps: int) -> list[dict[str, Any]]:
    return [{"step": step, "metrics": {"loss": 1 / step}} for step in steps]


def reported(api: Api, *steps: int, **ask: Any) -> tuple[str, str, int]:
    """Study, attempt and token of a trial that has reported these steps."""
    study = api.study()
    lease = api.lease(study, **ask)
    attempt = f"{study}/trials/0/attempts/1"
    if steps:
        api.ok("POST", f"{attempt}:report", {"token": lease["token"], "first_seq": 1, "points": points(*steps)})
    return study, attempt, lease["token"]


def body(held: int, **changes: Any) -> dict[str, Any]:
    return {"token": held, "uri": URI, "sha256": SHA, "size": 18_432, **changes}


def test_a_committed_checkpoint_is_what_the_next_attempt_goes_on_from(api: Api) -> None:
    study, attempt, token = reported(api, 1, 2, 3)
    saved = api.ok("PUT", f"{attempt}/checkpoints/2", body(token, sha256=SHA.upper()))
    assert {name: saved[name] for name in ("attempt", "step", "uri", "sha256", "size")} == {
        "attempt": 1,
        "step": 2,
        "uri": URI,
        "sha256": SHA,
        "size": 18_432,
    }
    assert api.ok("GET", f"{study}/trials/0/checkpoints") == {"checkpoints": [saved]}
    api.ok("POST", f"{attempt}:complete", {"token": token, "outcome": "preempted"})
    (again,) = api.ok("POST", f"{study}:ask", {"worker": "w", "resumes": True})["leases"]
    assert (again["attempt"], again["resume_step"], again["resume_checkpoint"]) == (2, 2, URI)
    told = api.ok("GET", f"{study}/trials/0/attempts")["attempts"]
    assert [one["resumes"] for one in told] == [False, True]


def test_the_same_again_changes_nothing_also_when_the_attempt_has_ended(api: Api) -> None:
    study, attempt, token = reported(api, 1, 2)
    saved = api.ok("PUT", f"{attempt}/checkpoints/2", body(token))
    assert api.ok("PUT", f"{attempt}/checkpoints/2", body(token)) == saved
    api.ok("POST", f"{attempt}:complete", {"token": token, "outcome": "paused"})
    assert api.ok("PUT", f"{attempt}/checkpoints/2", body(token)) == saved
    other = body(token, sha256="0" * 64)
    assert api.refused("PUT", f"{attempt}/checkpoints/2", other)[:2] == (409, "stale_lease")
    assert api.ok("GET", f"{study}/trials/0/checkpoints") == {"checkpoints": [saved]}


def test_other_bytes_take_its_place_while_the_attempt_lives(api: Api) -> None:
    study, attempt, token = reported(api, 1, 2)
    api.ok("PUT", f"{attempt}/checkpoints/2", body(token))
    api.ok("PUT", f"{attempt}/checkpoints/1", body(token, uri="s3://b/1"))
    new = api.ok("PUT", f"{attempt}/checkpoints/2", body(token, sha256="0" * 64, uri="file:///new", size=0))
    found = api.ok("GET", f"{study}/trials/0/checkpoints")["checkpoints"]
    assert [one["step"] for one in found] == [2, 1]
    assert found[0] == new
    assert (new["uri"], new["size"]) == ("file:///new", 0)


def test_only_the_holder_of_the_lease_commits(api: Api) -> None:
    study, attempt, token = reported(api, 1, 2)
    assert api.refused("PUT", f"{attempt}/checkpoints/2", body(token + 1))[:2] == (409, "stale_lease")
    missing = f"{study}/trials/0/attempts/9/checkpoints/2"
    assert api.refused("PUT", missing, body(token))[:2] == (404, "attempt_not_found")
    nowhere = "/v1/studies/no/trials/0/attempts/1/checkpoints/2"
    assert api.refused("PUT", nowhere, body(token))[:2] == (404, "study_not_found")
    api.ok("PUT", f"{attempt}/checkpoints/2", body(token))
    assert api.refused("PUT", f"{attempt}/checkpoints/2", body(token + 1))[:2] == (409, "stale_lease")


@pytest.mark.parametrize(
    ("steps", "step", "said"),
    [
        ((), 1, "must not be beyond the last step that was reported (0): report first"),
        ((1, 5), 6, "must not be beyond the last step that was reported (5): report first"),
    ],
)
def test_a_checkpoint_does_not_run_ahead_of_the_curve(api: Api, steps: tuple[int, ...], step: int, said: str) -> None:
    _, attempt, token = reported(api, *steps)
    status, code, problem = api.refused("PUT", f"{attempt}/checkpoints/{step}", body(token))
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"] == [{"field": "step", "message": said}]
    assert api.ok("PUT", f"{attempt}/checkpoints/0", body(token))["step"] == 0


def test_an_attempt_does_not_go_back_behind_where_it_began(api: Api) -> None:
    study, attempt, token = reported(api, 1, 2, 3)
    api.ok("PUT", f"{attempt}/checkpoints/2", body(token))
    api.ok("POST", f"{attempt}:complete", {"token": token, "outcome": "preempted"})
    (again,) = api.ok("POST", f"{study}:ask", {"worker": "w"})["leases"]
    second = f"{study}/trials/0/attempts/2"
    problem = api.refused("PUT", f"{second}/checkpoints/1", body(again["token"]))[2]
    assert problem["errors"][0]["message"] == "must not be before the step that the attempt went on from (2)"
    assert api.ok("PUT", f"{second}/checkpoints/2", body(again["token"]))["attempt"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sha256": "abc"}, "sha256"),
        ({"sha256": "g" * 64}, "sha256"),
        ({"uri": ""}, "uri"),
        ({"uri": "a\nb"}, "uri"),
        ({"uri": "x" * 2001}, "uri"),
        ({"size": -1}, "size"),
        ({"size": 2**53}, "size"),
        ({"token": 0}, "token"),
        ({"step": 1}, "step"),
    ],
)
def test_bad_fields_are_named(api: Api, change: dict[str, Any], field: str) -> None:
    study, attempt, token = reported(api, 1, 2)
    status, code, problem = api.refused("PUT", f"{attempt}/checkpoints/2", body(token, **change))
    assert (status, code) == (422, "invalid_argument")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert api.ok("GET", f"{study}/trials/0/checkpoints") == {"checkpoints": []}


def test_it_renews_the_lease(api: Api) -> None:
    study, attempt, token = reported(api, 1)
    before = api.ok("GET", f"{study}/trials/0/attempts")["attempts"][0]["expires_at"]
    api.ok("PUT", f"{attempt}/checkpoints/1", body(token))
    assert api.ok("GET", f"{study}/trials/0/attempts")["attempts"][0]["expires_at"] > before
