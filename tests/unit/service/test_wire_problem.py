"""Errors in words, each with the path of its field in what was given."""

import pytest

from service.wire.problem import FieldError, Problem, dotted, field_errors
from service.wire.scheduler import AnyScheduler
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial
from tests.unit.service.refusals import LEARNING_RATE, said, study


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ([], ""),
        (["name"], "name"),
        (["space", "lr", "high"], "space.lr.high"),
        (["objectives", 0, "metric"], "objectives[0].metric"),
        ([0, 1], "[0][1]"),
        (["a", "b" * 101], f"a.{'b' * 100}…"),
    ],
)
def test_paths(path: list[str | int], text: str) -> None:
    assert dotted(path) == text


def test_an_error_without_a_field_is_its_message() -> None:
    assert str(FieldError(field="", message="must be a mapping")) == "must be a mapping"
    assert str(FieldError(field="a.b", message="is missing")) == "a.b: is missing"


def test_the_type_of_a_member_is_no_part_of_the_path() -> None:
    assert said(StudyDefinition, study(space={"float": {**LEARNING_RATE, "high": 0}})) == [
        "space.float.high: must be greater than low (1e-05)"
    ]
    assert said(AnyScheduler, {"type": "percentile", "percentile": 101}) == ["percentile: must be at most 100"]
    wrapped = {"type": "patient", "patience": 1, "wrapped": {"type": "median", "min_trials": 0}}
    assert said(StudyDefinition, study(scheduler=wrapped)) == ["scheduler.wrapped.min_trials: must be at least 1"]


def test_everything_wrong_is_told_at_once() -> None:
    given = {
        "name": "a/b",
        "objectives": [{"metric": "1"}, {"metric": "ok", "direction": "min"}],
        "space": {
            "a": {"type": "float", "low": 0.1, "high": 0.01},
            "b": {"type": "int", "low": 0, "high": 5, "log": True},
            "c": {"type": "categorical", "choices": []},
            "d": {"type": "flaot"},
        },
        "budget": {"max_trials": 0, "wall_time": "soon"},
        "sampler": {"type": "tpe", "startup_trial": 3},
        "colour": "red",
    }
    assert said(StudyDefinition, given) == [
        "name: must not hold '/' (names are part of addresses)",
        "objectives[0].metric: must begin with a letter and hold at most 100 letters, digits and _ . - /",
        "objectives[1].direction: must be one of 'minimize' or 'maximize'",
        "space.a.high: must be greater than low (0.1)",
        "space.b.log: needs low of at least 1 (is 0): a logarithm has no value there",
        "space.c.choices: must hold at least 1 value(s)",
        "space.d: must be of type 'float', 'int', 'categorical', 'ordinal', 'constant', 'derived', not 'flaot'",
        "sampler.startup_trial: is not a known field",
        "budget.max_trials: must be at least 1",
        "budget.wall_time: must be seconds or a duration such as '90s', '20m', '2h30m', '1d'",
        "colour: is not a known field",
    ]


@pytest.mark.parametrize("given", [None, [], "study", 5])
def test_something_else_altogether(given: object) -> None:
    assert said(StudyDefinition, given) == ["must be a mapping"]


def test_a_flood_of_errors_is_cut() -> None:
    errors = said(StudyDefinition, study(**{f"x{n}": 1 for n in range(1_000)}))
    assert len(errors) == 101
    assert errors[0] == "x0: is not a known field"
    assert errors[-1] == "and 900 more errors"


def test_words_for_what_json_does() -> None:
    with pytest.raises(ValueError) as caught:
        NewTrial.model_validate_json('{"params": {"a": 1')
    (error,) = field_errors(caught.value, None)  # type: ignore[arg-type]  # pydantic's is a ValueError
    assert str(error) == "is not JSON: EOF while parsing an object at line 1 column 18"


def test_a_problem_may_grow() -> None:
    body = {"title": "Invalid", "status": 422, "code": "invalid_argument", "detail": "x", "new": 1}
    problem = Problem.model_validate(body)
    assert (problem.type, problem.hint, problem.errors) == ("about:blank", None, ())
