"""Nothing that was acknowledged is lost: the server is killed again and again while clients write."""

import asyncio
import os
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.wire.study import DEFINITION_EXAMPLE
from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

# Each of them is a start of the server, which takes seconds: more of them by hand.
KILLS = int(os.environ.get("BASIN_TEST_KILLS", "10"))
REPORTERS = 12
ENQUEUERS = 4
PARAMS = {"learning_rate": 0.001, "dropout": 0.2, "batch_size": 32, "optimizer": "adamw"}
STUDY = "/v1/studies/killed"


@dataclass
class Written:
    """What the server has acknowledged."""

    leases: list[dict[str, Any]] = field(default_factory=list)
    steps: dict[int, int] = field(default_factory=dict)
    enqueued: set[int] = field(default_factory=set)
    answers: int = 0


@pytest.mark.timeout(600)
def test_no_acknowledged_write_is_lost_when_the_server_is_killed(
    database_url: str, tmp_path: Path, rng: random.Random
) -> None:
    server = ServerProcess(database_url, tmp_path, lease_ttl_seconds="36000", log_level="warning")
    written = Written()
    with server:
        asyncio.run(_prepare(server, written))
        for _ in range(KILLS):
            asyncio.run(_write_until_killed(server, written, rng.randint(11, 90)))
            server.start()
            asyncio.run(_everything_is_there(server, written))
        assert server.stop() == 0
    _opens_clean(database_url)


async def _prepare(server: ServerProcess, written: Written) -> None:
    async with httpx2.AsyncClient(base_url=server.address, verify=False) as client:
        definition = {**DEFINITION_EXAMPLE, "name": "killed", "budget": {}}
        (await client.post("/v1/studies", json=definition)).raise_for_status()
        for _ in range(REPORTERS):
            (await client.post(f"{STUDY}/trials", json={"params": PARAMS})).raise_for_status()
        answer = await client.post(f"{STUDY}:ask", json={"worker": "test", "max_trials": REPORTERS})
        written.leases = answer.raise_for_status().json()["leases"]
    assert len(written.leases) == REPORTERS


async def _write_until_killed(server: ServerProcess, written: Written, answers: int) -> None:
    """Let them write, and kill the server in the middle of it: once it has given so many answers."""
    async with httpx2.AsyncClient(base_url=server.address, timeout=10, verify=False) as client:
        tasks = [asyncio.create_task(_report(client, lease, written)) for lease in written.leases]
        tasks += [asyncio.create_task(_enqueue(client, written)) for _ in range(ENQUEUERS)]
        enough = written.answers + answers
        async with asyncio.timeout(PATIENCE):
            while written.answers < enough and not any(task.done() for task in tasks):
                await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, httpx2.TransportError), outcome


async def _report(client: httpx2.AsyncClient, lease: dict[str, Any], written: Written) -> None:
    number = lease["trial"]
    path = f"{STUDY}/trials/{number}/attempts/{lease['attempt']}:report"
    while True:
        seq = written.steps.get(number, 0) + 1
        body = {"token": lease["token"], "first_seq": seq, "points": [{"step": seq, "metrics": {"val_loss": 1 / seq}}]}
        answer = (await client.post(path, json=body)).raise_for_status().json()
        written.steps[number] = answer["acked_seq"]
        written.answers += 1


async def _enqueue(client: httpx2.AsyncClient, written: Written) -> None:
    while True:
        answer = await client.post(f"{STUDY}/trials", json={"params": PARAMS})
        written.enqueued.add(answer.raise_for_status().json()["number"])
        written.answers += 1


async def _everything_is_there(server: ServerProcess, written: Written) -> None:
    async with httpx2.AsyncClient(base_url=server.address, timeout=PATIENCE, verify=False) as client:
        for number, acknowledged in written.steps.items():
            steps = [point["step"] for point in await _points(client, number)]
            assert steps == list(range(1, len(steps) + 1)), f"trial {number} has a gap or a point twice"
            assert len(steps) >= acknowledged, f"trial {number}: {acknowledged} points acknowledged, {len(steps)} there"
        study = (await client.get(STUDY)).raise_for_status().json()
        assert study["trials"]["queued"] >= len(written.enqueued)
        if written.enqueued:
            newest = max(written.enqueued)
            (await client.get(f"{STUDY}/trials/{newest}")).raise_for_status()


async def _points(client: httpx2.AsyncClient, number: int) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = await client.get(f"{STUDY}/trials/{number}/reports", params={"page_size": "1000", **token})
        page = answer.raise_for_status().json()
        points += page["points"]
        if page.get("next_page_token") is None:
            return points
        token = {"page_token": page["next_page_token"]}


def _opens_clean(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
