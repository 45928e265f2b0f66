"""Spaces and trials of Optuna as ours: the shapes that define-by-run programs leave behind."""

import math
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from pydantic import TypeAdapter

from service.domain.space import check
from service.search.imported.spaces import Found, conditions, parameter
from service.search.imported.trials import Intake
from service.search.quiet import hush
from service.usecases.importing import CannotImport
from service.wire.message import Scalar
from service.wire.space import AnyParameter, Space
from service.wire.study import StudyDefinition

_SPACE: TypeAdapter[dict[str, AnyParameter]] = TypeAdapter(Space)
CHOICE = {"type": "categorical", "choices": ["a", "b", "c"]}
INT = {"type": "int", "low": 0, "high": 9}
FLOAT = {"type": "float", "low": 0.0, "high": 1.0}


def made(*distributions: Any, values: tuple[Scalar, ...] = ()) -> dict[str, Any]:
    shape, _ = parameter(Found("x", distributions, values))
    _SPACE.validate_python({"x": shape, "y": FLOAT})
    return shape


@pytest.mark.parametrize(
    ("distributions", "shape"),
    [
        ([FloatDistribution(0, 1)], {"type": "float", "low": 0.0, "high": 1.0}),
        ([FloatDistribution(1e-5, 1, log=True)], {"type": "float", "low": 1e-5, "high": 1.0, "log": True}),
        ([FloatDistribution(0, 1, step=0.25)], {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25}),
        ([FloatDistribution(0, 4, step=1)], {"type": "float", "low": 0.0, "high": 4.0, "step": 1.0}),
        ([IntDistribution(1, 9)], {"type": "int", "low": 1, "high": 9}),
        ([IntDistribution(1, 9, log=True)], {"type": "int", "low": 1, "high": 9, "log": True}),
        ([IntDistribution(16, 64, step=16)], {"type": "int", "low": 16, "high": 64, "step": 16}),
        ([IntDistribution(3, 3)], {"type": "categorical", "choices": [3]}),
        ([IntDistribution(1, 5), IntDistribution(3, 8)], {"type": "int", "low": 1, "high": 8}),
        (
            [IntDistribution(0, 8, step=4), IntDistribution(4, 16, step=4)],
            {"type": "int", "low": 0, "high": 16, "step": 4},
        ),
        ([IntDistribution(0, 8, step=4), IntDistribution(1, 9, step=4)], {"type": "int", "low": 0, "high": 9}),
        (
            [FloatDistribution(1e-3, 1, log=True), FloatDistribution(1e-3, 2)],
            {"type": "float", "low": 1e-3, "high": 2.0},
        ),
        ([IntDistribution(1, 5), FloatDistribution(0.5, 2)], {"type": "float", "low": 0.5, "high": 5}),
        (
            [CategoricalDistribution([True, 1, None]), CategoricalDistribution(["x", 1.0])],
            {"type": "categorical", "choices": [True, 1, None, "x"]},
        ),
    ],
)
def test_a_parameter_holds_all_that_it_was_drawn_from(distributions: list[Any], shape: dict[str, Any]) -> None:
    assert made(*distributions) == shape


def test_a_range_is_widened_to_hold_what_was_tried_outside_of_it() -> None:
    assert made(FloatDistribution(0.1, 1, log=True), values=(0.5, -1.0)) == {"type": "float", "low": -1.0, "high": 1.0}
    assert made(IntDistribution(0, 8, step=4), values=(4, 6)) == {"type": "int", "low": 0, "high": 8}
    _, notes = parameter(Found("x", [IntDistribution(0, 8)], [9]))
    assert notes == ["'x' had values outside of its range: 0 to 9 holds them too"]


def test_choices_that_are_no_plain_values_become_text() -> None:
    hush()
    shape, notes = parameter(Found("x", [CategoricalDistribution([[64, 32], 1, float("nan")])], ["[64, 32]"]))  # type: ignore[list-item]
    assert shape["choices"] == ["[64, 32]", 1, "nan"]
    assert notes == ["'x' has choices that are no plain values: they are text here ([64, 32])"]


def test_a_number_in_some_trials_and_a_choice_in_others_is_refused() -> None:
    with pytest.raises(CannotImport, match="'x' is a number in some trials and a choice in others"):
        made(FloatDistribution(0, 1), CategoricalDistribution(["a"]))


@pytest.mark.parametrize(
    ("points", "space", "when"),
    [
        ([{"k": "a", "x": 1}, {"k": "b"}], {"k": CHOICE, "x": INT}, {"x": {"k": "a"}}),
        ([{"k": "a", "x": 1}, {"k": "c", "x": 1}, {"k": "b"}], {"k": CHOICE, "x": INT}, {"x": {"k": ["a", "c"]}}),
        ([{"n": 3, "x": 1}, {"n": 5, "x": 1}, {"n": 2}], {"n": INT, "x": INT}, {"x": {"n": {"min": 3}}}),
        ([{"n": 3}, {"n": 5}, {"n": 2, "x": 1}], {"n": INT, "x": INT}, {"x": {"n": {"max": 2}}}),
        ([{"n": 1}, {"n": 3, "x": 1}, {"n": 5}], {"n": INT, "x": INT}, {"x": {"n": {"min": 3, "max": 3}}}),
        ([{"r": 0.7, "x": 1}, {"r": 0.2}], {"r": FLOAT, "x": INT}, {"x": {"r": {"min": 0.7}}}),
        # A choice before a number, which some trials always lie on one side of.
        ([{"n": 3, "k": "a", "x": 1}, {"n": 1, "k": "b"}], {"n": INT, "k": CHOICE, "x": INT}, {"x": {"k": "a"}}),
        # Two that come and go together are no conditions of each other.
        (
            [{"k": "a", "x": 1, "m": "a"}, {"k": "b"}],
            {"k": CHOICE, "m": CHOICE, "x": INT},
            {"m": {"k": "a"}, "x": {"k": "a"}},
        ),
        # One in the other.
        (
            [{"k": "a", "m": "a", "x": 1}, {"k": "a", "m": "b"}, {"k": "b"}],
            {"k": CHOICE, "m": CHOICE, "x": INT},
            {"m": {"k": "a"}, "x": {"m": "a"}},
        ),
        # Two conditions together.
        (
            [{"k": "a", "m": "a", "x": 1}, {"k": "a", "m": "b"}, {"k": "b", "m": "a"}],
            {"k": CHOICE, "m": CHOICE, "x": INT},
            {"x": {"k": "a", "m": "a"}},
        ),
    ],
)
def test_conditions_are_found(points: list[Any], space: dict[str, Any], when: dict[str, Any]) -> None:
    assert conditions(points, space) == (when, [])


def test_what_no_condition_explains_is_said() -> None:
    points: list[dict[str, Scalar]] = [{"k": "a", "x": 1}, {"k": "a"}, {"k": "b"}]
    assert conditions(points, {"k": CHOICE, "x": INT}) == ({}, ["x"])
    assert conditions([{"r": 0.4}, {"r": 0.5, "x": 1}, {"r": 0.6}], {"r": FLOAT, "x": INT}) == ({}, ["x"])


@pytest.mark.parametrize("seed", range(30))
def test_found_conditions_fit_every_point_they_were_found_in(seed: int) -> None:
    """Trees of choices and loops, as programs have them."""
    chance = random.Random(seed)
    space: dict[str, Any] = {"model": CHOICE, "n": {**INT, "low": 1, "high": 3}}
    points: list[dict[str, Scalar]] = []
    for _ in range(60):
        point: dict[str, Scalar] = {"model": chance.choice("abc"), "n": chance.randint(1, 3)}
        if point["model"] == "a":
            point |= {"kernel": chance.choice("ab"), "c": chance.randint(0, 9)}
            if point["kernel"] == "b":
                point["gamma"] = chance.random()
        if point["model"] != "b":
            point |= {f"units_{place}": chance.randint(0, 9) for place in range(int(str(point["n"])))}
        points.append(point)
    kinds = {"kernel": {**CHOICE, "choices": ["a", "b"]}, "gamma": FLOAT}
    space |= {name: kinds.get(name, INT) for point in points for name in point if name not in space}
    when, unexplained = conditions(points, space)
    assert unexplained == [], f"seed {seed}"
    whole = _SPACE.validate_python(
        {name: {**one, **({"when": when[name]} if name in when else {})} for name, one in space.items()}
    )
    StudyDefinition.model_validate({"name": "s", "objectives": [{"metric": "m"}], "space": whole})
    for point in points:
        assert check(whole, point)[1] == [], f"seed {seed}: {point}"


# --- trials


def intake(running: Any = "failed", **fields: Any) -> Intake:
    objectives = [{"metric": metric} for metric in fields.pop("metrics", ["loss"])]
    definition = StudyDefinition.model_validate({"name": "s", "objectives": objectives, "space": {"x": FLOAT}})
    return Intake("study", definition, {"x value": "x"}, running, fields.pop("fill", {}))


def frozen(state: TrialState, **fields: Any) -> FrozenTrial:
    given: dict[str, Any] = {
        "number": 4,
        "state": state,
        "value": None,
        "values": None,
        "datetime_start": datetime(2026, 1, 1),  # noqa: DTZ001  # Optuna's times have no zone
        "datetime_complete": None,
        "params": {"x value": 0.5},
        "distributions": {"x value": FloatDistribution(0, 1)},
        "user_attrs": {},
        "system_attrs": {},
        "intermediate_values": {},
        "trial_id": 9,
    }
    return FrozenTrial(**{**given, **fields})


def taken(trial: FrozenTrial, **fields: Any) -> Mapping[str, Any]:
    arrival = intake(**fields).take(trial)
    assert arrival is not None
    assert arrival.trial.request_id == "optuna:study:4"
    told = arrival.trial.model_dump(mode="python", exclude_unset=True)
    assert told.pop("params") == {"x": 0.5}
    told.pop("request_id")
    return told


START = {"study": "study", "number": 4, "started": "2026-01-01T00:00:00"}


def test_states_values_and_curves() -> None:
    curve = {7: 0.5, 0: float("inf"), 3: 0.25}
    complete = taken(frozen(TrialState.COMPLETE, value=-math.inf, intermediate_values=curve, user_attrs={"a": [1]}))
    assert complete["state"] == "completed"
    assert complete["values"] == {"loss": -math.inf}
    assert complete["attrs"] == {"a": [1], "optuna": START}
    assert [(point["step"], point["metrics"]) for point in complete["points"]] == [
        (0, {"loss": math.inf}),
        (3, {"loss": 0.25}),
        (7, {"loss": 0.5}),
    ]
    pruned = taken(frozen(TrialState.PRUNED, intermediate_values={1: math.nan}))
    assert pruned["state"] == "pruned"
    assert math.isnan(pruned["points"][0]["metrics"]["loss"])
    two = taken(frozen(TrialState.COMPLETE, values=[1.0, 2.0]), metrics=["loss", "speed"])
    assert two["values"] == {"loss": 1.0, "speed": 2.0}


@pytest.mark.parametrize(("constraints", "state"), [((-1.0, 0.0), "completed"), ((-1.0, 0.1), "infeasible")])
def test_constraints_that_are_violated_make_a_trial_infeasible(constraints: tuple[float, ...], state: str) -> None:
    named = {f"constraints:{name}": value for name, value in zip("ab", constraints, strict=True)}
    for attrs, names in (({"constraints": constraints}, "01"), (named, "ab")):
        told = taken(frozen(TrialState.COMPLETE, value=1.0, system_attrs=attrs))
        assert (told["state"], told["values"]) == (state, {"loss": 1.0})
        assert told["attrs"]["optuna"]["constraints"] == dict(zip(names, constraints, strict=True))


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("ValueError('boom')", {"class": "crash", "message": "ValueError('boom')"}),
        ("The value nan is not acceptable", {"class": "nan", "message": "The value nan is not acceptable"}),
        (None, {"class": "crash", "message": "failed in Optuna"}),
    ],
)
def test_failures_keep_their_reason(reason: str | None, failure: dict[str, str]) -> None:
    told = taken(frozen(TrialState.FAIL, system_attrs={"fail_reason": reason} if reason else {}))
    assert (told["state"], told["failure"]) == ("failed", failure)


def test_what_runs_becomes_what_was_asked_for() -> None:
    told = taken(frozen(TrialState.RUNNING, intermediate_values={1: 1.0}))
    assert (told["state"], told["failure"]["class"], len(told["points"])) == ("failed", "infra", 1)
    assert "points" not in taken(frozen(TrialState.RUNNING, intermediate_values={1: 1.0}), running="queued")
    leaves = intake("leave-out")
    assert leaves.take(frozen(TrialState.RUNNING)) is None
    assert leaves.left_out == {"running": 1}


def test_what_waits_is_queued_if_its_point_is_whole() -> None:
    fixed: dict[str, Any] = {"params": {}, "distributions": {}, "datetime_start": None}
    told = taken(frozen(TrialState.WAITING, system_attrs={"fixed_params": {"x value": 0.5}}, **fixed))
    assert told == {"state": "queued", "attrs": {"optuna": {"study": "study", "number": 4}}}
    partly = intake()
    assert partly.take(frozen(TrialState.WAITING, system_attrs={"fixed_params": {}}, **fixed)) is None
    assert partly.take(frozen(TrialState.WAITING, system_attrs={"fixed_params": {"x value": 7}}, **fixed)) is None
    assert partly.left_out == {
        "waiting: has no 'x'": 1,
        "waiting: 'x' must lie between 0.0 and 1.0 (is 7)": 1,
    }
    filled = intake(fill={"x": 0.25}).take(frozen(TrialState.COMPLETE, value=1.0, params={}, distributions={}))
    assert filled is not None
    assert filled.trial.params == {"x": 0.25}


def test_long_curves_are_thinned_and_large_attributes_left_out() -> None:
    large = {"big": "x" * 20_000, "deep": [[[[[[[[[[]]]]]]]]]], "optuna": 1, "small": 2}
    taking = intake()
    arrival = taking.take(
        frozen(TrialState.COMPLETE, value=1.0, intermediate_values=dict.fromkeys(range(2_500), 0.0), user_attrs=large)
    )
    assert arrival is not None
    assert len(arrival.trial.points) == 1_000
    assert (arrival.trial.points[0].step, arrival.trial.points[-1].step) == (0, 2_499)
    assert arrival.trial.attrs == {"user.optuna": 1, "small": 2, "optuna": START}
    assert sorted(taking.short) == [
        "curves of more than 1,000 points were thinned evenly",
        "user attributes that are too large, or nested too deeply, were left out",
    ]


def test_a_name_too_long_for_a_request_is_told_by_its_fingerprint() -> None:
    taking = intake()
    taking.study = "long " * 30
    arrival = taking.take(frozen(TrialState.COMPLETE, value=1.0))
    assert arrival is not None
    assert arrival.trial.request_id is not None
    assert len(arrival.trial.request_id) <= 100
