"""What charts are drawn from, over HTTP: what is told of a study as its trials begin, report, are cut and end."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from service.charts.sheet import ChartSheet, make_sheet
from service.domain.decision import Decision
from service.domain.trial import AttemptKey
from service.http.routes.charts import PACKED
from service.store.memory import MemoryStore
from service.usecases.charting import Charts, Wanted
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from tests.unit.service.http.api import POINT, Api

SGD = {"lr": 0.01, "optimizer": "sgd", "momentum": 0.5}


def report(api: Api, study: str, number: int, first_seq: int, *losses: float | str, attempt: int = 1) -> None:
    points = [
        {"step": first_seq + place, "metrics": {"loss": loss, "grad_norm": 1.0}, "elapsed": 60.0 * (first_seq + place)}
        for place, loss in enumerate(losses)
    ]
    api.ok(
        "POST",
        f"{study}/trials/{number}/attempts/{attempt}:report",
        {"token": attempt, "first_seq": first_seq, "points": points},
    )


def complete(api: Api, study: str, number: int, outcome: str = "completed", attempt: int = 1) -> None:
    body = {"token": attempt, "outcome": outcome}
    api.ok("POST", f"{study}/trials/{number}/attempts/{attempt}:complete", body)


def begun(api: Api, study: str, count: int) -> None:
    for _ in range(count):
        api.lease(study)


def decide(store: MemoryStore, number: int, step: int, act: str, **basis: object) -> None:
    def work(tx: Transaction) -> None:
        key = AttemptKey(tx.studies.get("s").id, number, 1)
        told = {"step": step, "value": 0.5, **basis}
        tx.decisions.append([Decision(key=key, step=step, act=act, basis=told, at=tx.now)])  # type: ignore[arg-type]

    asyncio.run(store.write(work))


def test_curves_follow_what_is_reported(api: Api) -> None:
    study = api.study()
    empty = api.ok("GET", f"{study}/curves")
    assert (empty["trials"], empty["lines"], empty["density"], empty["metric"]) == (0, [], None, "loss")
    begun(api, study, 3)
    report(api, study, 0, 1, 4.0, 3.0)
    report(api, study, 1, 1, 5.0)
    told = api.ok("GET", f"{study}/curves")
    assert {line["number"]: line["values"] for line in told["lines"]} == {0: [4.0, 3.0], 1: [5.0]}
    assert {line["why"] for line in told["lines"]} == {"running"}
    assert (told["metrics"], told["extent"]) == (["loss", "grad_norm"], {"low": 1.0, "high": 2.0})
    # A report changes no trial, and is seen all the same; a trial that ends is told as it ended.
    report(api, study, 0, 3, 2.0)
    report(api, study, 1, 2, "NaN")
    complete(api, study, 0)
    told = api.ok("GET", f"{study}/curves")
    lines = {line["number"]: line for line in told["lines"]}
    assert (lines[0]["values"], lines[0]["why"], lines[0]["state"]) == ([4.0, 3.0, 2.0], "best", "completed")
    assert lines[1]["values"] == [5.0, None]
    assert (told["not_finite"], told["read"], told["of"]) == (1, 3, 3)
    assert sum(told["density"]["counts"]) + told["density"]["above"] + told["density"]["below"] > 0
    assert told["band"]["at"][0] == 1.0
    one = api.ok("GET", f"{study}/curves?top=0&running=0&pruned=0&trials=1,17&density=false&scale=log")
    assert [(line["number"], line["why"]) for line in one["lines"]] == [(1, "asked"), (0, "best")]
    assert one["density"] is None
    assert api.ok("GET", f"{study}/curves?metric=grad_norm")["lines"][0]["values"] == [1.0, 1.0, 1.0]


def test_curves_along_time(api: Api) -> None:
    study = api.study()
    begun(api, study, 1)
    report(api, study, 0, 1, 4.0, 3.0)
    for axis in ("time", "gpu"):
        (line,) = api.ok("GET", f"{study}/curves?axis={axis}")["lines"]
        assert line["at"] == [0.0166667, 0.0333333]


def test_another_attempt_is_read_from_its_beginning(api: Api) -> None:
    study = api.study(retry={"backoff": 0})
    begun(api, study, 1)
    report(api, study, 0, 1, 4.0, 3.0, 2.0)
    api.ok("GET", f"{study}/curves")
    complete(api, study, 0, "preempted")
    (lease,) = api.ok("POST", f"{study}:ask", {"worker": "w", "wait_seconds": 0})["leases"]
    assert lease["attempt"] == 2
    report(api, study, 0, 1, 9.0, attempt=2)
    (line,) = api.ok("GET", f"{study}/curves")["lines"]
    assert line["values"] == [9.0], "what the first attempt had reported is no longer part of the curve"


def test_all_curves_as_bytes(api: Api) -> None:
    study = api.study()
    api.check = False  # bytes have no schema
    assert api.get(f"{study}/curves/all").content[:4] == b"BSN1"
    begun(api, study, 2)
    report(api, study, 0, 1, 4.0, 3.0)
    report(api, study, 1, 1, 5.0, "NaN", 1.0)
    body = api.get(f"{study}/curves/all")
    assert body.headers["content-type"] == PACKED
    length = int.from_bytes(body.content[4:8], "little")
    head = json.loads(body.content[8 : 8 + length])
    assert (head["curves"], head["points"], head["metric"], head["x"]) == (2, 5, "loss", {"low": 1.0, "unit": 1.0})
    log = api.get(f"{study}/curves/all?scale=log&axis=time").content
    assert json.loads(log[8 : 8 + int.from_bytes(log[4:8], "little")])["y"]["scale"] == "log"


def test_columns(api: Api) -> None:
    study = api.study(objectives=[{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}])
    api.trial(study, state="completed", values={"loss": 0.5, "speed": 3.0})
    api.trial(study, params=SGD, state="failed", failure={"class": "crash"})
    begun(api, study, 1)
    report(api, study, 2, 1, 0.75)
    told = api.ok("GET", f"{study}/columns")
    assert (told["states"], told["steps_between"], told["of"], told["sampled"]) == ("cfr", [1, 1, 1], 3, None)
    assert (told["values"], told["others"]) == ([0.5, None, 0.75], [[3.0, None, None]])
    assert told["directions"] == ["minimize", "maximize"]
    columns = {column["name"]: column for column in told["params"]}
    assert list(columns) == told["param_names"] == ["lr", "optimizer", "momentum"]
    assert (columns["lr"]["log"], columns["lr"]["values"]) == (True, [0.1, 0.01, 0.1])
    assert (columns["optimizer"]["choices"], columns["optimizer"]["values"]) == (["sgd", "adamw"], [1.0, 0.0, 1.0])
    assert columns["momentum"]["values"] == [None, 0.5, None]
    assert [column["name"] for column in api.ok("GET", f"{study}/columns?params=momentum")["params"]] == ["momentum"]
    assert api.ok("GET", f"{study}/columns?params=")["params"] == []
    assert api.ok("GET", f"{api.study('empty')}/columns")["states"] == ""


def test_infeasible_trials_keep_their_values_and_are_never_the_best(api: Api) -> None:
    study = api.study(objectives=[{"metric": "loss"}, {"metric": "size"}])
    for state, loss, size in (("infeasible", 0.5, 1.0), ("completed", 2.0, 3.0), ("infeasible", 0.25, "NaN")):
        api.trial(
            study,
            params=POINT,
            state=state,
            values={"loss": loss, "size": size},
            points=[{"step": 1, "metrics": {"loss": 9}}],
        )
    told = api.ok("GET", f"{study}/columns")
    assert (told["states"], told["values"], told["others"]) == ("ici", [0.5, 2.0, 0.25], [[1.0, 3.0, None]])
    lines = api.ok("GET", f"{study}/curves")["lines"]
    assert [line["number"] for line in lines if line["why"] == "best"] == [1]


def test_rungs_are_told_as_they_were(api: Api, store: MemoryStore) -> None:
    study = api.study(scheduler={"type": "asha", "mode": "stop"})
    begun(api, study, 3)
    for number in (0, 1):
        report(api, study, number, 1, 4.0, 3.0)
    report(api, study, 2, 1, *range(9, 1, -1))
    decide(store, 0, 1, "continue", rung=0, cut=None)
    decide(store, 1, 1, "stop", rung=0, cut=4.5, value=5.0)
    decide(store, 2, 1, "pause", rung=0, cut=4.25)
    decide(store, 2, 2, "stop", rule="patience")
    complete(api, study, 1, "pruned")
    complete(api, study, 2)
    told = api.ok("GET", f"{study}/rungs")
    (rung,) = told["rungs"]
    assert (rung["rung"], rung["step"], rung["entered"], rung["stopped"], rung["paused"]) == (0, 1, 3, 1, 1)
    assert (rung["went_on"], rung["promoted"]) == (1, 0)
    assert sorted(zip(rung["verdicts"]["numbers"], rung["verdicts"]["acts"], strict=True)) == [
        (0, "c"),
        (1, "s"),
        (2, "w"),
    ]
    # Two of ten steps were taken by the one that was stopped; the one that runs may take them yet.
    assert (told["full_steps"], told["stopped"], told["completed"]) == (8.0, 1, 1)
    assert told["saved_steps"] == pytest.approx(6 / (2 + 2 + 8 + 6))
    assert told["not_taken"] == 6
    assert told["saved_gpu_hours"] is None
    (cut,) = api.ok("GET", f"{study}/curves")["cuts"]
    assert (cut["rung"], cut["step"], cut["cut"]) == (0, 1, 4.25)


def test_the_timeline(api: Api) -> None:
    study = api.study()
    begun(api, study, 2)
    report(api, study, 0, 1, 1.0)
    complete(api, study, 0)
    told = api.ok("GET", "/v1/timeline?study=s")
    assert [(one["trial"], one["state"], one["worker"]) for one in told["stretches"]] == [
        (1, "leased", "w"),
        (0, "completed", "w"),
    ]
    assert (told["stretches"][0]["ended"], told["more"]) == (None, False)
    assert api.ok("GET", "/v1/timeline")["stretches"] == [], "clients that did not introduce themselves are no workers"


@pytest.mark.parametrize(
    ("path", "field", "said"),
    [
        ("curves?trials=1,x", "trials", "'x' is no number of a trial"),
        ("curves?trials=" + ",".join(map(str, range(101))), "trials", "holds 101 numbers"),
        ("curves?axis=age", "axis", ""),
        ("curves?top=201", "top", ""),
        ("columns?params=lr,width", "params", "'width' is not searched by this study: take some of lr, optimizer"),
    ],
)
def test_bad_questions(api: Api, path: str, field: str, said: str) -> None:
    status, code, problem = api.refused("GET", f"{api.study()}/{path}")
    assert (status, code) == (422, "invalid_argument")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert said in problem["errors"][0]["message"]


@pytest.mark.parametrize("path", ["curves", "curves/all", "columns", "rungs"])
def test_a_study_that_is_not_there(api: Api, path: str) -> None:
    assert api.refused("GET", f"/v1/studies/nobody/{path}")[:2] == (404, "study_not_found")
    assert api.refused("GET", "/v1/timeline?study=nobody")[:2] == (404, "study_not_found")


def test_a_new_sheet_is_filled_piece_by_piece(make_api: Callable[..., Api], store: MemoryStore) -> None:
    """More trials than one read takes: the first answer may hold some, and all are there in the end."""
    api = make_api()
    study = api.study()
    points = [{"step": 1, "metrics": {"loss": 0.5}}]
    batch = {"trials": [{"params": POINT, "state": "completed", "values": {"loss": 1}, "points": points}] * 200}
    for _ in range(2):
        api.ok("POST", f"{study}/trials:batch", batch)
    reads: list[int] = []

    async def scene() -> None:
        charts = Charts(store, Mirrors(10), make_sheet, asyncio.to_thread)
        for _ in range(100):
            told = await charts.curves("s", None, Wanted())
            reads.append(told.read)
            if told.read == told.of:
                break
        assert list(charts.sizes().values()) == [400]
        ahead = Charts(store, Mirrors(10), make_sheet, asyncio.to_thread)
        await ahead.warm()
        assert list(ahead.sizes().values()) == [400]
        await ahead.close()

    asyncio.run(scene())
    assert reads[-1] == 400


def test_sheets_that_nobody_looks_at_make_room(api: Api, store: MemoryStore) -> None:
    for name in ("a", "b"):
        study = api.study(name)
        begun(api, study, 1)
        report(api, study, 0, 1, 3.0, 2.0, 1.0)

    async def scene() -> None:
        charts = Charts(store, Mirrors(10), make_sheet, asyncio.to_thread, most_points=4)
        for name in ("a", "b", "a"):
            told = await charts.curves(name, None, Wanted())
            assert told.lines[0].values == (3.0, 2.0, 1.0)
        assert len(charts.sizes()) <= 2
        await charts.rungs("b", None, lambda study: study.definition.scheduler.type)
        assert len(charts.sizes()) <= 2

    asyncio.run(scene())


def test_of_very_many_trials_a_sample_is_told_and_no_single_curves(api: Api, store: MemoryStore) -> None:
    api.study()
    api.trial("/v1/studies/s", state="completed", values={"loss": 0.25})
    study, trial = asyncio.run(store.read(lambda tx: (tx.studies.get("s"), tx.trials.get(tx.studies.get("s").id, 0))))
    sheet = ChartSheet(study, "loss")
    values = {number: (number * 7919 % 25_013) / 25_013 for number in range(25_000)}
    sheet.take(
        (replace(trial, number=number, values={"loss": value}) for number, value in values.items()), trial.created_at
    )
    reading = type("Reading", (), {"study": study, "read": 25_000, "of": 25_000, "metrics": ()})()
    told = sheet.columns(reading, ["lr"])
    assert told.sampled == "the best 2,500 and 10,000 others at random, of 25,000 trials"
    assert len(told.states) == len(told.values) == len(told.params[0].values) == 12_500
    numbers = [0]
    for step in told.steps_between:
        numbers.append(numbers[-1] + step)
    shown = {number - 1 for number in numbers[1:]}
    best = sorted(values, key=values.__getitem__)[:2_500]
    assert set(best) <= shown
    assert told == sheet.columns(reading, ["lr"]), "the same trials each time"
    with pytest.raises(Exception, match="25,000 trials"):
        sheet.packed(reading, "step", "linear")


def test_where_nothing_was_reported_nothing_is_drawn(api: Api) -> None:
    study = api.study()
    begun(api, study, 1)
    report(api, study, 0, 1, "NaN", "Infinity")
    told = api.ok("GET", f"{study}/curves?scale=log&axis=time")
    assert told["lines"][0]["values"] == [None, None]
    assert told["not_finite"] == 1
    assert all(value is None or math.isfinite(value) for value in told["band"]["p50"])


def test_any_metric_that_some_trial_has_reported_has_curves(api: Api, store: MemoryStore) -> None:
    study = api.study(scheduler={"type": "asha", "mode": "stop"})
    assert api.ok("GET", f"{study}/curves?metric=accuracy")["trials"] == 0, "nobody has reported anything yet"
    begun(api, study, 2)
    for number, metric in ((0, "accuracy"), (1, "health.grad_norm")):
        point = {"step": 1, "metrics": {"loss": 0.5, metric: 0.75}}
        api.ok(
            "POST",
            f"{study}/trials/{number}/attempts/1:report",
            {"token": 1, "first_seq": 1, "points": [point]},
        )
    decide(store, 0, 1, "stop", rung=0, cut=0.25)
    for number in range(2):
        complete(api, study, number)
    told = api.ok("GET", f"{study}/curves")
    assert (told["metrics"], len(told["cuts"])) == (["loss", "health.grad_norm", "accuracy"], 1)
    told = api.ok("GET", f"{study}/curves?metric=accuracy")
    # Cuts are of the loss. The best trial is that by the objective, if it has such a curve.
    assert (told["metric"], told["trials"], told["cuts"]) == ("accuracy", 1, [])
    assert [(line["number"], line["why"], line["values"]) for line in told["lines"]] == [(0, "best", [0.75])]


@pytest.mark.parametrize("path", ["curves", "curves/all"])
def test_a_metric_that_nobody_reports_is_refused(api: Api, path: str) -> None:
    study = api.study(objectives=[{"metric": "loss"}, {"metric": "speed"}])
    begun(api, study, 1)
    report(api, study, 0, 1, 0.5)
    status, code, problem = api.refused("GET", f"{study}/{path}?metric=acuracy")
    assert (status, code) == (422, "invalid_argument")
    assert problem["errors"][0] == {
        "field": "metric",
        "message": "'acuracy' was reported by no trial of this study: take one of loss, grad_norm",
    }
    api.check = False  # bytes have no schema
    assert api.get(f"{study}/{path}?metric=speed").status_code == 200, "an objective may yet come"
