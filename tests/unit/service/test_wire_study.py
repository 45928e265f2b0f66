"""Study definitions: what they take, what they refuse, and that they come back from JSON as they were."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.wire.sampler import AnySampler
from service.wire.scheduler import AnyScheduler
from service.wire.study import DEFINITION_EXAMPLE, StopStudy, StudyDefinition, StudyPatch
from tests.unit.service.refusals import LEARNING_RATE, said, study

SAMPLERS = ("auto", "tpe", "gp", "cmaes", "qmc", "random", "grid", "brute_force", "nsga2", "nsga3")
SCHEDULERS = ("auto", "none", "asha", "hyperband", "median", "percentile", "patient", "threshold", "wilcoxon")
WRAPPED = ("hyperband", "median", "percentile", "threshold", "asha")
NEEDED: dict[str, dict[str, Any]] = {
    "hyperband": {"max_resource": 81},
    "percentile": {"percentile": 25},
    "patient": {"patience": 3},
    "threshold": {"upper": 10},
}


def test_the_example_is_a_study() -> None:
    example = StudyDefinition.model_validate(DEFINITION_EXAMPLE)
    assert example.budget.wall_time == 7200
    assert list(example.space)[:2] == ["learning_rate", "dropout"]


def test_what_need_not_be_said() -> None:
    found = StudyDefinition.model_validate(study())
    assert (found.note, found.tags, found.priority, found.seed, found.seeds, found.trainer) == (
        "",
        (),
        0,
        None,
        "common",
        None,
    )
    assert (found.sampler.type, found.scheduler.type) == ("auto", "auto")
    assert found.budget.model_dump() == dict.fromkeys(found.budget.model_dump())
    assert found.retry.max_attempts == 3
    (objective,) = found.objectives
    assert (objective.direction, objective.value, objective.last_k, objective.target) == ("minimize", "last", 1, None)


@pytest.mark.parametrize("left_out", ["name", "objectives", "space"])
def test_what_must_be_said(left_out: str) -> None:
    assert said(StudyDefinition, {name: value for name, value in study().items() if name != left_out}) == [
        f"{left_out}: is missing"
    ]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": "x" * 10_000}, ["name: must have at most 200 characters"]),
        (
            {"space": {"learning_rate": {"type": "float", "low": 0.1, "high": 0.01}}},
            ["space.learning_rate.high: must be greater than low (0.1)"],
        ),
        (
            {"space": {"n": {**LEARNING_RATE, "low": 0}}},
            ["space.n.log: needs low greater than 0 (is 0.0): a logarithm has no value there"],
        ),
        ({"space": {"c": {"type": "categorical", "choices": []}}}, ["space.c.choices: must hold at least 1 value(s)"]),
        (
            {"space": {"lr": {**LEARNING_RATE, "when": {"opt": "sgd"}}}},
            ["space.lr.when.opt: is not a parameter of this space"],
        ),
        (
            {"space": {"a": {**LEARNING_RATE, "when": {"b": 1}}, "b": {**LEARNING_RATE, "when": {"a": 1}}}},
            ["space.a.when: goes in a circle: a needs b needs a"],
        ),
        ({"space": {}}, ["space: must have at least one parameter that is searched"]),
        ({"space": None}, ["space: must be a mapping"]),
        ({"objectives": []}, ["objectives: must have at least 1 item(s)"]),
        ({"objectives": "loss"}, ["objectives: must be a list"]),
        ({"objectives": ["loss"]}, ["objectives[0]: must be a mapping"]),
        ({"objectives": [{}]}, ["objectives[0].metric: is missing"]),
        ({"objectives": [{"metric": f"m{n}"} for n in range(9)]}, ["objectives: must have at most 8 items"]),
        (
            {"objectives": [{"metric": "a"}, {"metric": "b"}, {"metric": "a"}]},
            ["objectives[2].metric: 'a' is already an objective"],
        ),
        (
            {"objectives": [{"metric": "a", "direction": "min"}]},
            ["objectives[0].direction: must be one of 'minimize' or 'maximize'"],
        ),
        (
            {"objectives": [{"metric": "a", "value": "first"}]},
            ["objectives[0].value: must be one of 'last', 'best' or 'mean_last'"],
        ),
        ({"objectives": [{"metric": "a", "last_k": 3}]}, ["objectives[0].last_k: is only for value: mean_last"]),
        (
            {"objectives": [{"metric": "a", "value": "mean_last", "last_k": 0}]},
            ["objectives[0].last_k: must be at least 1"],
        ),
        ({"objectives": [{"metric": "a", "target": math.inf}]}, ["objectives[0].target: must be a finite number"]),
        ({"budget": {"max_trials": 0}}, ["budget.max_trials: must be at least 1"]),
        ({"budget": {"max_running": 1.5}}, ["budget.max_running: must be a whole number"]),
        ({"budget": {"gpu_hours": math.nan}}, ["budget.gpu_hours: must be a finite number"]),
        ({"budget": {"max_trails": 5}}, ["budget.max_trails: is not a known field"]),
        ({"retry": {"max_attempts": 0}}, ["retry.max_attempts: must be at least 1"]),
        ({"priority": 1001}, ["priority: must be at most 1000"]),
        ({"seed": -1}, ["seed: must be at least 0"]),
        ({"seed": 2**63}, ["seed: must be less than 9223372036854775808"]),
        ({"seeds": "same"}, ["seeds: must be one of 'common' or 'independent'"]),
        ({"trainer": {}}, ["trainer.name: is missing"]),
        (
            {"trainer": {"name": "my trainer"}},
            ["trainer.name: must begin with a letter and hold at most 100 letters, digits and _ . - /"],
        ),
        ({"tags": ["a b"]}, ["tags[0]: must be 1 to 64 letters, digits and _ . - / = @ +"]),
        ({"sampler": "tpee"}, [f"sampler: must be of type {', '.join(map(repr, SAMPLERS))}, not 'tpee'"]),
        ({"sampler": 5}, ["sampler: must be a mapping"]),
        ({"sampler": {}}, ["sampler: needs a 'type'"]),
        ({"sampler": {"type": "qmc", "sequence": "sobool"}}, ["sampler.sequence: must be one of 'sobol' or 'halton'"]),
        ({"scheduler": "hyperband"}, ["scheduler: hyperband needs max_resource: its brackets are cut from it"]),
        ({"scheduler": {"type": "asha", "min_resource": 1.5}}, ["scheduler.min_resource: must be a whole number"]),
        (
            {"scheduler": {"type": "asha", "min_resource": 9, "max_resource": 3}},
            ["scheduler.max_resource: must not be less than min_resource (9)"],
        ),
        ({"scheduler": "threshold"}, ["scheduler: must have 'lower', 'upper' or both"]),
        (
            {"scheduler": {"type": "threshold", "lower": 2, "upper": 1}},
            ["scheduler: lower must not be greater than upper"],
        ),
        (
            {"scheduler": {"type": "patient", "patience": 1, "wrapped": "patient"}},
            [f"scheduler.wrapped: must be of type {', '.join(map(repr, WRAPPED))}, not 'patient'"],
        ),
        ({"scheduler": {"type": "wilcoxon", "p_threshold": 1}}, ["scheduler.p_threshold: must be less than 1"]),
        ({"seeed": 1, "buget": {}}, ["seeed: is not a known field", "buget: is not a known field"]),
    ],
    ids=str,
)
def test_what_is_refused(fields: dict[str, Any], errors: list[str]) -> None:
    assert said(StudyDefinition, study(**fields)) == errors


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_by_their_name_alone(name: str) -> None:
    found = StudyDefinition.model_validate(study(sampler=name))
    assert found == StudyDefinition.model_validate(study(sampler={"type": name}))
    assert said(AnySampler, {"type": name, "colour": 1}) == ["colour: is not a known field"]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_by_their_name_alone(name: str) -> None:
    needed = NEEDED.get(name, {})
    assert said(AnyScheduler, {"type": name, **needed}) == []
    assert bool(said(AnyScheduler, name)) == bool(needed)
    assert said(AnyScheduler, {"type": name, **needed, "colour": 1}) == ["colour: is not a known field"]


FLOATS = st.floats(0.001, 1e6)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PARAMETERS = st.one_of(
    st.builds(lambda low, width: {"type": "float", "low": low, "high": low + width}, FLOATS, FLOATS),
    st.builds(
        lambda low, width: {"type": "int", "low": low, "high": low + width}, st.integers(-9, 9), st.integers(1, 99)
    ),
    st.lists(
        st.one_of(
            st.none(), st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), TEXTS
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda value: (isinstance(value, bool), value),
    ).map(lambda choices: {"type": "categorical", "choices": choices}),
)


@given(
    st.dictionaries(st.from_regex(r"[a-zß][a-z0-9_ü.\-/]{0,9}", fullmatch=True), PARAMETERS, min_size=1, max_size=5),
    st.sampled_from(SAMPLERS),
    st.one_of(st.none(), st.integers(0, 2**63 - 1)),
)
def test_a_definition_comes_back_from_json_as_it_was(space: dict[str, Any], sampler: str, seed: int | None) -> None:
    before = StudyDefinition.model_validate(study(space=space, sampler=sampler, seed=seed))
    text = before.model_dump_json()
    after = StudyDefinition.model_validate_json(text)
    assert after == before
    assert after.model_dump_json() == text
    assert repr(after) == repr(before)
    assert list(after.space) == list(space)


def test_json_that_is_nested_like_a_bomb_is_refused() -> None:
    for bomb in ("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000):
        text = json.dumps(study())[:-1] + ', "trainer": {"name": "t", "settings": {"a": ' + bomb + "}}}"
        with pytest.raises(ValidationError):
            StudyDefinition.model_validate_json(text)


def test_a_patch_names_what_it_changes() -> None:
    assert StudyPatch.model_validate({}).model_fields_set == set()
    assert StudyPatch.model_validate({"note": ""}).model_fields_set == {"note"}
    assert said(StudyPatch, {"name": "other", "state": "paused"}) == [
        "name: is not a known field",
        "state: is not a known field",
    ]
    assert said(StudyPatch, {"budget": {"max_trials": -1}, "priority": 10**6, "tags": [""]}) == [
        "tags[0]: must be 1 to 64 letters, digits and _ . - / = @ +",
        "priority: must be at most 1000",
        "budget.max_trials: must be at least 1",
    ]


def test_how_to_stop() -> None:
    assert StopStudy().running == "finish"
    assert said(StopStudy, {"running": "drown"}) == ["running: must be one of 'finish', 'cancel' or 'kill'"]
