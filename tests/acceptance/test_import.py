"""Optuna's studies in a real server, compared trial by trial with what Optuna itself says of them."""

import contextlib
import json
import math
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import optuna
import pytest
from optuna.storages import RDBStorage

from service.cli import client as clients
from service.cli import main
from service.search.quiet import hush
from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

STATES = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "failed", "WAITING": "queued"}


def objective(trial: optuna.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["svm", "net", None])
    rate = trial.suggest_float("learning rate", 1e-5, 1e-1, log=True)
    if kind == "svm":
        trial.suggest_float("gamma", 0, 1, step=0.125)
    for layer in range(trial.suggest_int("layers", 1, 3) if kind == "net" else 0):
        trial.suggest_int(f"units_{layer}", 8, 64, step=8)
    trial.set_user_attr("host", {"gpu": trial.number % 2})
    for step in range(0, 10, 3):
        trial.report((math.nan, math.inf, rate)[(trial.number + step) % 3], step)
    if trial.number % 7 == 3:
        raise optuna.TrialPruned
    if trial.number % 11 == 5:
        raise ValueError("boom")
    if trial.number % 13 == 6:
        return math.nan
    return -math.inf if trial.number == 8 else rate


@pytest.fixture
def old(tmp_path: Path) -> Iterator[optuna.Study]:
    """A study of 40 trials and two more, one of them running and one waiting, in `old.db`."""
    hush()
    made = optuna.create_study(study_name="old", sampler=optuna.samplers.RandomSampler(seed=1))
    made.optimize(objective, n_trials=40, catch=(ValueError,))
    made.enqueue_trial({"kind": None, "learning rate": 0.01})
    made.ask()
    made.enqueue_trial({"kind": "svm", "learning rate": 0.02, "gamma": 0.5})
    storage = RDBStorage(f"sqlite:///{tmp_path / 'old.db'}")
    # Each report would be a commit of its own.
    optuna.copy_study(from_study_name="old", from_storage=made._storage, to_storage=storage)
    yield optuna.load_study(study_name="old", storage=storage)
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    folder = tmp_path / "server"
    folder.mkdir()
    with ServerProcess(f"sqlite:///{folder / 'basin.db'}", folder) as running:
        yield running


class Basin:
    """The command, and the API to look behind it."""

    def __init__(self, server: ServerProcess, captured: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self.captured = captured

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = main(["--server", self.server.address, *arguments])
        captured = self.captured.readouterr()
        return code, captured.out, captured.err

    def done(self, *arguments: str) -> str:
        code, out, err = self(*arguments)
        assert code == 0, (out, err)
        return out

    def get(self, path: str) -> Any:
        response = httpx2.get(f"{self.server.address}/v1/studies/{path}", timeout=PATIENCE)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any) -> Any:
        response = httpx2.post(f"{self.server.address}/v1/studies{path}", json=body, timeout=PATIENCE)
        assert response.is_success, response.text
        return response.json()


@pytest.fixture
def basin(
    server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Basin:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BASIN_")]:
        monkeypatch.delenv(name)
    return Basin(server, capsys)


def number(value: Any) -> float:
    """A number as it travels."""
    return float(str(value))


def same(found: Any, wanted: float | None) -> bool:
    return wanted is not None and (number(found) == wanted or (math.isnan(number(found)) and math.isnan(wanted)))


def compare(basin: Basin, old: optuna.Study, name: str = "old") -> None:
    """Every trial as Optuna has it: number, state, parameters, value, curve, attributes."""
    found = basin.get(f"{name}/trials?page_size=1000")["trials"]
    wanted = old.get_trials(deepcopy=False)
    assert [trial["number"] for trial in found] == [trial.number for trial in wanted]
    for trial, was in zip(found, wanted, strict=True):
        params = was.params or was.system_attrs["fixed_params"]
        assert trial["params"] == {name.replace(" ", "_"): value for name, value in params.items()}
        assert trial["state"] == STATES[was.state.name], trial
        if trial["state"] == "completed":
            assert same(trial["values"]["value"], was.value)
        assert trial["attrs"]["optuna"]["number"] == was.number
        assert trial["attrs"].get("host") == was.user_attrs.get("host")
        points = basin.get(f"{name}/trials/{trial['number']}/reports")["points"]
        curve = was.intermediate_values
        assert [point["step"] for point in points] == sorted(curve)
        assert all(same(point["metrics"]["value"], curve[point["step"]]) for point in points)


def test_a_study_comes_over_whole_and_once(basin: Basin, old: optuna.Study) -> None:
    before = Path("old.db").read_bytes()
    out = basin.done("import", "optuna", "sqlite:///old.db")
    assert out.startswith("Imported 42 trials of 'old' into study 'old'.")
    compare(basin, old)
    study = basin.get("old")
    assert (study["state"], study["best"]["number"]) == ("active", 8)
    space = study["definition"]["space"]
    assert space["gamma"]["when"] == {"kind": "svm"}
    assert space["layers"]["when"] == {"kind": "net"}
    assert space["units_2"]["when"] == {"layers": {"min": 3.0, "max": None}}
    again = basin.done("import", "optuna", "sqlite:///old.db")
    assert again.startswith("Imported 0 trials of 'old' into study 'old'.\n42 trials were there already.")
    old.optimize(objective, n_trials=2)
    told = json.loads(basin.done("import", "optuna", "sqlite:///old.db", "-o", "json"))
    assert (told["there_already"], sum(told["imported"].values())) == (42, 1), "one was waiting and is there already"
    assert Path("old.db").read_bytes()[:16] == before[:16]


def test_a_dry_run_is_a_study_file(basin: Basin, old: optuna.Study) -> None:
    out = basin.done("import", "optuna", "sqlite:///old.db", "--as", "planned", "--dry-run")
    assert "# 'gamma' takes part where kind is 'svm'" in out
    assert re.search(r"^# trials: \d+ completed, \d+ failed, \d+ pruned, 1 queued$", out, re.MULTILINE)
    Path("study.yaml").write_text(out)
    assert "Created study 'planned'" in basin.done("study", "create", "study.yaml")
    assert json.loads(basin.done("study", "list", "-o", "json"))[0]["trials"]["completed"] == 0
    basin.done("import", "optuna", "sqlite:///old.db", "--as", "planned")
    compare(basin, old, "planned")


def test_an_import_that_was_broken_off_goes_on(
    basin: Basin, old: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = clients.Client.add_trials
    sent: list[int] = []

    def interrupted(client: clients.Client, study: str, trials: Any) -> list[int]:
        if sent:
            # The answer is lost, and the user has had enough.
            send(client, study, trials)
            raise KeyboardInterrupt
        sent.extend(send(client, study, trials))
        return sent

    monkeypatch.setattr("service.cli.import_optuna._MOST_AT_ONCE", 10)
    with monkeypatch.context() as patch:
        patch.setattr(clients.Client, "add_trials", interrupted)
        code, _, err = basin("import", "optuna", "sqlite:///old.db")
    assert code == 130
    assert "The same command goes on where it was." in err
    study = basin.get("old")
    assert (study["state"], sum(study["trials"].values())) == ("paused", 20)
    assert "22 trials of 'old'" in basin.done("import", "optuna", "sqlite:///old.db")
    assert basin.get("old")["state"] == "active"
    compare(basin, old)


def test_what_cannot_be_is_told(basin: Basin, old: optuna.Study, tmp_path: Path) -> None:
    code, _, err = basin("import", "optuna", "sqlite:///gone.db")
    assert (code, err) == (2, "error: gone.db: no such file or directory\n")
    code, _, err = basin("import", "optuna", "sqlite:///old.db", "--study", "new")
    assert (code, err) == (2, "error: sqlite:///old.db: holds no study 'new'\nhint: There are: old\n")
    space = {"x": {"type": "float", "low": 0, "high": 1}}
    basin.post("", {"name": "old", "objectives": [{"metric": "value"}], "space": space})
    code, _, err = basin("import", "optuna", "sqlite:///old.db")
    assert code == 5
    assert "study 'old' is there already, and it has not the space of the one" in err
    basin.done("import", "optuna", "sqlite:///old.db", "--as", "mine", "--paused", "--running", "leave-out")
    assert basin.get("mine")["state"] == "paused"
    assert sum(basin.get("mine")["trials"].values()) == 41


def test_what_came_from_elsewhere_is_not_tried_again_and_exhausts_a_small_space(basin: Basin) -> None:
    space = {"a": {"type": "categorical", "choices": [1, 2]}, "b": {"type": "int", "low": 0, "high": 1}}
    definition = {"objectives": [{"metric": "loss"}], "space": space, "budget": {"max_trials": 50}}
    basin.post("", {**definition, "name": "first"})
    for a, b in ((1, 0), (2, 1)):
        basin.post("/first/trials", {"params": {"a": a, "b": b}, "state": "completed", "values": {"loss": a}})
    told = basin.post("", {**definition, "name": "second", "warm_start": {"from": ["first"], "use": "history"}})
    assert told["warm_start"]["sources"] == [{"study": "first", "taken": 2, "left_out": {}}]
    tried = []
    for _ in range(2):
        (lease,) = basin.post("/second:ask", {"worker": "me", "wait_seconds": 30})["leases"]
        tried.append((lease["params"]["a"], lease["params"]["b"]))
        done = {"token": lease["token"], "outcome": "completed", "values": {"loss": 0}}
        basin.post(f"/second/trials/{lease['trial']}/attempts/{lease['attempt']}:complete", done)
    assert sorted(tried) == [(1, 1), (2, 0)]
    asked = {"worker": "me", "wait_seconds": 20}
    response = httpx2.post(f"{basin.server.address}/v1/studies/second:ask", json=asked, timeout=PATIENCE)
    assert response.status_code == 409 or response.json()["leases"] == []
    assert basin.get("second")["state"] == "completed"


def test_a_server_that_is_killed_in_a_warm_start_brings_it_to_its_end(basin: Basin, tmp_path: Path) -> None:
    definition = {"objectives": [{"metric": "loss"}], "space": {"x": {"type": "float", "low": 0, "high": 1}}}
    basin.post("", {**definition, "name": "first"})
    points = [{"step": step, "metrics": {"loss": step}} for step in range(50)]
    for start in range(0, 800, 100):
        numbers = range(start, start + 100)
        trials = [{"params": {"x": n / 800}, "state": "completed", "points": points} for n in numbers]
        basin.post("/first/trials:batch", {"trials": trials})
    body = {**definition, "name": "second", "warm_start": {"from": ["first"], "use": "history"}}

    def create() -> None:
        # Its answer is lost with the server.
        with contextlib.suppress(httpx2.TransportError):
            httpx2.post(f"{basin.server.address}/v1/studies", json=body, timeout=PATIENCE)

    creating = threading.Thread(target=create)
    creating.start()
    basin.server.wait_until("/v1/studies/second")
    basin.server.kill()
    creating.join()
    with closing(sqlite3.connect(tmp_path / "server/basin.db")) as database:
        found = database.execute("SELECT state, next_number < 800 FROM studies WHERE name = 'second'").fetchone()
    assert found == ("paused", 1), "it was killed in the middle"
    basin.server.start()
    address = f"{basin.server.address}/v1/events?study=second&last_event_id=0"
    with httpx2.stream("GET", address, timeout=PATIENCE) as events:
        assert any(_became_active(line) for line in events.iter_lines())
    study = basin.get("second")
    assert (study["state"], study["trials"]["completed"]) == ("active", 800)


def _became_active(line: str) -> bool:
    kind, _, data = line.partition(": ")
    return (
        kind == "data" and json.loads(data)["type"] == "study.state" and json.loads(data)["data"]["state"] == "active"
    )
