"""The commands for workers, logs and checkpoints."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.service.cli.conftest import Clock, Run
from tests.unit.service.cli.fake_server import AT, FakeServer, problem

ONE, TWO = "5c8d1d0e-7d0f-4b9a-9a55-0c1f2f3a4b5c", "5cffffff-7d0f-4b9a-9a55-0c1f2f3a4b5c"
DATA = b"state" * 1000


def worker(number: str = ONE, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "node-3",
        "state": "online",
        "reason": None,
        "agent_version": "0.1.0",
        "python_version": "3.11.7",
        "labels": {"zone": "a"},
        "gpus": [],
        "slots": 4,
        "trainers": ["cnn", "lstm"],
        "held": [],
        "clock_skew_seconds": None,
        "first_seen_at": AT,
        "last_seen_at": "2026-01-02T03:07:00Z",
        **fields,
    }


def listed(*workers: Mapping[str, Any]) -> httpx2.Response:
    return httpx2.Response(200, json={"workers": list(workers)})


GPU = {"uuid": "GPU-1", "model": "NVIDIA H100", "memory_bytes": 85 * 10**9}


def test_workers_are_listed(run: Run, server: FakeServer) -> None:
    busy = [{**GPU, "utilisation": 0.9}, {**GPU, "uuid": "GPU-2", "utilisation": 0.5}]
    held = [{"study": "s", "trial": 1, "attempt": 1, "gpu": "GPU-1"}]
    rows = worker(gpus=busy, held=held), worker(TWO, name="n", state="offline", last_seen_at=AT)
    for arguments in (("workers",), ("workers", "list")):
        server.plan(listed(*rows))
        assert run(*arguments).out.splitlines() == [
            "WORKER  STATE    HELD  SLOTS  GPUS                    TRAINERS   SEEN       ID",
            "node-3  online      1      4  2 x NVIDIA H100 at 70%  cnn, lstm  just now   5c8d1d0e",
            "n       offline     0      4  -                       cnn, lstm  3 min ago  5cffffff",
        ]
    server.plan(listed(*rows))
    assert [one["id"] for one in json.loads(run("workers", "-o", "json").out)] == [ONE, TWO]


def test_where_there_are_none_it_says_how_to_start_one(run: Run, server: FakeServer) -> None:
    server.plan(listed())
    ran = run("workers")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "No workers yet. Start one on a GPU node: basin worker --server URL --trainer NAME\n"


def test_a_worker_is_shown(run: Run, server: FakeServer) -> None:
    gpu = {**GPU, "utilisation": 0.93, "memory_used_bytes": 31 * 10**9, "temperature": 61.2}
    held = [{"study": "digits", "trial": 17, "attempt": 2, "gpu": "GPU-1"}]
    server.plan(
        listed(
            worker(gpus=[gpu], held=held, state="draining", reason="new driver", clock_skew_seconds=-7.5),
            worker(TWO, name="n"),
        )
    )
    out = run("workers", "show", "node-3").out
    assert out.splitlines()[0] == "node-3  draining"
    for line in ("why", "new driver", "7.5 s behind the server's: set it right", "zone=a", "1 of 4"):
        assert line in out
    assert "GPU-1  NVIDIA H100   93%  31.0 GB of 85.0 GB  61 °C" in out
    assert "digits     17        2  GPU-1" in out


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ("5c8d", 0, ""),
        (ONE.upper(), 0, ""),
        ("5c", 3, "there are 2 workers like '5c'"),
        ("x", 3, "there is no worker 'x'"),
    ],
)
def test_a_worker_is_named_by_what_is_known_of_it(
    run: Run, server: FakeServer, given: str, code: int, told: str
) -> None:
    server.plan(listed(worker(), worker(TWO, name="n")))
    ran = run("workers", "show", given)
    assert ran.code == code
    assert told in ran.err


def test_draining(run: Run, server: FakeServer) -> None:
    held = [{"study": "s", "trial": 1, "attempt": 1, "gpu": None}]
    server.plan(listed(worker()), httpx2.Response(200, json=worker(state="draining", held=held)))
    assert run("workers", "drain", "node-3").err == "node-3 takes no more trials; 1 still run there.\n"
    server.plan(listed(worker()), httpx2.Response(200, json=worker(state="draining")))
    ran = run("workers", "drain", "node-3", "--preempt", "--reason", "new driver")
    assert ran.err == "node-3 takes no more trials; nothing runs there.\n"
    assert server.bodies == [{"running": "finish", "reason": ""}, {"running": "preempt", "reason": "new driver"}]
    assert server.requests[1].url.path == f"/v1/workers/{ONE}:drain"


def test_undraining_and_forgetting(run: Run, server: FakeServer) -> None:
    server.plan(listed(worker()), httpx2.Response(200, json=worker()))
    assert run("workers", "undrain", "node-3").err == "node-3 takes trials again.\n"
    server.plan(listed(worker()), httpx2.Response(204))
    assert run("workers", "forget", "node-3").err == "Forgot node-3.\n"
    assert [(one.method, one.url.path) for one in server.requests[1::2]] == [
        ("POST", f"/v1/workers/{ONE}:undrain"),
        ("DELETE", f"/v1/workers/{ONE}"),
    ]
    server.plan(listed(worker()), problem(409, "wrong_state", "worker 'node-3' holds 1 trial(s)"))
    assert run("workers", "forget", "node-3").code == 5


# --- logs


def log(data: bytes, after: int, attempt: int = 2) -> httpx2.Response:
    return httpx2.Response(200, content=data, headers={"x-next-offset": str(after), "x-attempt": str(attempt)})


@pytest.fixture
def study(server: FakeServer) -> str:
    server.add("a")
    server.add_trial("a", params={"x": 0.5}, state="running", attempts=2)
    return "a"


def test_a_log_is_shown_part_by_part_of_one_attempt(run: Run, server: FakeServer, study: str) -> None:
    server.plan(log(b"one\n", 4), log("é\xff".encode("latin-1"), 6), log(b"", 6))
    ran = run("trial", "logs", study, "0")
    assert (ran.code, ran.out) == (0, "one\n\ufffd\ufffd")
    asked = [(one.url.path, one.url.params["offset"]) for one in server.requests]
    assert asked == [
        ("/v1/studies/a/trials/0/logs", "0"),
        ("/v1/studies/a/trials/0/attempts/2/logs", "4"),
        ("/v1/studies/a/trials/0/attempts/2/logs", "6"),
    ]


def test_an_empty_log_is_told(run: Run, server: FakeServer, study: str) -> None:
    server.plan(log(b"", 0))
    assert run("trial", "logs", study, "0", "--attempt", "1").err == "Nothing was written.\n"
    assert server.requests[0].url.path == "/v1/studies/a/trials/0/attempts/1/logs"


def test_following_ends_with_the_trial(run: Run, server: FakeServer, study: str, clock: Clock) -> None:
    running = httpx2.Response(200, json={"state": "running"})
    done = httpx2.Response(200, json={"state": "completed"})
    server.plan(running, log(b"one\n", 4), log(b"", 4), done, log(b"two\n", 8), log(b"", 8))
    assert run("trial", "logs", study, "0", "--follow").out == "one\ntwo\n"
    assert clock.naps == [1.0]


def test_what_would_steer_a_terminal_is_shown_as_signs(run: Run, server: FakeServer, study: str) -> None:
    server.plan(log(b"a\x1b[2Jb\n", 7), log(b"", 7))
    assert "\x1b[2J" not in run("trial", "logs", study, "0", terminal=80).out
    server.plan(log(b"a\x1b[2Jb\n", 7), log(b"", 7))
    assert run("trial", "logs", study, "0").out == "a\x1b[2Jb\n"


# --- checkpoints


def checkpoint(step: int, **fields: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(DATA).hexdigest()
    kept = {"uri": "/v1/x", "sha256": sha256, "size": len(DATA), "committed_at": AT, "stored": True}
    return {"attempt": 2, "step": step, **kept, **fields}


def saved(*checkpoints: Mapping[str, Any]) -> httpx2.Response:
    return httpx2.Response(200, json={"checkpoints": list(checkpoints)})


def test_checkpoints_are_listed(run: Run, server: FakeServer, study: str) -> None:
    server.plan(saved(checkpoint(20), checkpoint(10, attempt=1, stored=False, uri="s3://b/10", size=10)))
    assert run("trial", "checkpoints", study, "0").out.splitlines() == [
        "ATTEMPT  STEP    SIZE  SAVED      WHERE",
        "      2    20  5.0 kB  3 min ago  on the server",
        "      1    10    10 B  3 min ago  s3://b/10",
    ]
    server.plan(saved())
    assert run("trial", "checkpoints", study, "0").err == "There is no checkpoint.\n"


def test_one_is_downloaded(run: Run, server: FakeServer, study: str, tmp_path: Path) -> None:
    file = tmp_path / "x.ckpt"
    server.plan(saved(checkpoint(20), checkpoint(10)), httpx2.Response(200, content=DATA))
    ran = run("trial", "checkpoints", study, "0", "--step", "10", "--download", str(file))
    assert (ran.code, file.read_bytes()) == (0, DATA)
    assert ran.err == f"Wrote 5.0 kB of step 10 to {file}.\n"
    assert server.requests[1].url.path == "/v1/studies/a/trials/0/attempts/2/checkpoints/10"


def test_other_bytes_are_not_kept(run: Run, server: FakeServer, study: str, tmp_path: Path) -> None:
    file = tmp_path / "x.ckpt"
    file.write_bytes(b"before")
    server.plan(saved(checkpoint(20)), httpx2.Response(200, content=b"other"))
    ran = run("trial", "checkpoints", study, "0", "--download", str(file))
    assert (ran.code, file.read_bytes(), len(list(tmp_path.iterdir()))) == (1, b"before", 1)
    assert "not those that were saved" in ran.err


@pytest.mark.parametrize(
    ("found", "told"),
    [([], "there is no checkpoint"), ([checkpoint(1, stored=False, uri="s3://b/1")], "it is kept at s3://b/1")],
)
def test_where_the_server_has_no_bytes(
    run: Run, server: FakeServer, study: str, found: Any, told: str, tmp_path: Path
) -> None:
    server.plan(saved(*found))
    ran = run("trial", "checkpoints", study, "0", "--download", str(tmp_path / "x"))
    assert ran.code == 3
    assert told in ran.err
    assert list(tmp_path.iterdir()) == []


def test_events_of_workers_are_shown(run: Run, server: FakeServer) -> None:
    from service.cli import events

    data = {"name": "node-3", "reason": "new driver"}
    event = {"type": "worker.draining", "study": None, "worker": ONE, "data": data}
    assert events._whom(event) == "node-3"
    assert "".join(str(part) for part in events._what(event)) == "draining: new driver"
