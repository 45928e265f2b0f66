"""Table files of the user's own, CSV or Parquet, column by column: numbers, or words where cells are no numbers."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from pyarrow import csv as csv_reader
from pyarrow import parquet as parquet_reader

from trainers.space import BadParameter

MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
_BETWEEN = (",", ";", "\t")
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its numbers, NaN where there is none, or its words, None where there is none."""

    numbers: Numbers | None
    words: tuple[str | None, ...] = ()

    def missing(self) -> NDArray[np.bool_]:
        """Which of its cells hold nothing."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        return np.array([one is None for one in self.words], dtype=bool)

    def of(self, rows: NDArray[np.int64]) -> "Column":
        """Only these rows of it."""
        if self.numbers is not None:
            return Column(self.numbers[rows])
        return Column(None, tuple(self.words[row] for row in rows))


@dataclass(frozen=True, slots=True)
class Columns:
    """A table. `rows` are the numbers of its rows in the file, from 1 on, below the header."""

    path: Path
    columns: dict[str, Column]
    rows: NDArray[np.int64]

    def at(self, name: str, row: int) -> str:
        """A cell in words."""
        return f"{self.path}, row {self.rows[row]}, column {name!r}"

    def checked(self, name: str, parameter: str) -> str:
        """The name of a column that was asked for."""
        if name not in self.columns:
            there = ", ".join(self.columns)
            raise BadParameter(parameter, f"{name!r} is no column of {self.path}; there are {there}")
        return name

    def only(self, kept: NDArray[np.int64]) -> "Columns":
        """Only these rows of it."""
        return replace(self, columns={name: one.of(kept) for name, one in self.columns.items()}, rows=self.rows[kept])


def read_csv(path: Path) -> Columns:
    """A file of values separated by commas, semicolons or tabs, whose first line names the columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        # Semicolons and tabs are commas elsewhere.
        between = max(_BETWEEN, key=header.count)
        names = next(csv.reader([header], delimiter=between), [])
        # As texts: a cell that means nothing can be named by its row only here.
        convert = csv_reader.ConvertOptions(column_types={name: pa.string() for name in names})
        parse = csv_reader.ParseOptions(delimiter=between)
        return _columns(path, csv_reader.read_csv(path, parse_options=parse, convert_options=convert))
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise BadParameter("path", f"{path} is no CSV file of UTF-8 with a header: {error}") from None


def read_parquet(path: Path) -> Columns:
    """A Parquet file."""
    try:
        return _columns(path, parquet_reader.read_table(path))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadParameter("path", f"{path} is no Parquet file that can be read: {error}") from None


def _columns(path: Path, table: Any) -> Columns:
    names = table.column_names
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise BadParameter("path", f"{path} has more than one column {twice[0]!r}: rename one of them")
    columns = {name: _column(path, name, table[name]) for name in names}
    return Columns(path, columns, np.arange(1, table.num_rows + 1))


def _column(path: Path, name: str, cells: Any) -> Column:
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = compute.cast(cells, kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return Column(np.full(len(cells), np.nan))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _told(cells)
    if pa.types.is_boolean(kind):
        cells = compute.cast(cells, pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BadParameter("path", f"{path}, column {name!r} holds {kind}: leave it out, or make it numbers or texts")
    return Column(_numbers(compute.cast(cells, pa.float64(), safe=False)))


def _told(cells: Any) -> Column:
    """Cells that are texts, which may tell numbers."""
    plain = compute.utf8_trim_whitespace(cells)
    missing = compute.is_in(compute.utf8_lower(plain), value_set=pa.array(MISSING))
    plain = compute.if_else(missing, None, plain)
    try:
        return Column(_numbers(compute.cast(plain, pa.float64())))
    except pa.ArrowInvalid:
        return Column(None, tuple(plain.to_pylist()))


def _numbers(cells: Any) -> Numbers:
    numbers: Numbers = compute.fill_null(cells, float("nan")).to_numpy()
    # A copy: those of Arrow cannot be written to, and torch wants to.
    return np.array(numbers, dtype=np.float64)
