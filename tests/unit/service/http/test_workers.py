"""The calls of workers and of those who look after them."""

from collections.abc import Callable
from typing import Any

import pytest

from service.usecases.gathering import Gathering
from tests.unit.service.http.api import Api

ID = "5c8d1d0e-7d0f-4b9a-9a55-0c1f2f3a4b5c"
HERE = f"/v1/workers/{ID}"
FIRST, SECOND = "0f" * 16, "1e" * 16
NEW: dict[str, Any] = {
    "instance": FIRST,
    "name": "node-3",
    "protocol": 1,
    "agent_version": "0.1.0",
    "labels": {"zone": "a"},
    "gpus": [{"uuid": "GPU-1", "model": "H100", "memory_bytes": 85_000_000_000}],
    "slots": 2,
    "trainers": ["cnn"],
}


def join(api: Api, **changes: Any) -> Any:
    return api.ok("PUT", HERE, {**NEW, **changes})


def acquire(api: Api, request_id: str = "r", **changes: Any) -> Any:
    body = {"instance": FIRST, "request_id": request_id, "wait_seconds": 0, **changes}
    return api.ok("POST", f"{HERE}:acquire", body)


def beat(api: Api, *leases: Any, **changes: Any) -> Any:
    return api.ok("POST", f"{HERE}:heartbeat", {"instance": FIRST, "leases": list(leases), **changes})


def held(lease: Any, **more: Any) -> dict[str, Any]:
    return {**{name: lease[name] for name in ("study", "trial", "attempt", "token")}, **more}


def test_a_trial_from_introduction_to_completion(api: Api) -> None:
    accepted = join(api)
    assert (accepted["ttl_seconds"], accepted["heartbeat_seconds"], accepted["protocol"]) == (60.0, 10.0, 1)
    assert acquire(api) == {"leases": [], "directive": {"type": "continue", "reason": None, "id": None}}
    study = api.study()
    api.trial(study)
    (lease,) = acquire(api)["leases"]
    assert acquire(api)["leases"] == [lease], "sent again"
    assert (lease["study"], lease["trial"], lease["objectives"][0]["metric"]) == ("s", 0, "loss")
    answer = beat(api, held(lease, gpu="GPU-1"), gpus=[{"uuid": "GPU-1", "utilisation": 0.5, "temperature": 60.0}])
    assert answer["leases"][0]["state"] == "renewed"
    shown = api.ok("GET", HERE)
    assert (shown["state"], shown["name"], shown["slots"], shown["labels"]) == ("online", "node-3", 2, {"zone": "a"})
    assert shown["held"] == [{"study": "s", "trial": 0, "attempt": 1, "gpu": "GPU-1"}]
    assert shown["gpus"][0] == {
        "uuid": "GPU-1",
        "model": "H100",
        "memory_bytes": 85_000_000_000,
        "utilisation": 0.5,
        "memory_used_bytes": None,
        "temperature": 60.0,
    }
    assert api.ok("GET", "/v1/workers") == {"workers": [shown]}
    attempt = f"{study}/trials/0/attempts/1"
    api.ok("POST", f"{attempt}:complete", {"token": 1, "outcome": "completed", "values": {"loss": 0.5}})
    (told,) = api.ok("GET", f"{study}/trials/0/attempts")["attempts"]
    assert (told["worker"], told["worker_id"], told["gpu"]) == ("node-3", ID, "GPU-1")
    assert beat(api, held(lease))["leases"][0]["state"] == "gone"
    assert api.ok("GET", HERE)["held"] == []


def test_only_who_holds_nothing_and_stays_waits_for_others(make_api: Callable[..., Api]) -> None:
    class Counting(Gathering):
        waited = 0

        async def wait(self) -> None:
            self.waited += 1

    gathering = Counting(1.0)
    api = make_api(gathering=gathering)
    join(api)
    beat(api)
    assert gathering.waited == 1
    api.trial(api.study())
    (lease,) = acquire(api)["leases"]
    assert beat(api, held(lease))["leases"][0]["state"] == "renewed"
    beat(api, leaving=True)
    assert gathering.waited == 1


def test_directives_are_numbered_and_confirmed(api: Api) -> None:
    join(api)
    study = api.study()
    api.trial(study)
    (lease,) = acquire(api)["leases"]
    api.ok("POST", f"{HERE}:drain", {"running": "preempt", "reason": "new driver"})
    answer = beat(api, held(lease))
    assert answer["directive"] == {"type": "drain", "reason": "new driver", "id": None}
    assert answer["leases"][0]["directive"] == {"type": "drain", "reason": "new driver", "id": 1}
    beat(api, held(lease, obeyed=1))
    (told,) = api.ok("GET", f"{study}/trials/0/attempts")["attempts"]
    assert (told["directive_id"], told["obeyed"]) == (1, 1)


def test_drained_undrained_forgotten(api: Api) -> None:
    join(api)
    assert api.ok("POST", f"{HERE}:drain")["reason"] == "drained by a user"
    api.trial(api.study())
    assert acquire(api)["directive"]["type"] == "drain"
    assert api.ok("POST", f"{HERE}:undrain")["state"] == "online"
    assert len(acquire(api)["leases"]) == 1
    assert api.refused("DELETE", HERE)[:2] == (409, "wrong_state")
    beat(api, leaving=True)
    assert api.ok("GET", HERE)["state"] == "offline"
    assert api.call("DELETE", HERE).status_code == 204
    assert api.ok("GET", "/v1/workers") == {"workers": []}


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("POST", ":acquire", {"instance": FIRST, "request_id": "r"}),
        ("POST", ":heartbeat", {"instance": FIRST}),
        ("POST", ":drain", None),
        ("POST", ":undrain", None),
        ("GET", "", None),
        ("DELETE", "", None),
    ],
)
def test_who_is_not_known_is_told_to_introduce_himself(api: Api, method: str, verb: str, body: Any) -> None:
    status, code, problem = api.refused(method, HERE + verb, body)
    assert (status, code) == (404, "worker_not_found")
    assert "PUT /v1/workers/{id}" in problem["hint"]


def test_another_instance_is_refused(api: Api) -> None:
    join(api)
    for method, path, body in (
        ("PUT", HERE, {**NEW, "instance": SECOND}),
        ("POST", f"{HERE}:acquire", {"instance": SECOND, "request_id": "r"}),
        ("POST", f"{HERE}:heartbeat", {"instance": SECOND}),
    ):
        assert api.refused(method, path, body)[:2] == (409, "worker_taken")
    join(api, instance=SECOND, replaces=FIRST)


def test_a_protocol_that_is_not_spoken(api: Api) -> None:
    status, code, problem = api.refused("PUT", HERE, {**NEW, "protocol": 2})
    assert (status, code) == (400, "protocol_unsupported")
    assert problem["detail"] == "the worker speaks protocol 2, this server only up to 1: upgrade the server"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instance": "x"}, "instance"),
        ({"slots": 0}, "slots"),
        ({"trainers": []}, "trainers"),
        ({"trainers": ["no spaces here"]}, "trainers[0]"),
        ({"labels": {"": "x"}}, "labels"),
        ({"labels": {"zone": "a\n"}}, "labels.zone"),
        ({"gpus": [{"uuid": ""}]}, "gpus[0].uuid"),
        ({"clock": "yesterday"}, "clock"),
        ({"host": "x"}, "host"),
    ],
)
def test_what_is_wrong_of_a_worker_is_named(api: Api, changes: Any, field: str) -> None:
    status, _, problem = api.refused("PUT", HERE, {**NEW, **changes})
    assert status == 422
    assert any(error["field"].startswith(field) for error in problem["errors"]), problem["errors"]


@pytest.mark.parametrize("given", ["x", ID.upper(), ID + "0", "a%20b", "5c8d1d0e%0A"])
def test_an_id_that_is_none(api: Api, given: str) -> None:
    for method, body in (("GET", None), ("PUT", NEW)):
        status, _, problem = api.refused(method, f"/v1/workers/{given}", body)
        assert (status, problem["errors"][0]["field"]) == (422, "worker_id")


def test_what_happens_to_workers_is_an_event(make_api: Callable[..., Api], api: Api) -> None:
    join(api)
    api.ok("POST", f"{HERE}:drain", {"reason": "new driver"})
    told = api.run(api.app.state.served.services.store.read(lambda tx: tx.events.list(0, None, 10)))
    assert [(one.type, one.study, one.worker, one.data) for one in told] == [
        ("worker.online", None, ID, {"name": "node-3"}),
        ("worker.draining", None, ID, {"name": "node-3", "reason": "new driver", "running": "finish"}),
    ]


NUL = "a\0b"


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "", {**NEW, "agent_version": NUL}, "agent_version"),
        ("PUT", "", {**NEW, "python_version": NUL}, "python_version"),
        ("PUT", "", {**NEW, "gpus": [{"uuid": NUL}]}, "gpus[0].uuid"),
        ("PUT", "", {**NEW, "gpus": [{"uuid": "1", "model": NUL}]}, "gpus[0].model"),
        (
            "POST",
            ":heartbeat",
            {"instance": FIRST, "leases": [{"study": NUL, "trial": 0, "attempt": 1, "token": 1}]},
            "leases[0].study",
        ),
        (
            "POST",
            ":heartbeat",
            {"instance": FIRST, "leases": [{"study": "s", "trial": 0, "attempt": 1, "token": 1, "gpu": NUL}]},
            "leases[0].gpu",
        ),
        ("POST", ":heartbeat", {"instance": FIRST, "gpus": [{"uuid": NUL}]}, "gpus[0].uuid"),
        ("POST", ":acquire", {"instance": FIRST, "request_id": NUL}, "request_id"),
        (
            "POST",
            ":acquire",
            {"instance": FIRST, "request_id": "r", "selectors": {"studies": [NUL]}},
            "selectors.studies[0]",
        ),
        ("POST", ":drain", {"reason": NUL}, "reason"),
    ],
)
def test_text_that_no_database_keeps_is_refused(api: Api, method: str, path: str, body: Any, field: str) -> None:
    join(api)
    status, _, problem = api.refused(method, HERE + path, body)
    assert (status, problem["errors"][0]["field"]) == (422, field)
