"""The value types: what each takes, what each refuses, and in which words."""

import json
import math
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.wire.message import (
    MAX_ATTRS_BYTES,
    Answer,
    Attrs,
    FixedSettings,
    Identifier,
    Metrics,
    Name,
    Note,
    Params,
    Request,
    Scalar,
    Seconds,
    Tags,
    listed,
    shown,
)
from tests.unit.service.refusals import nested, said

IDENTIFIER = "must begin with a letter and hold at most 100 letters, digits and _ . - /"
DURATION = "must be seconds or a duration such as '90s', '20m', '2h30m', '1d'"


def read(kind: Any, given: Any) -> Any:
    return TypeAdapter(kind).validate_python(given)


@pytest.mark.parametrize(
    "name", ["a", "digits mlp", "größe", "日本語", "🦜🏽‍♀️", "שלום", "a'b\"c", "x" * 200, "...", "a.b"]
)
def test_names_that_are_taken(name: str) -> None:
    assert read(Name, name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "must not be empty"),
        ("x" * 201, "must have at most 200 characters"),
        ("x" * 10_000, "must have at most 200 characters"),
        # Each of these is two characters once it is written in the normal form.
        ("\u0958" * 200, "must have at most 200 characters"),
        (" a", "must not begin or end with white space"),
        ("a\n", "must not begin or end with white space"),
        (" ", "must not begin or end with white space"),
        (".", "must not be '.' or '..'"),
        ("..", "must not be '.' or '..'"),
        ("a/b", "must not hold '/' (names are part of addresses)"),
        ("a\\b", "must not hold '\\' (names are part of addresses)"),
        ("a:pause", "must not hold ':' (names are part of addresses)"),
        ("a?b", "must not hold '?' (names are part of addresses)"),
        ("a#b", "must not hold '#' (names are part of addresses)"),
        ("a%2fb", "must not hold '%' (names are part of addresses)"),
        ("a\0b", "must not hold the control character U+0000"),
        ("a\x1b[31mb", "must not hold the control character U+001B"),
        ("a\u2028b", "must not hold the control character U+2028"),
        ("a\u202eb", "must not hold the control character U+202E"),
        ("a\u200bb", "must not hold the control character U+200B"),
        ("a\ufeffb", "must not hold the control character U+FEFF"),
        ("a\ud800b", "must not hold halves of characters"),
        (5, "must be text"),
        (["a"], "must be text"),
        (None, "must be text"),
    ],
)
def test_names_that_are_refused(name: Any, text: str) -> None:
    assert said(Name, name) == [text]


def test_names_that_look_alike_are_one() -> None:
    assert read(Name, "gro\u0308ße") == "größe"


@pytest.mark.parametrize("name", ["a", "learning_rate", "val/loss", "a.b-c", "größe", "x1", "a" * 100])
def test_identifiers_that_are_taken(name: str) -> None:
    assert read(Identifier, name) == name


@pytest.mark.parametrize(
    "name", ["", "1a", ".a", "/a", "-a", "a b", "a\n", "a=b", "a`b", "a" * 101, "a" * 10_000, "a\0", "🦜", "a,b"]
)
def test_identifiers_that_are_refused(name: str) -> None:
    assert said(Identifier, name) == [IDENTIFIER]


def test_tags() -> None:
    assert read(Tags, ["a=b", "@x", "1", "ü"]) == ("a=b", "@x", "1", "ü")
    text = "must be 1 to 64 letters, digits and _ . - / = @ +"
    assert said(Tags, ["a b", "ok", "", "x" * 65]) == [f"[0]: {text}", f"[2]: {text}", f"[3]: {text}"]
    assert said(Tags, "abc") == ["must be a list"]
    assert said(Tags, ["a"] * 51) == ["must have at most 50 items"]


def test_notes() -> None:
    assert read(Note, "two\nlines\tand 🦜\r\n") == "two\nlines\tand 🦜\r\n"
    assert said(Note, "x" * 10_001) == ["must have at most 10000 characters"]
    assert said(Note, "a\0") == ["must not hold the control character U+0000"]
    assert said(Note, "\x1b[2J") == ["must not hold the control character U+001B"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90s", 90),
        ("20m", 1200),
        ("2h30m", 9000),
        ("1d", 86_400),
        ("1d2h3m4s", 93_784),
        ("1.5h", 5400),
        (" 2H ", 7200),
    ],
)
def test_lengths_of_time(given: Any, seconds: float) -> None:
    assert read(Seconds, given) == seconds


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("", DURATION),
        ("90", DURATION),
        ("2x", DURATION),
        ("m", DURATION),
        ("30m2h", DURATION),
        ("-5m", DURATION),
        ("1h 30m", DURATION),
        ("nan", DURATION),
        ("1" * 100_000, DURATION),
        (True, DURATION),
        (0, "must be greater than 0"),
        ("0s", "must be greater than 0"),
        (-1, "must be greater than 0"),
        (math.nan, "must be a finite number"),
        (math.inf, "must be a finite number"),
        ("9" * 400 + "d", "must be a finite number"),
        ("3651d", "must be at most 3.1536e+08"),
        (None, "must be a number"),
        ([], "must be a number"),
    ],
)
def test_lengths_of_time_that_are_none(given: Any, text: str) -> None:
    assert said(Seconds, given) == [text]


@pytest.mark.parametrize("value", [True, False, 0, 1, 1.0, -0.5, "", "text", None, 2**63, math.inf])
def test_scalars_keep_their_kind(value: Any) -> None:
    found = read(Scalar, value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1], "must be text, a number, true, false or null"),
        ({}, "must be text, a number, true, false or null"),
        (b"a", "must be text, a number, true, false or null"),
        (2**63 + 1, "must not be or hold a whole number of more than 64 bits"),
        (-(10**400), "must not be or hold a whole number of more than 64 bits"),
        ("a\0", "must not hold the character NUL or halves of characters"),
        ("\udc00", "must not hold the character NUL or halves of characters"),
    ],
)
def test_scalars_that_are_none(value: Any, text: str) -> None:
    assert said(Scalar, value) == [text]


def test_metrics() -> None:
    assert read(Metrics, {"loss": 1, "acc": "0.5", "x": "-Infinity"}) == {"loss": 1.0, "acc": 0.5, "x": -math.inf}
    assert math.isnan(read(Metrics, {"loss": "NaN"})["loss"])
    assert said(Metrics, {"loss": "low"}) == ["loss: must be a number"]
    assert said(Metrics, {"loss": None}) == ["loss: must be a number"]
    assert said(Metrics, {"loss": 10**400}) == ["loss: must be a number"]
    assert said(Metrics, {"1": 1.0}) == [f"1: {IDENTIFIER}"]
    assert said(Metrics, {f"m{n}": 1.0 for n in range(65)}) == ["must have at most 64 items"]


def test_params() -> None:
    assert read(Params, {"a b": 1, "c": None}) == {"a b": 1, "c": None}
    assert said(Params, {"a": [1], "b": 1, "c": {}}) == [
        "a: must be text, a number, true, false or null",
        "c: must be text, a number, true, false or null",
    ]
    assert said(Params, {f"p{n}": 1 for n in range(501)}) == ["must have at most 500 items"]


@pytest.mark.parametrize("kind", [Attrs, FixedSettings])
class TestFreeJson:
    """What users attach."""

    def test_taken(self, kind: Any) -> None:
        given = {"a": [1, 2.5, None, True, {"b": "ü"}], "c c": {}, "d": math.nan}
        assert str(read(kind, given)) == str(given)
        assert said(kind, nested(8)) == []

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            (nested(9), "must not be nested deeper than 8 levels"),
            (nested(900), "must not be nested deeper than 8 levels"),
            ({"a": [[[[[[[[[]]]]]]]]]}, "must not be nested deeper than 8 levels"),
            ({"a": ["\0"]}, "must not hold the character NUL or halves of characters"),
            ({"a": {"\ud800": 1}}, "must not hold the character NUL or halves of characters"),
            ({"a": 10**5000}, "must not be or hold a whole number of more than 64 bits"),
            ({"a": {5: 1}}, "must be JSON: text, numbers, true, false, null, lists and mappings of text"),
            ({"a": object()}, "must be JSON: text, numbers, true, false, null, lists and mappings of text"),
            ({"a": b"x"}, "must be JSON: text, numbers, true, false, null, lists and mappings of text"),
            ([], "must be a mapping"),
        ],
    )
    def test_refused(self, kind: Any, given: Any, text: str) -> None:
        assert said(kind, given) == [text]


def test_names_in_attrs() -> None:
    assert said(Attrs, {"": 1}) == ["must not be empty"]
    assert said(Attrs, {"k" * 101: 1}) == [f"{'k' * 100}…: must have at most 100 characters"]


def test_free_json_that_is_too_large() -> None:
    size = MAX_ATTRS_BYTES - len('{"a":""}')
    assert said(Attrs, {"a": "x" * size}) == []
    assert said(Attrs, {"a": "x" * (size + 1)}) == ["must not be over 16384 bytes as JSON (is 16385)"]
    # Bytes, not characters.
    assert said(Attrs, {"a": "ü" * 8_190}) == ["must not be over 16384 bytes as JSON (is 16388)"]
    assert said(FixedSettings, {"a": "x" * 65_529}) == ["must not be over 65536 bytes as JSON (is 65537)"]
    assert said(FixedSettings, {f"k{n}": 1 for n in range(201)}) == ["must have at most 200 items"]


def test_requests_refuse_what_they_do_not_know_and_answers_do_not_mind() -> None:
    class Asked(Request):
        a: float

    class Told(Answer):
        a: float

    assert said(Asked, {"a": 1, "b": 2, "c": 3}) == ["b: is not a known field", "c: is not a known field"]
    assert Told.model_validate({"a": 1, "b": 2}) == Told(a=1)
    for kind in (Asked, Told):
        with pytest.raises(ValueError, match="frozen"):
            kind(a=1.0).a = 2.0


def test_numbers_that_json_lacks_travel_as_text() -> None:
    class Told(Answer):
        values: Metrics

    sent = Told(values={"a": math.nan, "b": math.inf, "c": -math.inf, "d": -0.0, "e": 1e308}).model_dump_json()
    assert json.loads(sent)["values"] == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 0.0, "e": 1e308}
    back = Told.model_validate_json(sent).values
    assert list(map(str, back.values())) == ["nan", "inf", "-inf", "-0.0", "1e+308"]


def test_what_is_long_is_cut_in_messages() -> None:
    assert shown("a") == "'a'"
    assert len(shown("x" * 10_000)) == 81
    assert listed(["a", 1, None]) == "'a', 1, None"
    assert listed(range(25)) == ", ".join(map(str, range(20))) + " and 5 more"
