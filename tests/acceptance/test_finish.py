"""The honest end of a study as people have it: a real server that is killed on the way, a real worker, real files."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.cli import main
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import worker
from tests.patience import PATIENCE

STUDY = {
    "name": "d",
    "objectives": [{"metric": "val_loss"}],
    "space": {
        "learning_rate": {"type": "float", "low": 0.01, "high": 0.03, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.2},
    },
    "sampler": {"type": "random"},
    "scheduler": {"type": "none"},
    "budget": {"max_trials": 4},
    "retry": {"backoff": 0.1},
    "trainer": {"name": "digits-mlp", "settings": {"epochs": 3, "hidden": 16}},
}


class People:
    """Whoever looks after the study."""

    def __init__(self, server: ServerProcess, captured: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self._captured = captured

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the server answers."""
        async with httpx2.AsyncClient(base_url=self.server.address, timeout=PATIENCE, verify=False) as client:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

    async def until(self, path: str, true: Callable[[Any], bool]) -> Any:
        """Look until something is true of what an address answers."""
        async with asyncio.timeout(PATIENCE):
            while not true(found := await self.call("GET", path)):
                await asyncio.sleep(0.05)
            return found

    async def type(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command: its exit code, and what it wrote."""
        code = await asyncio.to_thread(main, ["--server", self.server.address, *arguments])
        captured = self._captured.readouterr()
        return code, captured.out, captured.err


def test_a_study_is_finished_though_the_server_is_killed(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(server: ServerProcess) -> None:
        people = People(server, capsys)
        await people.call("POST", "/v1/studies", STUDY)
        async with worker(tmp_path, "--server", server.address, "--trainer", "digits-mlp", "--slots", "2"):
            searched = await people.until("/v1/studies/d", lambda study: study["state"] == "completed")
            code, out, _ = await people.type("study", "finish", "d", "--top", "2", "--seeds", "2")
            assert (code, "confirming" in out) == (0, True)
            await people.until("/v1/studies/d/finish", lambda found: found["done"] >= 1)
            server.kill()
            server.start()
            found = await people.until("/v1/studies/d/finish", lambda one: one["ended_at"] is not None)
            await _finished(people, searched, found, tmp_path / "model")
            await _reproduced(people, found["winner"])

    with ServerProcess(sqlite_url, tmp_path, lease_ttl_seconds="5") as server:
        asyncio.run(run(server))


async def _finished(people: People, searched: Any, found: Any, folder: Path) -> None:
    assert (found["state"], found["reason"], found["done"], found["of"]) == ("finished", None, 5, 5), found
    assert {one["trial"] for one in found["candidates"]} >= {searched["best"]["number"], found["winner"]}
    seeds = {run["seed"] for one in found["candidates"] for run in one["runs"]}
    assert seeds == set(found["seeds"])
    ((metrics, again),) = [(one["metrics"], one["again"]) for one in found["tests"]]
    assert metrics["test_accuracy"] > 0.7
    assert again is None
    log = (await people.call("GET", "/v1/audit"))["entries"]
    assert [one["operation"] for one in log if one["operation"] in {"finish_study", "evaluate_test"}] == [
        "evaluate_test",
        "finish_study",
    ]
    after = await people.call("GET", "/v1/studies/d")
    assert (after["trials"], after["best"], after["state"]) == (searched["trials"], searched["best"], "completed")
    code, out, _ = await people.type("study", "finish", "d")
    assert (code, "test_accuracy" in out) == (0, True)
    _, _, err = await people.type("study", "artifact", "d", "-o", str(folder))
    assert "MODEL_CARD.md" in err
    assert {"model.safetensors", "config.json", "scaling.safetensors", "MODEL_CARD.md"} <= {
        one.name for one in folder.iterdir()
    }
    config = json.loads((folder / "config.json").read_text())
    assert config["test"] == pytest.approx(metrics)
    assert config["data"]["fingerprint"] in (folder / "MODEL_CARD.md").read_text()
    code, _, err = await people.type("study", "finish", "d", "--top", "1")
    assert (code, "too late" in err) == (0, True)


async def _reproduced(people: People, number: int) -> None:
    code, out, _ = await people.type("trial", "reproduce", "d", str(number), "--wait")
    assert (code, "Equal to the last bit at all 3 steps." in out) == (0, True), out
