"""A worker on a GPU, from a real server's leases to their ends: what computes, what is released, what people see."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import WorkerProcess, worker
from tests.gpu.driver import Driver, computing

pytestmark = pytest.mark.timeout(180)
TRIALS = 8
SLACK = 32 << 20
"""The driver's own books move by a little; the smallest CUDA process has ten times as much."""
STUDY: dict[str, Any] = {
    "name": "on-a-gpu",
    "objectives": [{"metric": "val_loss"}],
    "space": {"learning_rate": {"type": "float", "low": 1e-3, "high": 1e-2, "log": True}},
    "trainer": {"name": "digits-mlp", "settings": {"epochs": 10}},
    "requires": {"gpus": 1},
    "sampler": "random",
    "scheduler": "none",
    "budget": {"max_trials": TRIALS},
}


@dataclass(frozen=True)
class Moment:
    """Which processes there are at a moment, which of them compute, and the memory that is used then."""

    alive: frozenset[int]
    computing: frozenset[int]
    listed: frozenset[int]
    used: int


class Watched:
    """A worker's processes, looked at again and again while it runs."""

    def __init__(self, process: WorkerProcess, driver: Driver, server: httpx2.Client) -> None:
        self._process = process
        self._driver = driver
        self._server = server
        self.zygotes: set[int] = set()
        self.moments: list[Moment] = []
        self.told: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Look until the worker ends."""
        while True:
            try:
                self._look()
            except psutil.Error:
                return
            # To ask the driver more often holds up what computes.
            await asyncio.sleep(0.05)

    def _look(self) -> None:
        agent = psutil.Process(self._process.pid)
        self.zygotes |= {one.pid for one in agent.children()}
        # One that ends closes what it has opened before its memory is free: it is there until both are done.
        alive = self._pids(agent)
        before = computing(alive)
        used, listed = self._driver.used, frozenset(self._driver.processes())
        after = computing(self._pids(agent))
        self.moments.append(Moment(frozenset(alive), frozenset(before | after), listed, used))
        if len(self.moments) % 5 == 0:
            for found in self._server.get("/v1/workers").raise_for_status().json()["workers"]:
                self.told += found["gpus"]

    def _pids(self, agent: psutil.Process) -> set[int]:
        return {one.pid for one in agent.children(recursive=True)}


def test_a_study_on_a_gpu_leaves_nothing_there_between_its_trials(driver: Driver, tmp_path: Path) -> None:
    async def run(server: ServerProcess, client: httpx2.Client) -> Watched:
        given = ["--server", server.address, "--trainer", "digits-mlp", "--max-trials", f"{TRIALS}"]
        async with worker(tmp_path, *given, gpus=driver.uuid) as process:
            watched = Watched(process, driver, client)
            looking = asyncio.ensure_future(watched.run())
            try:
                assert await process.ended(150) == 0, process.said
            finally:
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking
            return watched

    url = f"sqlite:///{tmp_path}/basin.db"
    with (
        ServerProcess(url, tmp_path, lease_ttl_seconds="2") as server,
        httpx2.Client(base_url=server.address, timeout=30) as client,
    ):
        client.post("/v1/studies", json=STUDY).raise_for_status()
        before = driver.used
        watched = asyncio.run(run(server, client))
        assert abs(driver.used - before) < SLACK
        _released_between(watched, before)
        _all_trained(client, driver)
        _told(client, watched, driver)


def _released_between(watched: Watched, before: int) -> None:
    computed = {pid for moment in watched.moments for pid in moment.computing}
    assert len(computed) == TRIALS, "each trial is a process of its own"
    assert not watched.zygotes & computed, "what they are forked from never touches CUDA"
    assert not watched.zygotes & {pid for moment in watched.moments for pid in moment.listed}
    seen: set[int] = set()
    released: dict[int, int] = {}
    for moment in watched.moments:
        if not moment.computing and not moment.alive & seen:
            # After so many trials, none of which is there any more, and before the next has begun to compute.
            released[len(seen)] = max(moment.used - before, released.get(len(seen), 0))
        seen |= moment.computing
    assert len(released.keys() & set(range(1, TRIALS))) >= TRIALS // 2, "it was looked at between trials"
    assert max(released.values()) < SLACK, released
    assert max(moment.used for moment in watched.moments) - before > 10 * SLACK, "while they trained it was in use"


def _all_trained(client: httpx2.Client, driver: Driver) -> None:
    trials = client.get(f"/v1/studies/{STUDY['name']}/trials").raise_for_status().json()["trials"]
    assert [one["state"] for one in trials] == ["completed"] * TRIALS
    for trial in trials:
        path = f"/v1/studies/{STUDY['name']}/trials/{trial['number']}"
        (attempt,) = client.get(f"{path}/attempts").raise_for_status().json()["attempts"]
        assert attempt["gpu"] == driver.uuid
        points = client.get(f"{path}/reports").raise_for_status().json()["points"]
        assert 0 < points[-1]["cost"] <= attempt["gpu_seconds"] < 60, "GPU seconds"


def _told(client: httpx2.Client, watched: Watched, driver: Driver) -> None:
    """The server knows of the GPU what the driver says, and shows it."""
    for one in watched.told:
        assert (one["uuid"], one["model"], one["memory_bytes"]) == (driver.uuid, driver.name, driver.total)
    used = [one["memory_used_bytes"] for one in watched.told if one.get("memory_used_bytes") is not None]
    assert used, "no heartbeat has told how the GPU fares"
    assert all(0 < one <= driver.total for one in used)
    assert any(one.get("utilisation") is not None and one.get("temperature") is not None for one in watched.told)
    page = client.get("/workers").raise_for_status().text
    assert driver.name in page
