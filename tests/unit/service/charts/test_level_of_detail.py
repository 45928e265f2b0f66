"""The level of detail against a plain computation: density, quantiles, thinning and bytes, growing report by report."""

import json
import math
import random
import statistics

import numpy as np
import pytest

from service.charts.grid import COLUMNS, ROWS, Extent, Grid, _between
from service.charts.packed import MAGIC, NOT_A_NUMBER, TOP, Curve, packed
from service.charts.span import Span, span_of
from service.charts.thinning import Floats, shortened, thinned
from service.charts.trace import MOST_POINTS, Trace
from service.wire.charts import Scale
from service.wire.objective import Direction

Curves = dict[int, tuple[list[float], list[float]]]


def curves(rng: random.Random, count: int) -> Curves:
    """Curves of different lengths and with gaps between steps, a few of them with a NaN or an outlier."""
    made: Curves = {}
    for number in range(count):
        steps = sorted(rng.sample(range(1, 400), rng.randint(1, 60)))
        values = [rng.uniform(0.1, 3) + 2 / step for step in steps]
        if number % 9 == 0:
            values[rng.randrange(len(values))] = math.nan
        if number % 11 == 0:
            values[rng.randrange(len(values))] = rng.choice([1e300, math.inf])
        made[number] = ([float(step) for step in steps], values)
    return made


def plain_value(at: float, steps: list[float], values: list[float]) -> float:
    """What lies on the straight line between the two points around a place; the nearest end beyond them."""
    if at <= steps[0]:
        return values[0]
    for left in range(len(steps) - 1):
        if steps[left] <= at <= steps[left + 1]:
            if at == steps[left]:
                return values[left]
            if at == steps[left + 1]:
                return values[left + 1]
            share = (at - steps[left]) / (steps[left + 1] - steps[left])
            return values[left] + share * (values[left + 1] - values[left])
    return values[-1]


def plain_rows(drawn: Curves, extent: Extent) -> dict[int, list[float]]:
    """The value of each curve at each column, one by one."""
    rows = {}
    columns = np.linspace(extent.low, extent.high, COLUMNS).tolist()
    for number, (steps, values) in drawn.items():
        ends = [(end - extent.low) / (extent.high - extent.low) * (COLUMNS - 1) for end in (steps[0], steps[-1])]
        first, last = map(round, ends)
        rows[number] = [
            plain_value(at, steps, values) if first <= column <= last else math.nan for column, at in enumerate(columns)
        ]
    return rows


def test_an_infinite_end_stays_infinite_at_the_column_behind_it() -> None:
    found = _between(np.array([2.0, 2.4]), np.array([1.0, 2.0]), np.array([0.5, math.inf]))
    assert found.tolist() == [math.inf, math.inf]


def plain_counts(rows: dict[int, list[float]], span: Span) -> list[list[int]]:
    """How many values fall into each cell, one by one: below the span, each row, above it."""
    counts = [[0] * (ROWS + 2) for _ in range(COLUMNS)]
    for row in rows.values():
        for column, value in enumerate(row):
            if math.isnan(value):
                continue
            if span.scale == "log":
                share = (
                    -math.inf
                    if value <= 0
                    else (math.log(value) - math.log(span.low)) / (math.log(span.high) - math.log(span.low))
                )
            else:
                share = (value - span.low) / (span.high - span.low)
            counts[column][0 if share < 0 else ROWS + 1 if share > 1 else min(int(share * ROWS), ROWS - 1) + 1] += 1
    return counts


def grid_of(drawn: Curves, direction: Direction = "minimize") -> Grid:
    grid = Grid(direction, lambda number: (np.array(drawn[number][0]), np.array(drawn[number][1])))
    for number in drawn:
        grid.put(number)
    return grid


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_density_is_that_of_a_plain_computation(rng: random.Random, scale: Scale) -> None:
    drawn = curves(rng, 150)
    grid = grid_of(drawn)
    density = grid.density(scale)
    expected = plain_counts(plain_rows(drawn, grid.extent), density.span)
    # A value on the border of two rows may fall to either side.
    assert np.abs(np.array(expected).cumsum(axis=1) - density.counts.cumsum(axis=1)).max() <= 1
    assert sum(map(sum, expected)) == density.counts.sum()


def test_a_density_that_grew_by_reports_is_that_of_all_at_once(rng: random.Random) -> None:
    drawn = curves(rng, 120)
    whole = {number: (list(steps), list(values)) for number, (steps, values) in drawn.items()}
    for steps, values in drawn.values():
        del steps[1:], values[1:]
    grid = grid_of(drawn)
    assert grid.density("linear").counts.sum()
    # Reports come in any order; the grid is asked in between, as pages are opened.
    reports = [(number, place) for number, (steps, _) in whole.items() for place in range(1, len(steps))]
    turns = {number: iter(range(1, len(steps))) for number, (steps, _) in whole.items()}
    rng.shuffle(reports)
    for turn, (number, _) in enumerate(reports):
        place = next(turns[number])
        for kept, given in zip(drawn[number], whole[number], strict=True):
            kept.append(given[place])
        grid.put(number)
        if turn % 400 == 0:
            grid.density("linear")
    density, fresh = grid.density("linear"), grid_of(whole)
    assert grid.extent == fresh.extent
    again = plain_counts(plain_rows(whole, grid.extent), density.span)
    assert np.abs(np.array(again).cumsum(axis=1) - density.counts.cumsum(axis=1)).max() <= 1
    for grown, whole_line in zip(grid.quantiles(), fresh.quantiles(), strict=True):
        np.testing.assert_array_equal(grown, whole_line)


def test_quantiles_are_those_of_the_trials_that_reach_a_column(rng: random.Random) -> None:
    drawn = {number: curve for number, curve in curves(rng, 80).items() if number % 11}
    grid = grid_of(drawn)
    rows = plain_rows(drawn, grid.extent)
    tenth, middle, most = grid.quantiles()
    for column in range(COLUMNS):
        known = sorted(row[column] for row in rows.values() if not math.isnan(row[column]))
        if not known:
            assert math.isnan(middle[column])
        else:
            assert middle[column] == pytest.approx(statistics.median(known))
            assert known[0] <= tenth[column] <= middle[column] <= most[column] <= known[-1]
        if len(known) > 1:
            deciles = statistics.quantiles(known, n=10, method="inclusive")
            assert (tenth[column], most[column]) == pytest.approx((deciles[0], deciles[8]))


def test_a_curve_that_is_taken_back_leaves_nothing_behind() -> None:
    drawn: Curves = {0: ([1.0, 9.0], [1.0, 2.0]), 1: ([1.0, 9.0], [1.5, 1.0])}
    grid = grid_of(drawn)
    before = grid.density("linear").counts.sum()
    drawn[1] = ([], [])
    grid.put(1)
    assert grid.density("linear").counts.sum() == before / 2
    assert grid.quantiles()[1][0] == 1.0


def test_an_empty_grid_tells_nothing() -> None:
    grid = grid_of({})
    assert grid.density("log").counts.sum() == 0
    assert all(np.isnan(line).all() for line in grid.quantiles())


@pytest.mark.parametrize("most", [5, 10, 100])
def test_thinning_keeps_ends_peaks_and_gaps(rng: random.Random, most: int) -> None:
    values = np.array([rng.gauss(0, 1) for _ in range(1_237)])
    values[600], values[601] = 99.0, -99.0
    kept = thinned(values, most).tolist()
    assert len(kept) <= most
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, 1_236)
    assert {600, 601} <= set(kept)
    values[700] = math.nan
    assert np.isnan(values[thinned(values, most)]).any()
    assert len(thinned(values, most)) <= most


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 199, 333])
def test_thinning_of_any_length(count: int) -> None:
    values = np.arange(float(count))
    kept = thinned(values, 100).tolist()
    assert len(kept) == min(count, len(kept))
    assert len(kept) <= 100
    assert kept == sorted(set(kept))
    if count <= 100:
        assert kept == list(range(count))
    assert not count or kept[-1] == count - 1


def test_a_trace_gathers_twice_as_much_as_is_shown_and_no_more(rng: random.Random) -> None:
    trace = Trace()
    peak = 5_432
    for step in range(10_000):
        trace.extend([(step, 50.0 if step == peak else rng.random(), step / 10, None)])
        assert len(trace) < 2 * MOST_POINTS
    assert (trace.seen, trace.steps[0], trace.steps[-1]) == (10_000, 0, 9_999)
    assert trace.values[list(trace.steps).index(peak)] == 50.0
    # Steps that do not grow are left out, as they are where curves are judged.
    trace.extend([(9_999, 1.0, None, None), (3, 1.0, None, None)])
    assert trace.seen == 10_000


def test_where_points_lie_along_time() -> None:
    told = Trace([(1, 3.0, 3600.0, None), (2, 2.0, 7200.0, 14400.0)])
    assert told.along("time", None)[0].tolist() == [1.0, 2.0]
    assert told.along("gpu", None)[0].tolist() == [1.0, 2.0], "without the cost of each point, its time"
    untold = Trace([(1, 3.0, None, None), (2, 2.0, None, None)])
    assert untold.along("time", 7200.0)[0].tolist() == [1.0, 2.0]
    assert untold.along("gpu", None)[0].tolist() == [0.0, 0.0]
    assert Trace([(1, 1.0, 7200.0, 3600.0), (2, 1.0, 3600.0, 7200.0)]).along("time", None)[0].tolist() == [2.0, 2.0]
    assert (untold.last, Trace([(1, math.nan, None, None)]).broken) == (2.0, True)


@pytest.mark.parametrize(
    ("direction", "low", "high"), [("minimize", 1.0, 99.0), ("maximize", 1.0, 1e300)], ids=["small", "large"]
)
def test_outliers_on_the_bad_side_are_left_outside(direction: Direction, low: float, high: float) -> None:
    values = np.array([*map(float, range(1, 100)), 1e300, math.nan, math.inf])
    found = span_of(values, direction)
    assert (found.low, found.high) == (low, high)


def test_a_long_tail_is_no_outlier() -> None:
    found = span_of(np.linspace(0, 10, 50), "minimize")
    assert (found.low, found.high) == (0.0, 10.0)
    assert span_of(np.array([]), "minimize") == Span(0.0, 1.0)
    for scale in ("linear", "log"):
        for value in (1.7e308, 5e-324):
            huge = span_of(np.array([value]), "minimize", scale)
            assert huge.low < huge.high < math.inf
    same = span_of(np.array([3.0, 3.0]), "minimize")
    assert same.low < 3 < same.high
    log = span_of(np.array([-1.0, 0.0, 0.01, 10.0]), "minimize", "log")
    assert (log.low, log.high) == pytest.approx((0.01, 10.0))
    assert log.shares(np.array([0.0, 0.01, 10.0])).tolist() == pytest.approx([-math.inf, 0.0, 1.0])


def unpacked(body: bytes) -> tuple[dict[str, object], dict[int, tuple[str, Floats, Floats]]]:
    """What the bytes say, read as the layout is written down."""
    assert body[:4] == MAGIC
    length = int.from_bytes(body[4:8], "little")
    head = json.loads(body[8 : 8 + length])
    at, count, points = 8 + length, head["curves"], head["points"]
    assert at % 4 == 0
    numbers = np.frombuffer(body, "<u4", count, at)
    counts = np.frombuffer(body, "<u2", count, at + 4 * count)
    letters = body[at + 6 * count : at + 7 * count].decode()
    at += 7 * count + count % 2
    steps, codes = np.frombuffer(body, "<u2", points, at), np.frombuffer(body, "<u2", points, at + 2 * points)
    assert len(body) == at + 4 * points
    found, begin = {}, 0
    for number, letter, size in zip(numbers.tolist(), letters, counts.tolist(), strict=True):
        places = np.cumsum(steps[begin : begin + size].astype(int)) % 65536 * head["x"]["unit"] + head["x"]["low"]
        code = codes[begin : begin + size].astype(float)
        found[number] = (letter, places, np.where(code == NOT_A_NUMBER, math.nan, code / TOP))
        begin += size
    return head, found


def test_bytes_hold_what_was_packed(rng: random.Random) -> None:
    drawn = curves(rng, 40)
    span = Span(0.0, 5.0)
    given = [Curve(number, "c", np.array(at), np.array(values)) for number, (at, values) in drawn.items()]
    head, found = unpacked(packed({"study": "Ω"}, Extent(1, 399), span, given, whole=True))
    assert (head["study"], head["curves"]) == ("Ω", 40)
    for number, (at, values) in drawn.items():
        letter, places, shares = found[number]
        assert (letter, places.tolist()) == ("c", at)
        for share, value in zip(shares.tolist(), values, strict=True):
            assert math.isnan(value) == math.isnan(share)
            if not math.isnan(value):
                assert share == pytest.approx(min(value / 5, 1.0), abs=1 / TOP)


def test_places_that_are_not_whole_keep_16_bits() -> None:
    given = [Curve(3, "r", np.array([0.25, 7.5]), np.array([1.0, 2.0]))]
    _, found = unpacked(packed({}, Extent(0.25, 7.5), Span(0.5, 2.0, "log"), given, whole=False))
    assert found[3][1].tolist() == pytest.approx([0.25, 7.5], abs=1e-3)
    assert found[3][2].tolist() == pytest.approx([0.5, 1.0], abs=1e-4)
    assert unpacked(packed({}, Extent(0, 0), Span(0, 1), [], whole=True))[1] == {}


def test_numbers_are_shortened_and_not_changed_otherwise() -> None:
    given = [0.2364123, 1e300, -5e-324, 123456789.0, math.nan, 0.0, 12.0, 1e-9 / 3, math.inf, -1.5]
    told = [0.23641, 1e300, -5e-324, 123460000.0, None, 0.0, 12.0, 3.3333e-10, None, -1.5]
    assert shortened(np.array(given)) == told
