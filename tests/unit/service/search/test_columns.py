"""Columns: what is asked of one is true of all trials that were added by then."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.columns import Columns
from service.usecases.engine import Curve


def curve(*values: float) -> Curve:
    made = Curve()
    for step, value in enumerate(values, start=1):
        made.add(step, value)
    return made


def test_a_percentile_is_that_of_all_trials_so_far() -> None:
    columns = Columns()
    columns.add(0, curve(1.0, 5.0))
    columns.add(1, curve(3.0))
    first, second = columns.at(1), columns.at(2)
    assert (first.percentile(50, 1, minimize=True), first.trials) == (2.0, 2)
    assert (first.percentile(25, 1, minimize=True), first.percentile(25, 1, minimize=False)) == (1.5, 2.5)
    assert (second.percentile(50, 1, minimize=True), second.trials) == (5.0, 2)
    assert math.isnan(first.percentile(50, 3, minimize=True))
    columns.add(2, curve(8.0))
    assert (columns.at(1).percentile(50, 1, minimize=True), columns.at(2).trials) == (3.0, 3)
    assert (first.percentile(50, 1, minimize=True), first.trials) == (2.0, 2)
    columns.clear()
    assert math.isnan(columns.at(1).percentile(50, 1, minimize=True))


@given(
    values=st.lists(
        st.floats(allow_nan=False, width=32) | st.floats(-1, 1) | st.sampled_from([0.5, math.nan]), min_size=1
    ),
    share=st.sampled_from([0.0, 10.0, 25.0, 50.0, 75.0, 100.0]) | st.floats(0, 100),
    minimize=st.booleans(),
    asked=st.floats(-2, 2),
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_it_says_what_numpy_says_to_the_last_bit(
    values: list[float], share: float, minimize: bool, asked: float
) -> None:
    columns = Columns()
    for number, value in enumerate(values):
        columns.add(number, curve(value))
        if number % 3 == 0:
            columns.at(1)
    column, known = columns.at(1), [value for value in values if not math.isnan(value)]
    assert column.count() == len(known)
    assert column.better(asked, minimize=minimize) == sum(one < asked if minimize else one > asked for one in known)
    found = column.percentile(share, len(values), minimize=minimize)
    expected = float(np.percentile(known, share if minimize else 100 - share)) if known else math.nan
    assert found == expected or (math.isnan(found) and math.isnan(expected))
    assert math.isnan(column.percentile(share, len(values) + 1, minimize=minimize))


def test_many_that_come_at_once_are_in_order_too() -> None:
    columns = Columns()
    for number in range(100):
        columns.add(number, curve(float(-number)))
    assert list(columns.at(1).values) == [float(-number) for number in reversed(range(100))]
    columns.add(100, curve(-50.5))
    assert columns.at(1).better(-50.0, minimize=True) == 50
