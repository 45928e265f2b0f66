"""Parquet: one row group for each page, sent as it is written."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from service.http.export.columns import OF_POINTS, Column, Kind, TrialRow, of_trials, point_rows
from service.http.export.source import Source

PARQUET = "application/vnd.apache.parquet"
_ROWS_AT_ONCE = 5_000


class _Sink:
    """A file that remembers only what has not been sent yet."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._written = 0

    def write(self, piece: bytes) -> int:
        content = bytes(piece)
        self._waiting.append(content)
        self._written += len(content)
        return len(content)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        """What was written since the last time."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)


class _Writer:
    """A Parquet file in the making. Its methods are slow enough to be called in a thread."""

    def __init__(self, columns: Sequence[Column], metadata: dict[str, str]) -> None:
        # Imported when somebody wants it: it takes a third of a second and much memory.
        self._arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
        self._columns = columns
        fields = [self._arrow.field(column.name, self._type(column.kind)) for column in columns]
        self._schema = self._arrow.schema(fields, metadata=metadata)
        self._sink = _Sink()
        self._file = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def add(self, rows: Sequence[Any]) -> bytes:
        """Write a row group; answers what there is to send."""
        arrays = [
            self._arrow.array([column.cell(row) for row in rows], type=self._type(column.kind), from_pandas=False)
            for column in self._columns
        ]
        self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._sink.take()

    def finish(self) -> bytes:
        """Write the footer; answers what is left to send."""
        self._file.close()
        return self._sink.take()

    def _type(self, kind: Kind) -> Any:
        match kind:
            case "integer":
                return self._arrow.int64()
            case "float":
                return self._arrow.float64()
            case "boolean":
                return self._arrow.bool_()
            case "text":
                return self._arrow.string()
            case "time":
                return self._arrow.timestamp("us", tz="UTC")


async def pieces(source: Source, *, points: bool) -> AsyncGenerator[bytes, None]:
    """The file, in pieces."""
    columns = OF_POINTS if points else of_trials(source.study)
    writer = await asyncio.to_thread(_Writer, columns, {"basin.study": source.study.name})
    rows: list[Any] = []
    async for found in _rows(source, points=points):
        rows += found
        if not points or len(rows) >= _ROWS_AT_ONCE:
            yield await asyncio.to_thread(writer.add, rows)
            rows = []
    if rows:
        yield await asyncio.to_thread(writer.add, rows)
    yield await asyncio.to_thread(writer.finish)


async def _rows(source: Source, *, points: bool) -> AsyncGenerator[Sequence[Any], None]:
    if points:
        async for found in source.all_points():
            yield point_rows(found)
        return
    async for page in source.trials():
        yield await asyncio.to_thread(list, map(TrialRow.of, page))
