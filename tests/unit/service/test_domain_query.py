"""Comparisons as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import Invalid
from service.domain.query import Condition, condition


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lr=0.1", Condition("lr", "=", 0.1)),
        ("lr==0.1", Condition("lr", "=", 0.1)),
        ("lr != 0.1", Condition("lr", "!=", 0.1)),
        ("lr<1", Condition("lr", "<", 1.0)),
        ("lr<=1", Condition("lr", "<=", 1.0)),
        ("lr>-1e-5", Condition("lr", ">", -1e-5)),
        (" lr >= .5 ", Condition("lr", ">=", 0.5)),
        ("value<inf", Condition("value", "<", math.inf)),
        ("value>-inf", Condition("value", ">", -math.inf)),
        ("params.lr=1", Condition("lr", "=", 1.0)),
        ("val/x-1.y=1", Condition("val/x-1.y", "=", 1.0)),
        ("größe=1", Condition("größe", "=", 1.0)),
        # With a vowel sign, which is no letter of its own.
        ("का=1", Condition("का", "=", 1.0)),
        ("opt=sgd", Condition("opt", "=", "sgd")),
        ("opt!=two words", Condition("opt", "!=", "two words")),
        ("opt=it's", Condition("opt", "=", "it's")),
        ("opt='a'", Condition("opt", "=", "a")),
        ('opt="a"', Condition("opt", "=", "a")),
        ("opt='1'", Condition("opt", "=", "1")),
        ("opt='true'", Condition("opt", "=", "true")),
        ("opt='= x'", Condition("opt", "=", "= x")),
        ("opt=''", Condition("opt", "=", "")),
        ("opt='", Condition("opt", "=", "'")),
        ("opt=\"a'", Condition("opt", "=", "\"a'")),
        ("opt=nan", Condition("opt", "=", "nan")),
        ("bn=true", Condition("bn", "=", True)),
        ("bn!=false", Condition("bn", "!=", False)),
        ("bn=True", Condition("bn", "=", "True")),
    ],
)
def test_what_is_read(text: str, wanted: Condition) -> None:
    found = condition(text)
    assert found == wanted
    assert type(found.value) is type(wanted.value)


@pytest.mark.parametrize(
    "text", ["", " ", "lr", "=1", "lr=", "lr= ", "1a=2", "a b=1", "lr=>1", "lr<>1", "lr=!1", "lr= =1", "lr~1", "-lr=1"]
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        condition(text, "where[2]")
    assert str(caught.value) == f"where[2]: cannot be read: {text!r} (write NAME<=NUMBER or NAME=TEXT)"
    assert caught.value.errors[0].field == "where[2]"


@pytest.mark.parametrize("text", ["lr<x", "lr>=true", "lr>nan", "lr<'1'"])
def test_only_numbers_are_more_or_less(text: str) -> None:
    with pytest.raises(Invalid, match="needs a number, not"):
        condition(text)


def test_what_is_long_is_told_short() -> None:
    with pytest.raises(Invalid) as caught:
        condition("x" * 10_000)
    assert len(str(caught.value)) < 200


@given(st.one_of(st.text(), st.from_regex(r"[a-z.]+(=|!=|<=|>=|<|>|==)\s*.*", fullmatch=True)))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        found = condition(text)
    except Invalid:
        return
    assert found.operator in {"=", "!="} or isinstance(found.value, float)
    assert not (isinstance(found.value, float) and math.isnan(found.value))
