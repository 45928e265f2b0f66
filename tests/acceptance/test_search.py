"""A study from its first question to its end, by real servers and many clients: no trial too many, none lost."""

import math
import random
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.7},
    "batch": {"type": "ordinal", "values": [16, 32, 64, 128]},
}
STEPS = 6


def loss(params: dict[str, Any], step: int) -> float:
    """What a training would report: best at lr 1e-3, dropout 0.2, and falling."""
    distance = (math.log10(params["lr"]) + 3) ** 2 + (params["dropout"] - 0.2) ** 2
    return (0.1 + distance) * (1 + 2 / step)


class Client:
    """Somebody who runs trials, and asks another server when one does not answer. Every write may be sent twice."""

    def __init__(self, servers: Sequence[ServerProcess], study: str, seed: int) -> None:
        self._http = httpx2.Client(timeout=PATIENCE, verify=False)
        self._addresses = [f"{server.address}/v1/studies/{study}" for server in servers]
        self._choice = random.Random(seed)
        self.finished: list[int] = []
        self.stopped = 0

    def run(self, until: float) -> None:
        """Run trials until the study hands out no more."""
        with self._http:
            while time.monotonic() < until:
                asked = {"worker": "test", "wait_seconds": 2, "request_id": uuid.uuid4().hex}
                status, answer = self._post(":ask", asked)
                if status == 409:
                    assert answer["code"] == "wrong_state", answer
                    return
                assert status == 200, answer
                for lease in answer["leases"]:
                    self._train(lease)

    def _train(self, lease: dict[str, Any]) -> None:
        attempt = f"/trials/{lease['trial']}/attempts/{lease['attempt']}"
        outcome = "completed"
        for step in range(1, STEPS + 1):
            point = {"step": step, "metrics": {"loss": loss(lease["params"], step)}}
            status, told = self._post(
                f"{attempt}:report", {"token": lease["token"], "first_seq": step, "points": [point]}
            )
            if status == 409:
                return  # the lease ran out while nobody answered: somebody else has the trial
            assert status == 200, told
            if told["directive"]["type"] == "stop":
                outcome, self.stopped = "pruned", self.stopped + 1
                break
        status, told = self._post(f"{attempt}:complete", {"token": lease["token"], "outcome": outcome})
        assert status in {200, 409}, told
        if status == 200:
            self.finished.append(lease["trial"])

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        for _ in range(200):
            address = self._choice.choice(self._addresses)
            try:
                answer = self._http.post(address + path, json=body)
            except httpx2.TransportError:
                time.sleep(0.02)  # what any client does between two tries
                continue
            if answer.status_code != 503:
                return answer.status_code, answer.json()
        raise AssertionError("no server answers any more")


def create(server: ServerProcess, name: str, **fields: Any) -> None:
    given = {"name": name, "objectives": [{"metric": "loss"}], "space": SPACE, "seed": 1, **fields}
    answer = httpx2.post(f"{server.address}/v1/studies", json=given, timeout=PATIENCE)
    assert answer.status_code == 201, answer.text


def read(server: ServerProcess, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = (
        httpx2.get(f"{server.address}/v1/studies/{path}", timeout=PATIENCE).raise_for_status().json()
    )
    return answer


def trials(server: ServerProcess, study: str) -> list[dict[str, Any]]:
    page = read(server, f"{study}/trials?page_size=1000")
    assert page["next_page_token"] is None
    found: list[dict[str, Any]] = page["trials"]
    return found


def run_all(clients: Sequence[Client], seconds: float) -> None:
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(client.run, until) for client in clients]:
            done.result()


@pytest.mark.parametrize("scheduler", ["none", "median"])
def test_a_study_is_searched_to_its_end(database_url: str, tmp_path: Path, scheduler: str) -> None:
    with ServerProcess(database_url, tmp_path, log_level="warning") as server:
        create(server, "s", scheduler=scheduler, sampler="tpe", budget={"max_trials": 40, "max_running": 6})
        clients = [Client([server], "s", seed) for seed in range(8)]
        run_all(clients, PATIENCE)
        study, found = read(server, "s"), trials(server, "s")
        assert study["state"] == "completed"
        assert [trial["number"] for trial in found] == list(range(40))
        assert {trial["state"] for trial in found} <= {"completed", "pruned"}
        assert sorted(number for client in clients for number in client.finished) == list(range(40))
        stopped = sum(client.stopped for client in clients)
        assert study["trials"]["pruned"] == stopped
        assert (stopped > 0) == (scheduler == "median")
        assert all(trial["suggestion"]["sampler"]["type"] == "tpe" for trial in found)
        for trial in found:
            decisions = read(server, f"s/trials/{trial['number']}/decisions")["decisions"]
            stops = [decision for decision in decisions if decision["act"] == "stop"]
            assert len(stops) == (trial["state"] == "pruned")
            assert all(decision["value"] > decision["cut"] and decision["reason"] for decision in stops)
        # Random points are 1.6 away from the best on average: whoever learns ends far nearer.
        assert study["best"]["values"]["loss"] < 0.5
        assert server.stop() == 0


def test_a_replica_that_is_killed_costs_nothing(postgres_url: str, tmp_path: Path, rng: random.Random) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    budget = {"max_trials": 60}
    with (
        ServerProcess(postgres_url, folders[0], log_level="warning", lease_ttl_seconds="3") as first,
        ServerProcess(postgres_url, folders[1], log_level="warning", lease_ttl_seconds="3") as second,
    ):
        create(first, "s", scheduler="none", sampler="tpe", budget=budget, retry={"max_attempts": 10})
        clients = [Client([first, second], "s", rng.randrange(2**32)) for _ in range(16)]
        killer = threading.Thread(target=_kill_half_way, args=(first, second))
        killer.start()
        run_all(clients, PATIENCE)
        killer.join()
        study, found = read(second, "s"), trials(second, "s")
        assert study["state"] == "completed"
        assert [trial["number"] for trial in found] == list(range(60))
        assert {trial["state"] for trial in found} == {"completed"}
        for trial in found:
            points = read(second, f"s/trials/{trial['number']}/reports")["points"]
            steps = [point["step"] for point in points if not point["superseded"]]
            assert steps == list(range(1, STEPS + 1)), f"trial {trial['number']} has {steps}"


def test_a_server_that_starts_has_the_process_ready_that_its_studies_need(sqlite_url: str, tmp_path: Path) -> None:
    with ServerProcess(sqlite_url, tmp_path, log_level="warning") as server:
        create(server, "s", sampler="tpe", scheduler="none")
        assert server.stop() == 0
        server.start()
        deadline = time.monotonic() + PATIENCE
        while not psutil.Process(server.pid).children():
            assert time.monotonic() < deadline, "nobody has asked yet, and whoever does would have to wait"
            time.sleep(0.05)


def test_a_server_that_starts_has_the_next_trial_of_a_large_study_ready(sqlite_url: str, tmp_path: Path) -> None:
    past = {"params": {"lr": 0.1, "dropout": 0.1, "batch": 16}, "state": "completed", "values": {"loss": 1.0}}
    with ServerProcess(sqlite_url, tmp_path, log_level="warning") as server:
        for name, count in (("large", 1_000), ("small", 200)):
            create(server, name, sampler="random", scheduler="none")
            for _ in range(count // 200):
                add = f"{server.address}/v1/studies/{name}/trials:batch"
                httpx2.post(add, json={"trials": [past] * 200}, timeout=PATIENCE).raise_for_status()
        assert server.stop() == 0
        server.start()
        deadline = time.monotonic() + PATIENCE
        while read(server, "large")["trials"]["queued"] != 1:
            assert time.monotonic() < deadline, "nobody has asked yet, and whoever does would have to wait"
            time.sleep(0.05)
        assert read(server, "small")["trials"]["queued"] == 0


def _kill_half_way(victim: ServerProcess, witness: ServerProcess) -> None:
    while sum(1 for trial in trials(witness, "s") if trial["state"] == "completed") < 20:
        time.sleep(0.05)
    victim.kill()
