"""The stopping rules of a study, as they are written."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.wire.problem import field_errors
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget": {"no_gain": {}}}, "budget.no_gain.trials: is missing"),
        ({"budget": {"no_gain": {"trials": 0}}}, "budget.no_gain.trials: must be at least 1"),
        ({"budget": {"no_gain": {"trials": 9, "min_gain": -1}}}, "budget.no_gain.min_gain: must be at least 0"),
        ({"budget": {"no_gain": 40}}, "budget.no_gain: must be a mapping"),
        ({"retry": {"strikes": -1}}, "retry.strikes: must be at least 0"),
    ],
)
def test_rules_of_the_study_are_checked_too(given: dict[str, Any], said: str) -> None:
    whole = {**DEFINITION_EXAMPLE, **given}
    with pytest.raises(ValidationError) as refused:
        StudyDefinition.model_validate(whole)
    assert [str(error) for error in field_errors(refused.value, whole)] == [said]


def definition(**stopping: Any) -> StudyDefinition:
    return StudyDefinition.model_validate({**DEFINITION_EXAMPLE, "stopping": stopping})


def test_nothing_but_nan_is_watched_by_default() -> None:
    stopping = StudyDefinition.model_validate(DEFINITION_EXAMPLE).stopping
    assert (stopping.nan, stopping.patience, stopping.target, stopping.divergence) == ("stop", None, None, None)


def test_all_rules_can_be_written() -> None:
    given = {
        "patience": {"steps": 10, "min_delta": 0.001, "metric": "val_acc", "direction": "maximize", "warmup_steps": 3},
        "target": {"val_loss": -0.02},
        "divergence": {"limit": -100, "factor": 1.5, "of": "best", "metric": "val_loss"},
        "nan": "ignore",
    }
    stopping = definition(**given).stopping
    again = StudyDefinition.model_validate_json(definition(**given).model_dump_json()).stopping
    assert stopping == again
    assert stopping.target == {"val_loss": -0.02}


@pytest.mark.parametrize(
    ("stopping", "said"),
    [
        ({"patience": {}}, "stopping.patience: must have either 'reports' or 'steps'"),
        ({"patience": {"reports": 2, "steps": 2}}, "stopping.patience: must have either 'reports' or 'steps'"),
        ({"patience": {"reports": 0}}, "stopping.patience.reports: must be at least 1"),
        ({"patience": {"steps": 1, "min_delta": -1}}, "stopping.patience.min_delta: must be at least 0"),
        ({"patience": {"steps": 1, "min_delta": "nan"}}, "stopping.patience.min_delta: must be a finite number"),
        (
            {"patience": {"steps": 1, "metric": "acc"}},
            "stopping.patience.direction: is missing: 'acc' is not an objective",
        ),
        ({"divergence": {}}, "stopping.divergence: must have 'limit', 'factor' or both"),
        ({"divergence": {"factor": 1}}, "stopping.divergence.factor: must be greater than 1"),
        ({"divergence": {"limit": "inf"}}, "stopping.divergence.limit: must be a finite number"),
        (
            {"divergence": {"limit": 1, "metric": "gap"}},
            "stopping.divergence.direction: is missing: 'gap' is not an objective",
        ),
        ({"target": {"acc": 1}}, "stopping.target.acc: is not an objective (they are val_loss)"),
        ({"target": {}}, "stopping.target: must have at least 1 item(s)"),
        ({"target": 0.1}, "stopping.target: must be a mapping"),
        ({"nan": "fail"}, "stopping.nan: must be one of 'stop' or 'ignore'"),
        ({"patients": {}}, "stopping.patients: is not a known field"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(stopping: dict[str, Any], said: str) -> None:
    given = {**DEFINITION_EXAMPLE, "stopping": stopping}
    with pytest.raises(ValidationError) as refused:
        StudyDefinition.model_validate(given)
    assert [str(error) for error in field_errors(refused.value, given)] == [said]
