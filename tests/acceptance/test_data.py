"""Studies over the user's own tables, with real processes: data that change, and data that are wrong."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import worker
from tests.patience import PATIENCE

ROWS = [f"{number / 7:.3f},{number % 5},{'yes' if number % 3 else 'no'}" for number in range(60)]


def study(name: str, table: Path, **fields: Any) -> dict[str, Any]:
    settings = {"data": "csv", "path": str(table), "target": "left", "epochs": 1, "batch_size": 16}
    return {
        "name": name,
        "objectives": [{"metric": "val_loss"}],
        "space": {"learning_rate": {"type": "float", "low": 1e-3, "high": 1e-2, "log": True}},
        "scheduler": "none",
        "sampler": "random",
        "budget": {"max_trials": 1},
        "trainer": {"name": "table-mlp", "settings": settings},
        **fields,
    }


def test_of_workers_with_two_kinds_of_data_that_begin_together_only_one_trains(tmp_path: Path) -> None:
    """Neither is told beforehand which data the study has: there is none yet."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder, rows in zip(folders, (ROWS, ROWS[:-1]), strict=True):
        folder.mkdir()
        (folder / "churn.csv").write_text("\n".join(["age,visits,left", *rows]))

    async def trained(server: ServerProcess) -> None:
        given = ["--server", server.address, "--trainer", "table-mlp", "--slots", "1", "--max-trials", "1"]
        homes = [{"HOME": str(folder)} for folder in folders]
        async with (
            worker(folders[0], *given, environ=homes[0]) as one,
            worker(folders[1], *given, environ=homes[1]) as two,
        ):
            assert [await one.ended(60), await two.ended(60)] == [0, 0], one.said + two.said

    with (
        ServerProcess(f"sqlite:///{tmp_path}/basin.db", tmp_path, log_level="warning") as server,
        httpx2.Client(base_url=f"{server.address}/v1", timeout=PATIENCE) as api,
    ):
        api.post("/studies", json=study("churn", Path("~/churn.csv"), budget={"max_trials": 2})).raise_for_status()
        asyncio.run(trained(server))
        trials = api.get("/studies/churn/trials").json()["trials"]
        assert sorted(one["state"] for one in trials) == ["completed", "failed"]
        (failed,) = (one for one in trials if one["state"] == "failed")
        assert (failed["failure"]["class"], failed["last_step"]) == ("user_error", None)
        assert "trained on data with" in failed["failure"]["message"]


def test_data_that_change_and_data_that_are_wrong_fail_their_trials_in_a_sentence(tmp_path: Path) -> None:
    table, wrong = tmp_path / "churn.csv", tmp_path / "wrong.csv"
    table.write_text("\n".join(["age,visits,left", *ROWS]))
    wrong.write_text("\n".join(["age,visits,left", *ROWS[:7], "old,1,no"]))

    async def trained(server: ServerProcess, folder: Path, trials: int) -> None:
        given = ["--server", server.address, "--trainer", "table-mlp", "--slots", "1", "--max-trials", str(trials)]
        folder.mkdir()
        async with worker(folder, *given) as process:
            assert await process.ended(60) == 0, process.said

    with (
        ServerProcess(f"sqlite:///{tmp_path}/basin.db", tmp_path, log_level="warning") as server,
        httpx2.Client(base_url=f"{server.address}/v1", timeout=PATIENCE, verify=False) as api,
    ):
        api.post("/studies", json=study("churn", table, budget={"max_trials": 2})).raise_for_status()
        api.post("/studies", json=study("wrong", wrong, priority=10)).raise_for_status()
        asyncio.run(trained(server, tmp_path / "first", 2))
        kept = api.get("/studies/churn").json()["data_fingerprint"]
        assert api.get("/studies/churn/trials/0").json()["state"] == "completed"
        failure = api.get("/studies/wrong/trials/0").json()["failure"]
        assert failure["class"] == "user_error"
        assert f"age holds numbers, but {wrong}, row 8, column 'age' is 'old'" in failure["message"]
        assert api.get("/studies/wrong").json()["data_fingerprint"] is None

        table.write_text("\n".join(["age,visits,left", *ROWS[:-1]]))
        asyncio.run(trained(server, tmp_path / "second", 1))
        trial = api.get("/studies/churn/trials/1").json()
        assert (trial["state"], trial["failure"]["class"], trial["last_step"]) == ("failed", "user_error", None)
        assert f"but the study's first trial was trained on data with {kept}" in trial["failure"]["message"]
