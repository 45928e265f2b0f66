"""How values are written for people."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from service.words import ago, clean, duration, moment, number, plural, real, scalar, size, sparkline


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456789, "0.12346"),
        (0.0001, "0.0001"),
        (0.00001234567, "1.2346e-5"),
        (1e-7, "1e-7"),
        (128, "128"),
        (1_000_000, "1000000"),
        (16.0, "16"),
        (12345.678, "12346"),
        (123456.7, "123457"),
        (1.5e9, "1.5e9"),
        (-0.25, "-0.25"),
        (0.0, "0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ("NaN", "NaN"),
        ("-Infinity", "-inf"),
        (None, ""),
    ],
)
def test_numbers_have_five_digits(value: float | str | None, shown: str) -> None:
    assert number(value) == shown


def test_numbers_in_tables_have_fewer_digits() -> None:
    assert number(0.123456, 4) == "0.1235"
    assert number(0.0000123456, 4) == "1.235e-5"
    assert number(12345.6, 4) == "12346"


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "true"), (False, "false"), (None, "null"), ("adamw", "adamw"), (0.1, "0.1"), (3, "3")]
)
def test_values_of_parameters(value: object, shown: str) -> None:
    assert scalar(value) == shown


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\r") == "a\\x1b[2Jb\\x07\\r"
    assert clean("one\ntwo") == "one\\ntwo"
    assert clean("one\ntwo", lines=True) == "one\ntwo"
    assert clean("\u202egnp.exe") == "\\u202egnp.exe"
    assert clean("Größe 大小") == "Größe 大小"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.26, "0.3s"),
        (7, "7s"),
        (59.6, "1m"),
        (95, "1m 35s"),
        (3_600, "1h"),
        (3_660, "1h 1m"),
        (3_605, "1h"),
        (90_000, "1d 1h"),
        (-3, "0s"),
    ],
)
def test_durations_have_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("past", "shown"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=3, seconds=59), "3 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=9), "9 days ago"),
        (timedelta(days=99), "2025-09-25"),
    ],
)
def test_times_are_told_from_now(past: timedelta, shown: str) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert ago(now - past, now) == shown
    assert ago(None, now) == ""


def test_moments_are_read_from_answers() -> None:
    assert moment("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment(None) is None


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000, "2.0 MB"), (10**13, "10.0 TB")]
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_plurals() -> None:
    assert plural(1, "trial") == "1 trial"
    assert plural(1_200, "trial") == "1,200 trials"


def test_curves() -> None:
    assert sparkline([]) == ""
    assert sparkline([1, 1, 1]) == "▁▁▁"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, math.nan, 1]) == "█x▁"
    assert sparkline([math.nan, math.inf]) == "xx"
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"
    assert sparkline([0.0, 5e-324]) == "▁▁"


def test_long_curves_keep_both_ends() -> None:
    drawn = sparkline(list(range(1_000)), width=10)
    assert len(drawn) == 10
    assert (drawn[0], drawn[-1]) == ("▁", "█")


@pytest.mark.parametrize(
    ("value", "read"), [(1, 1.0), ("NaN", None), ("Infinity", math.inf), (True, None), ("x", None)]
)
def test_numbers_of_answers(value: object, read: float | None) -> None:
    found = real(value)
    assert found == read or (value == "NaN" and found is not None and math.isnan(found))
