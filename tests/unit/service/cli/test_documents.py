"""YAML and JSON files: plain values, lines, and what is refused."""

import io
import math
from pathlib import Path

import pytest

from service.cli import documents
from service.cli.errors import BadInput
from service.documents import dump

TEXT = """\
# a comment
name: a
space:
  model.lr: {type: float, low: 1e-5, high: 0.1}
  model:
    type: categorical
    choices: [yes, no]
objectives:
  - metric: x
    direction: minimise
"""


def refused(text: str) -> str:
    with pytest.raises(BadInput) as error:
        documents.parse(text, "f")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("+3", 3),
        ("-0x1F", "-0x1F"),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("True", True),
        ("~", None),
        ("-.INF", -math.inf),
        ("'1e-5'", "1e-5"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = documents.parse(text, "f").data
    assert found == value
    assert type(found) is type(value)


def test_nan() -> None:
    assert math.isnan(documents.parse(".nan", "f").data)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("name", 2),
        ("space.model.lr.high", 4),
        ("space.model", 5),
        ("space.model.choices", 7),
        ("space.model.choices[1]", 7),
        ("space.model.when.optimizer", 5),
        ("objectives", 8),
        ("objectives[0].direction", 10),
        ("objectives[0].target", 9),
        ("objectives[4].metric", 8),
        ("unknown", 2),
        ("", 2),
    ],
)
def test_every_field_has_its_line(field: str, line: int) -> None:
    assert documents.parse(TEXT, "f.yaml").place(field) == f"f.yaml:{line}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: 'a' is here twice: first on line 1"),
        ("x:\n  a: 1\n  a: 1", "f:3: 'a' is here twice: first on line 2"),
        ("1: x", "f:1: '1' must be text: write it in quotes"),
        ("true: x", "f:1: 'true' must be text: write it in quotes"),
        ("? [a]\n: 1", "f:1: 'this key' must be text: write it in quotes"),
        ("a:\n  - [1", "f:2: "),
        ("a: b: c", "f:1: mapping values are not allowed here"),
        ("a: *b", "f:1: found undefined alias 'b'"),
        ("--- 1\n--- 2", "f:2: expected a single document"),
        ("a: !!python/object/apply:os.system [ls]", "f:1: the tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !!binary aGk=", "f:1: the tag"),
        ("a: !!timestamp 2020-01-01", "f:1: the tag"),
        ("a: !!int x", "f: cannot be read: "),
        ("a:\n  b: \x07", "f:2: holds the control character \\x07"),
        ("a: &x [*x]", "f:1: the alias stands within its own anchor"),
        ("[" * 50, "f:1: is nested deeper than 32 levels"),
        ("a: " + "9" * 5_000, "f: cannot be read: "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    assert refused(text).startswith(said)


def test_aliases_cannot_grow_without_bound() -> None:
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    assert refused("\n".join(lines)) == "f:5: holds more than 100,000 values"


def test_aliases_and_merges_work() -> None:
    text = "base: &base {type: float, low: 0, high: 1}\na: *base\nb: {<<: *base, high: 2}"
    assert documents.parse(text, "f").data == {
        "base": {"type": "float", "low": 0, "high": 1},
        "a": {"type": "float", "low": 0, "high": 1},
        "b": {"type": "float", "low": 0, "high": 2},
    }


def test_json_is_read_with_its_lines() -> None:
    document = documents.parse('{\n\t"name": "a\\/b",\n\t"space": {}\n}', "f.json")
    assert document.data == {"name": "a/b", "space": {}}
    assert document.place("space") == "f.json:3"


def test_json_that_names_a_field_twice_is_refused() -> None:
    assert refused('{"a": 1,\n "a": 2}') == "f:2: 'a' is here twice: first on line 1"


def test_an_empty_file_holds_nothing() -> None:
    assert documents.parse("# only a comment\n", "f").data is None
    assert documents.parse("", "f").place("name") == "f"


def test_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes("\ufeffname: Größe\n".encode())
    assert documents.read(str(file), io.StringIO()).data == {"name": "Größe"}
    stdin = io.TextIOWrapper(io.BytesIO(b"name: b"))
    document = documents.read("-", stdin)
    assert (document.label, document.data) == ("<stdin>", {"name": "b"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: \xff", ":2: is not UTF-8 text"),
        (b"a: 1\n" + b"#" * 1_000_001, ": is larger than 1,000,000 bytes"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput) as error:
        documents.read(str(file), io.StringIO())
    assert str(error.value) == f"{file}{said}"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInput, match=r"No such file|Is a directory"):
            documents.read(str(path), io.StringIO())


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-5", 1e-5), ("adamw", "adamw"), ("", ""), ("[16, 32]", [16, 32]), ("*x", "*x"), ("a: b", {"a": "b"})],
)
def test_values_of_the_command_line(text: str, value: object) -> None:
    assert documents.value(text) == value


def test_plain_values_of_the_command_line() -> None:
    assert documents.scalar("[1]") == "[1]"
    assert documents.scalar("null") is None
    assert documents.scalar("2.5") == 2.5


def test_what_is_written_can_be_read_again() -> None:
    data = {"rate": 1e-05, "name": "Größe", "no": ["yes", None, 1.0], "text": "1e-5", "on": "0o17"}
    assert documents.parse(dump(data), "f").data == data
