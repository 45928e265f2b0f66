"""Columns: what is asked of one is true of all trials that were added by then."""

import math

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
