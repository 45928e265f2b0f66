"""CSV: one line a row, NaN and infinities as words, and no cell that a spreadsheet would carry out."""

import asyncio
import csv
import io
import math
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime
from typing import Any

from service.http.export.columns import OF_POINTS, Cell, Column, TrialRow, of_trials, point_rows
from service.http.export.source import Source

CSV = "text/csv; charset=utf-8"
# What begins with one of these is a formula to spreadsheets; so is what only seems to begin with something else.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def lines(source: Source, *, points: bool) -> AsyncGenerator[bytes, None]:
    """The file, in pieces."""
    columns = OF_POINTS if points else of_trials(source.study)
    yield _written([[column.name for column in columns]])
    if points:
        async for found in source.all_points():
            yield await asyncio.to_thread(_rows, columns, point_rows(found))
        return
    async for page in source.trials():
        yield await asyncio.to_thread(_rows, columns, map(TrialRow.of, page))


def _rows(columns: Sequence[Column], rows: Iterable[Any]) -> bytes:
    return _written(_cells(columns, row) for row in rows)


def _cells(columns: Sequence[Column], row: Any) -> list[str]:
    return [_shown(column.cell(row)) for column in columns]


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float():
            return repr(cell) if math.isfinite(cell) else "NaN" if math.isnan(cell) else _infinite(cell)
        case datetime():
            return cell.isoformat().replace("+00:00", "Z")
        case str():
            return f"'{cell}" if cell.startswith(_FORMULA) else cell
        case int():
            return str(cell)


def _infinite(cell: float) -> str:
    return "Infinity" if cell > 0 else "-Infinity"


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
