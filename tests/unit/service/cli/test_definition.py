"""From a file to a definition: changes, and errors at their places."""

import io
from pathlib import Path

import pytest

from service.cli.definition import Source, load
from service.cli.errors import BadInput, Conflicting, Refused

FILE = """\
name: a
objectives: [{metric: loss}]
space:
  model.rate:
    type: float
    low: 0.1
    high: 1
  optimizer: {type: categorical, choices: [sgd, adamw]}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(FILE)
    return "study.yaml"


def loaded(file: str, *changes: str, name: str | None = None) -> Source:
    return load(file, io.StringIO(), changes, name)


def errors(source: Source) -> list[str]:
    with pytest.raises(BadInput) as refused:
        source.definition()
    return list(refused.value.lines)


def test_a_file_becomes_a_definition(file: str) -> None:
    definition = loaded(file).definition()
    assert definition.name == "a"
    assert list(definition.space) == ["model.rate", "optimizer"]


def test_values_of_the_command_line_win(file: str) -> None:
    source = loaded(
        file,
        "budget.max_trials=20",
        "space.model.rate.high=1e1",
        "objectives[0].direction=maximize",
        "space.optimizer.choices[1]=adam",
        "tags=[x, y]",
        "note=",
        name="b",
    )
    definition = source.definition()
    assert definition.name == "b"
    assert definition.budget.max_trials == 20
    assert definition.objectives[0].direction == "maximize"
    assert definition.tags == ("x", "y")
    assert source.data["space"]["model.rate"]["high"] == 10.0
    assert source.data["space"]["optimizer"]["choices"] == ["sgd", "adam"]


def test_errors_stand_at_their_lines(file: str) -> None:
    Path(file).write_text(FILE.replace("high: 1", "high: 0.05").replace("loss", "'a b'") + "max_trails: 3\n")
    assert errors(loaded(file)) == [
        "study.yaml:2: objectives[0].metric: must begin with a letter and hold at most 100 letters, digits and _ . - /",
        "study.yaml:7: space.model.rate.high: must be greater than low (0.1)",
        "study.yaml:9: max_trails: is not a known field",
    ]


def test_errors_of_the_command_line_name_the_option(file: str) -> None:
    source = loaded(file, "space.model.rate.high=0", "budget={max_trials: 0}", name="a/b")
    assert errors(source) == [
        "--name: must not hold '/' (names are part of addresses)",
        "--set space.model.rate.high: must be greater than low (0.1)",
        "--set budget: budget.max_trials: must be at least 1",
    ]


def test_not_a_number_is_refused_as_by_the_server(file: str) -> None:
    Path(file).write_text(FILE.replace("high: 1", "high: .nan"))
    assert errors(loaded(file)) == ["study.yaml:7: space.model.rate.high: must be a finite number"]


def test_a_file_that_is_no_mapping(file: str) -> None:
    Path(file).write_text("- 1\n")
    assert errors(loaded(file)) == ["study.yaml:1: must be a mapping"]


def test_an_empty_file(file: str) -> None:
    Path(file).write_text("")
    with pytest.raises(BadInput, match=r"study.yaml: is empty"):
        loaded(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("budget.max_trials", "must be PATH=VALUE"),
        ("=3", "must be PATH=VALUE"),
        ("name.first=x", "there is a single value where 'first' should be"),
        ("objectives[3].metric=x", "there is no item [3] in a list of 1"),
        ("space[0]=x", "there is no item [0] in a mapping"),
        ("objectives.metric=x", "there is a list where 'metric' should be"),
    ],
)
def test_changes_that_lead_nowhere(file: str, change: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        loaded(file, change)
    assert said in str(refused.value)


def test_shared_parts_of_a_file_stay_apart(file: str) -> None:
    Path(file).write_text("a: &a {x: {y: 1}}\nb: *a\n")
    assert loaded(file, "b.x.y=2").data == {"a": {"x": {"y": 1}}, "b": {"x": {"y": 2}}}


def test_refusals_of_the_server_stand_at_their_lines_too(file: str) -> None:
    errors = [{"field": "space.optimizer", "message": "needs torch"}]
    refused = Refused(422, {"code": "invalid_argument", "detail": "no", "errors": errors, "hint": "Install it."})
    error = loaded(file).explain(refused)
    assert error.lines == ("study.yaml:8: space.optimizer: needs torch",)
    assert error.hint == "Install it."
    assert isinstance(loaded(file).explain(Refused(409, {"code": "name_taken", "detail": "no"})), Conflicting)
