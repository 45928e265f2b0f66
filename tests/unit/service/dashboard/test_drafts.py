"""A study that is being written: both ways, with what is wrong at its field and line."""

import ast
import json

import pytest
import yaml

from service.dashboard import drafts
from service.dashboard.shown import span, spark
from service.wire.problem import FieldError
from service.wire.study import StudyDefinition


def test_what_a_new_study_begins_with_is_a_study() -> None:
    draft = drafts.of_yaml(drafts.START, lambda _: ())
    assert draft.errors == []
    assert draft.definition is not None
    assert set(draft.samples) == {"learning_rate", "dropout", "batch_size", "optimizer", "momentum"}
    again = drafts.of_data(draft.data, lambda _: ())
    assert again.definition == draft.definition


@pytest.mark.parametrize(
    ("text", "field", "line"),
    [
        (drafts.START.replace("high: 0.1", "high: 1e-9"), "space.learning_rate.high", 5),
        (drafts.START.replace("max_trials: 100", "max_trials: 0"), "budget.max_trials", 10),
        (drafts.START.replace("name: my-study\n", ""), "name", 1),
        ("a: [", "", 1),
        ("name: a\nname: b\n", "", 2),
        ("- 1\n", "", 1),
        ("", "", 1),
    ],
)
def test_what_is_wrong_is_placed(text: str, field: str, line: int) -> None:
    draft = drafts.of_yaml(text, lambda _: ())
    assert draft.definition is None
    assert (field, line) in {(one.field, one.line) for one in draft.errors}


def test_a_server_s_own_refusals_are_placed_too() -> None:
    def refuse(_: StudyDefinition) -> list[FieldError]:
        return [FieldError(field="space.dropout", message="no")]

    draft = drafts.of_yaml(drafts.START, refuse)
    assert [(one.field, one.line, one.message) for one in draft.errors] == [("space.dropout", 6, "no")]
    assert draft.definition is None


def test_the_same_in_other_words() -> None:
    data = {"name": 'it\'s "so"', "objectives": [{"metric": "a"}], "space": {}}
    told = drafts.of_data(data, lambda _: ()).told("http://here", token=True)
    assert yaml.safe_load(told["yaml"]) == data
    assert json.loads(told["curl"].partition("<<'END'\n")[2].rpartition("\nEND")[0]) == data
    assert ast.literal_eval(told["python"].partition("study = ")[2].partition("\nhttpx2")[0]) == data


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (7200.0, "2h"), (45_000.0, "12h30m"), (90_061.0, "1d1h1m1s"), (0.5, "0.5s")]
)
def test_a_length_of_time_is_written_as_it_is_typed(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


def test_a_small_drawing_takes_any_number() -> None:
    assert spark([]) == spark([float("nan")]) == ""
    for values in ([1.0], [1e300, -1e300], [0.5, float("nan"), 0.7], [float("inf"), 1.0, 1.0]):
        drawn = spark(values)
        assert "path" in drawn
        assert "nan" not in drawn
        assert "inf" not in drawn
