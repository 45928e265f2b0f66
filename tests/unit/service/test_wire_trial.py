"""Trials and leases: what clients may send."""

import math
from typing import Any

import pytest

from service.wire.lease import Ask, Complete, Report
from service.wire.trial import Failure, NewPoint, NewTrial
from tests.unit.service.refusals import nested, said

IDENTIFIER = "must begin with a letter and hold at most 100 letters, digits and _ . - /"
CLASSES = "'oom', 'nan', 'crash', 'infra', 'preempted', 'timeout', 'cancelled' or 'user_error'"
POINT: dict[str, Any] = {"step": 1, "metrics": {"loss": 0.5}}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"params": [1]}, ["params: must be a mapping"]),
        ({"params": {"a": [1]}}, ["params.a: must be text, a number, true, false or null"]),
        ({"state": "running"}, ["state: must be one of 'queued', 'completed', 'pruned', 'failed' or 'infeasible'"]),
        ({"values": {"loss": "low"}}, ["values.loss: must be a number"]),
        ({"values": {"1": 0}}, [f"values.1: {IDENTIFIER}"]),
        (
            {"points": [{"step": -1, "metrics": {}}]},
            ["points[0].step: must be at least 0", "points[0].metrics: must have at least 1 item(s)"],
        ),
        (
            {"points": [POINT, {"step": 1.5, "metrics": {"a": None}}]},
            ["points[1].step: must be a whole number", "points[1].metrics.a: must be a number"],
        ),
        (
            {"points": [{**POINT, "elapsed": -1, "cost": math.inf}]},
            ["points[0].elapsed: must be at least 0", "points[0].cost: must be a finite number"],
        ),
        ({"points": [{**POINT, "step": 2**53}]}, ["points[0].step: must be less than 9007199254740992"]),
        ({"points": [POINT] * 1001}, ["points: must have at most 1000 items"]),
        ({"attrs": nested(9)}, ["attrs: must not be nested deeper than 8 levels"]),
        ({"attrs": {"": 1}}, ["attrs.: must not be empty"]),
        ({"request_id": ""}, ["request_id: must not be empty"]),
        ({"request_id": "x" * 101}, ["request_id: must have at most 100 characters"]),
        ({"request_id": "a\nb"}, ["request_id: must hold printable characters only"]),
        ({"failure": {"class": "bang"}}, [f"failure.class: must be one of {CLASSES}"]),
        ({"failure": {}}, ["failure.class: is missing"]),
        ({"number": 5}, ["number: is not a known field"]),
    ],
    ids=str,
)
def test_trials_that_are_refused(fields: dict[str, Any], errors: list[str]) -> None:
    assert said(NewTrial, {"params": {}, **fields}) == errors


def test_what_need_not_be_said_of_a_trial() -> None:
    new = NewTrial.model_validate({"params": {"lr": 0.1}})
    assert (new.state, new.values, new.points, new.failure, new.attrs, new.request_id) == (
        "queued",
        None,
        (),
        None,
        {},
        None,
    )
    assert said(NewTrial, {}) == ["params: is missing"]


def test_a_failure_is_read_and_written_with_its_class() -> None:
    failure = Failure.model_validate({"class": "oom", "message": "m"})
    assert failure.model_dump() == {"class": "oom", "message": "m", "tail": "", "signal": None}
    assert Failure.model_validate_json(failure.model_dump_json()) == failure
    assert said(Failure, {"class": "oom", "message": "x" * 2001, "tail": "x" * 16_001}) == [
        "message: must have at most 2000 characters",
        "tail: must have at most 16000 characters",
    ]


def test_points_hold_any_number() -> None:
    point = NewPoint.model_validate_json(
        '{"step": 0, "metrics": {"a": "NaN", "b": "-Infinity", "c": 1e308, "d": -0.0}}'
    )
    assert list(map(str, point.metrics.values())) == ["nan", "-inf", "1e+308", "-0.0"]


@pytest.mark.parametrize(
    ("kind", "given", "errors"),
    [
        (Ask, {}, ["worker: is missing"]),
        (Ask, {"worker": ""}, ["worker: must not be empty"]),
        (Ask, {"worker": "a\x1b[0m"}, ["worker: must hold printable characters only"]),
        (Ask, {"worker": "x" * 201}, ["worker: must have at most 200 characters"]),
        (Ask, {"worker": "w", "max_trials": 0}, ["max_trials: must be at least 1"]),
        (Ask, {"worker": "w", "max_trials": 65}, ["max_trials: must be at most 64"]),
        (Report, {}, ["token: is missing", "first_seq: is missing", "points: is missing"]),
        (
            Report,
            {"token": 0, "first_seq": 0, "points": []},
            [
                "token: must be at least 1",
                "first_seq: must be at least 1",
                "points: must have at least 1 item, unless data_fingerprint is told before training begins",
            ],
        ),
        (
            Report,
            {"token": 1, "first_seq": 2**53, "points": [POINT]},
            ["first_seq: must be less than 9007199254740992"],
        ),
        (Report, {"token": 1, "first_seq": 1, "points": [POINT] * 1001}, ["points: must have at most 1000 items"]),
        (Complete, {"token": 1}, ["outcome: is missing"]),
        (
            Complete,
            {"token": 1, "outcome": "lost"},
            ["outcome: must be one of 'completed', 'pruned', 'paused', 'preempted' or 'failed'"],
        ),
        (
            Complete,
            {"token": 1, "outcome": "completed", "usage": {"gpu_seconds": -1, "wall_seconds": "long"}},
            ["usage.gpu_seconds: must be at least 0", "usage.wall_seconds: must be a number"],
        ),
    ],
    ids=str,
)
def test_what_workers_may_not_send(kind: Any, given: Any, errors: list[str]) -> None:
    assert said(kind, given) == errors
