"""Workers against a real server: what is lost comes back by itself, what breaks off leaves nothing, people can look."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

IDS = ["5c8d1d0e-7d0f-4b9a-9a55-0c1f2f3a4b5c", "6c8d1d0e-7d0f-4b9a-9a55-0c1f2f3a4b5c"]
INSTANCE = "0f" * 16
STUDY = {
    "name": "s",
    "objectives": [{"metric": "loss"}],
    "space": {"lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True}},
    "budget": {"max_trials": 1},
    "retry": {"backoff": 0.5},
}
ATTEMPT = "/v1/studies/s/trials/0/attempts/1"
BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture
def server(sqlite_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(sqlite_url, tmp_path, lease_ttl_seconds="2") as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.address, timeout=PATIENCE, verify=False) as made:
        yield made


def ok(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def join(client: httpx2.Client, number: int = 0) -> None:
    new = {"instance": INSTANCE, "name": f"node-{number}", "protocol": 1, "agent_version": "1", "slots": 1}
    ok(client.put(f"/v1/workers/{IDS[number]}", json={**new, "trainers": ["cnn"]}))


def acquire(client: httpx2.Client, number: int = 0, wait: float = 20, request_id: str = "r") -> Any:
    body = {"instance": INSTANCE, "request_id": request_id, "wait_seconds": wait}
    return ok(client.post(f"/v1/workers/{IDS[number]}:acquire", json=body))["leases"]


def running(client: httpx2.Client) -> Any:
    """A trial of a worker that has reported its first step."""
    ok(client.post("/v1/studies", json=STUDY))
    join(client)
    (lease,) = acquire(client)
    report = {"token": 1, "first_seq": 1, "points": [{"step": 1, "metrics": {"loss": 0.5}}]}
    ok(client.post(f"{ATTEMPT}:report", json=report))
    return lease


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def artifacts(folder: Path) -> list[Path]:
    return [path for path in (folder / "artifacts").rglob("*") if path.is_file()]


def basin(server: ServerProcess, *arguments: str) -> str:
    environ = {**os.environ, "BASIN_SERVER": server.address}
    command = [sys.executable, "-m", "service.cli", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return done.stdout


def test_a_trial_whose_worker_is_silent_comes_back_and_calls_one_that_waits(client: httpx2.Client) -> None:
    running(client)
    join(client, 1)
    began = time.monotonic()
    (again,) = acquire(client, 1, wait=30)
    assert (again["trial"], again["attempt"]) == (0, 2)
    assert time.monotonic() - began < 25, "long before the wait was over"
    assert client.get(f"/v1/workers/{IDS[0]}").json()["state"] == "offline"
    assert client.post(f"{ATTEMPT}:report", json={"token": 1, "first_seq": 2, "points": []}).status_code == 422
    late = {"token": 1, "first_seq": 2, "points": [{"step": 2, "metrics": {"loss": 0.4}}]}
    assert client.post(f"{ATTEMPT}:report", json=late).json()["code"] == "stale_lease"


def test_a_checkpoint_of_many_megabytes_goes_in_and_comes_back(
    client: httpx2.Client, server: ServerProcess, tmp_path: Path
) -> None:
    """Many times what the server's memory grows by: it is not held there."""
    running(client)
    piece = os.urandom(1 << 20)
    count = 192
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(piece)
    before = _memory(server.pid)
    params: dict[str, str | int] = {"token": 1, "sha256": digest.hexdigest()}
    answer = client.put(f"{ATTEMPT}/checkpoints/1", content=(piece for _ in range(count)), headers=BYTES, params=params)
    assert ok(answer)["size"] == count << 20
    grown = _memory(server.pid) - before
    assert grown < 100 << 20
    (file,) = artifacts(tmp_path)
    assert file.stat().st_size == count << 20
    target = tmp_path / "got.ckpt"
    basin(server, "trial", "checkpoints", "s", "0", "--download", str(target))
    assert hashlib.sha256(target.read_bytes()).hexdigest() == digest.hexdigest()


def _memory(pid: int) -> int:
    """The largest resident size that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.parametrize("ended", ["the client goes away", "the server is killed"])
def test_an_upload_that_breaks_off_leaves_nothing_that_counts(
    client: httpx2.Client, server: ServerProcess, tmp_path: Path, ended: str
) -> None:
    running(client)
    head = (
        f"PUT {ATTEMPT}/checkpoints/1?token=1&sha256={'0' * 64} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {100 << 20}\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", server.port))) as sock:
        sock.sendall(head.encode() + b"x" * (4 << 20))
        until(lambda: any(path.stat().st_size for path in artifacts(tmp_path)))
        if ended == "the server is killed":
            server.kill()
    if ended == "the server is killed":
        server.start()
        assert [path.name.startswith(".draft-") for path in artifacts(tmp_path)] == [True], "swept some hours later"
    else:
        until(lambda: not artifacts(tmp_path))
    assert client.get("/v1/studies/s/trials/0/checkpoints").json() == {"checkpoints": []}


def test_a_deleted_study_takes_its_bytes_along_at_the_next_start(
    client: httpx2.Client, server: ServerProcess, tmp_path: Path
) -> None:
    running(client)
    params: dict[str, str | int] = {"token": 1, "sha256": hashlib.sha256(b"state").hexdigest()}
    ok(client.put(f"{ATTEMPT}/checkpoints/1", content=b"state", headers=BYTES, params=params))
    assert len(artifacts(tmp_path)) == 1
    assert client.delete("/v1/studies/s", params={"force": True}).status_code == 204
    server.stop()
    server.start()
    until(lambda: not artifacts(tmp_path))


def test_people_look_at_workers_and_drain_them(client: httpx2.Client, server: ServerProcess) -> None:
    running(client)
    log = {"offset": 0, "token": 1}
    ok(client.post(f"{ATTEMPT}/logs", content=b"epoch 1\n", headers=BYTES, params=log))
    assert "node-0" in basin(server, "workers")
    assert basin(server, "trial", "logs", "s", "0") == "epoch 1\n"
    basin(server, "workers", "drain", "node-0", "--reason", "new driver")
    assert "new driver" in basin(server, "workers", "show", "node-0")
    assert "draining: new driver" in basin(server, "events", "--last", "100")
    basin(server, "workers", "undrain", "node-0")
    ok(client.post(f"/v1/workers/{IDS[0]}:heartbeat", json={"instance": INSTANCE, "leaving": True}))
    basin(server, "workers", "forget", "node-0")
    assert basin(server, "workers", "list", "-o", "json").strip() == "[]"


def test_workers_whose_server_was_killed_go_on(client: httpx2.Client, server: ServerProcess) -> None:
    lease = running(client)
    server.kill()
    server.start()
    held = {name: lease[name] for name in ("study", "trial", "attempt", "token")}
    beat = {"instance": INSTANCE, "leases": [held]}
    answer = ok(client.post(f"/v1/workers/{IDS[0]}:heartbeat", json=beat))
    assert answer["leases"][0]["state"] == "renewed"
    assert acquire(client) == [lease], "the same request gets the same lease"
