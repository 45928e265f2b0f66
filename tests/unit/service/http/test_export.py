"""A whole study as a file."""

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import pyarrow
import pyarrow.parquet
import pytest

from service.http.export import source
from service.http.streams import attachment
from service.store.memory import MemoryStore
from service.usecases import reading, studies
from service.usecases.ports import Transaction
from service.wire.study import StudyDefinition
from tests.unit.service.http.api import STUDY, Api
from tests.unit.service.http.asgi import Exchange

NAME = '日本 "x"; é'
SPACE: dict[str, Any] = {
    "lr": {"type": "float", "low": 0.0, "high": 1.0},
    "layers": {"type": "int", "low": 1, "high": 9},
    "kind": {"type": "categorical", "choices": ["=SUM(A1)", "cnn", "+1", "-1", "@x", "＝1", '日本, "é"\n']},
    "width": {"type": "ordinal", "values": [16, 32, 64]},
    "bias": {"type": "categorical", "choices": [True, False, None]},
    "mixed": {"type": "categorical", "choices": ["a", 1, None]},
    "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": "cnn"}},
    "scale": {"type": "derived", "expression": "lr * 100"},
    "seed": {"type": "constant", "value": 7},
}
CNN = {"lr": 0.25, "layers": 3, "kind": "cnn", "width": 32, "bias": True, "mixed": 1, "momentum": 0.5}
FORMULA = {"lr": 0.5, "layers": 1, "kind": "=SUM(A1)", "width": 16, "bias": None, "mixed": "a"}


@pytest.fixture
def study(api: Api) -> str:
    study = api.study(NAME, space=SPACE, objectives=[{"metric": "loss"}, {"metric": "acc", "direction": "maximize"}])
    points = [
        {"step": 1, "metrics": {"loss": 1.5, "acc": "NaN"}, "elapsed": 0.5},
        {"step": 2, "metrics": {"loss": "-Infinity", "health.gap": 0.5, "health.flag.frozen": 1}, "cost": 2},
    ]
    api.trial(study, params=CNN, state="completed", values={"loss": "-Infinity", "acc": 0.5}, points=points)
    failure = {"class": "user_error", "message": "@bad\tthing", "tail": "…"}
    api.trial(study, params=FORMULA, state="failed", failure=failure, attrs={"a": [1, "é"]})
    api.trial(study, params={**FORMULA, "kind": '日本, "é"\n'}, state="infeasible", values={"loss": "NaN"})
    return study


def table(response: httpx2.Response) -> list[dict[str, str]]:
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def test_csv(api: Api, study: str) -> None:
    rows = table(api.get(f"{study}/export"))
    assert [column for column in rows[0] if column.startswith(("params.", "values."))] == [
        *(f"params.{name}" for name in SPACE),
        "values.loss",
        "values.acc",
    ]
    first, second, third = rows
    assert (first["number"], first["state"], first["params.kind"]) == ("0", "completed", "cnn")
    assert (first["params.lr"], first["params.scale"], first["params.seed"]) == ("0.25", "25.0", "7")
    assert (first["params.momentum"], second["params.momentum"]) == ("0.5", "")
    assert (first["params.bias"], second["params.bias"], first["params.mixed"]) == ("true", "", "1")
    assert (first["values.loss"], first["values.acc"], second["values.loss"]) == ("-Infinity", "0.5", "")
    assert third["values.loss"] == "NaN"
    assert third["params.kind"] == '日本, "é"\n'
    assert second["attrs"] == '{"a":[1,"é"]}'
    assert datetime.fromisoformat(first["created_at"]).tzinfo is not None


@pytest.mark.parametrize("kind", ["=SUM(A1)", "+1", "-1", "@x", "＝1"])
def test_csv_holds_no_formula(api: Api, study: str, kind: str) -> None:
    api.trial(study, params={**FORMULA, "kind": kind})
    assert table(api.get(f"{study}/export"))[-1]["params.kind"] == f"'{kind}"


def test_csv_of_points(api: Api, study: str) -> None:
    rows = table(api.get(f"{study}/export?points=true"))
    assert [(row["number"], row["attempt"], row["step"], row["metric"], row["value"]) for row in rows] == [
        ("0", "1", "1", "loss", "1.5"),
        ("0", "1", "1", "acc", "NaN"),
        ("0", "1", "2", "loss", "-Infinity"),
    ]
    assert [(row["elapsed"], row["cost"], row["superseded"]) for row in rows[1:]] == [
        ("0.5", "", "false"),
        ("", "2.0", "false"),
    ]


def test_json(api: Api, study: str) -> None:
    whole = api.ok("GET", f"{study}/export?format=json")
    assert whole["study"] == api.ok("GET", study)
    assert whole["trials"] == api.ok("GET", f"{study}/trials")["trials"]
    with_points = api.ok("GET", f"{study}/export?format=json&points=true")
    shown = [trial.pop("points") for trial in with_points["trials"]]
    assert with_points == whole
    assert shown == [api.ok("GET", f"{study}/trials/{number}/reports")["points"] for number in range(3)]


def parquet(response: httpx2.Response) -> pyarrow.Table:
    assert response.status_code == 200
    return pyarrow.parquet.read_table(io.BytesIO(response.content))


def test_parquet(api: Api, study: str) -> None:
    found = parquet(api.get(f"{study}/export?format=parquet"))
    kinds = {field.name: str(field.type) for field in found.schema}
    assert {name: kinds[f"params.{name}"] for name in SPACE} == {
        "lr": "double",
        "layers": "int64",
        "kind": "string",
        "width": "int64",
        "bias": "bool",
        "mixed": "string",
        "momentum": "double",
        "scale": "double",
        "seed": "int64",
    }
    assert kinds["created_at"] == "timestamp[us, tz=UTC]"
    first, second, third = found.to_pylist()
    assert (first["params.mixed"], second["params.mixed"], second["params.momentum"]) == ("1", "a", None)
    assert first["values.loss"] == -math.inf
    assert math.isnan(third["values.loss"])
    assert second["params.kind"] == "=SUM(A1)"
    assert found.schema.metadata[b"basin.study"].decode() == NAME


def test_parquet_of_points(api: Api, study: str) -> None:
    rows = parquet(api.get(f"{study}/export?format=parquet&points=true")).to_pylist()
    assert [(row["number"], row["step"], row["metric"], row["superseded"]) for row in rows] == [
        (0, 1, "loss", False),
        (0, 1, "acc", False),
        (0, 2, "loss", False),
    ]
    assert [rows[0]["value"], rows[2]["value"]] == [1.5, -math.inf]
    assert math.isnan(rows[1]["value"])


@pytest.mark.parametrize("points", ["true", "false"])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_an_empty_study_is_a_whole_file(api: Api, kind: str, points: str) -> None:
    response = api.get(f"{api.study()}/export?format={kind}&points={points}")
    if kind == "csv":
        assert table(response) == []
    elif kind == "json":
        assert response.json()["trials"] == []
    else:
        assert parquet(response).num_rows == 0


@pytest.mark.parametrize("points", ["true", "false"])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_many_pages_are_one_file(api: Api, monkeypatch: pytest.MonkeyPatch, kind: str, points: str) -> None:
    monkeypatch.setattr(source, "_TRIALS_AT_ONCE", 3)
    monkeypatch.setattr(source, "_POINTS_AT_ONCE", 2)
    monkeypatch.setattr("service.http.export.parquet._ROWS_AT_ONCE", 7)
    study = api.study()
    curve = [{"step": step, "metrics": {"loss": step}} for step in range(1, 5)]
    for _ in range(9):
        api.trial(study, state="completed", points=curve)
    response = api.get(f"{study}/export?format={kind}&points={points}")
    if kind == "json":
        trials = response.json()["trials"]
        found = [(trial["number"], len(trial.get("points", []))) for trial in trials]
        assert found == [(number, 4 if points == "true" else 0) for number in range(9)]
        return
    rows: list[Any] = table(response) if kind == "csv" else parquet(response).to_pylist()
    numbers = [int(row["number"]) for row in rows]
    assert numbers == [number for number in range(9) for _ in range(4 if points == "true" else 1)]


def test_the_name_of_the_file(api: Api, study: str) -> None:
    shown = api.get(f"{study}/export?format=json&points=true").headers["content-disposition"]
    assert shown == (
        'attachment; filename="__ _x_; _.points.json"; '
        "filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%22x%22%3B%20%C3%A9.points.json"
    )


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a%b", "a\u202eb", "ü", "a b"])
def test_no_name_breaks_the_header(name: str) -> None:
    shown = attachment(name)
    assert shown.isascii()
    assert shown.count('"') == 2
    assert "\\" not in shown


@pytest.mark.parametrize("query", ["format=xlsx", "points=maybe", "form=csv"])
def test_bad_parameters(api: Api, query: str) -> None:
    assert api.refused("GET", f"{api.study()}/export?{query}")[0] == 422


def test_a_client_that_leaves_is_read_for_no_longer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_TRIALS_AT_ONCE", 1)
    study = api.study()
    for _ in range(50):
        api.trial(study)
    reads = 0
    plain: Callable[..., Any] = reading.trial_views

    def counted(*given: Any, **more: Any) -> Any:
        nonlocal reads
        reads += 1
        return plain(*given, **more)

    monkeypatch.setattr(reading, "trial_views", counted)

    async def leave() -> None:
        exchange = Exchange(api.app, "GET", f"{study}/export")
        await exchange.start()
        await exchange.piece()
        exchange.leave()
        await exchange.end()

    api.run(leave())
    assert reads < 40


@pytest.mark.parametrize("again", [False, True])
def test_a_study_that_is_deleted_meanwhile_breaks_the_file_off(
    api: Api, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    monkeypatch.setattr(source, "_TRIALS_AT_ONCE", 1)
    study = api.study()
    for _ in range(3):
        api.trial(study)

    def delete(tx: Transaction) -> None:
        studies.delete(tx, "s", force=True, revision=None)
        if again:
            studies.create(tx, StudyDefinition.model_validate(STUDY), seed=1)

    async def follow() -> None:
        exchange = Exchange(api.app, "GET", f"{study}/export", "format=json")
        await exchange.start()
        await exchange.piece()
        await store.write(delete)
        with pytest.raises(RuntimeError, match="already started"):
            await exchange.end()

    api.run(follow())


def test_json_lines_are_valid_on_their_own(api: Api, study: str) -> None:
    lines = api.get(f"{study}/export?format=json").text.split("\n")
    assert [json.loads(line.rstrip(","))["number"] for line in lines[2:-2]] == [0, 1, 2]
