"""Parameters of trials from the command line and from files: CSV with a column for each, JSON or YAML with a list."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from service.cli import documents
from service.cli.errors import BadInput
from service.documents import Document
from service.words import clean

_PREFIX = "params."


@dataclass(frozen=True)
class Given:
    """The parameters of one trial, and where they were given: `points.csv:7`."""

    place: str
    params: dict[str, Any]


def from_options(pairs: Sequence[str], space: Mapping[str, Any]) -> Given:
    """One trial from `-p name=value` options."""
    return Given("", dict(_pair(pair, "-p", space) for pair in pairs))


def assigned(pairs: Sequence[str], option: str) -> dict[str, Any]:
    """Values by their names, from `NAME=VALUE` options."""
    return dict(_pair(pair, option, {}) for pair in pairs)


def from_file(path: str, space: Mapping[str, Any], stdin: TextIO) -> list[Given]:
    """The trials of a file; CSV by its ending, anything else is YAML or JSON."""
    if path != "-" and Path(path).suffix.lower() in {".csv", ".tsv"}:
        return list(_table(path, space))
    return list(_list(documents.read(path, stdin)))


def typed(text: str, parameter: Mapping[str, Any] | None) -> Any:
    """A value from text as its parameter has it: the choice that is written so, or else what YAML makes of it."""
    choices = (parameter or {}).get("choices") or (parameter or {}).get("values") or ()
    if text in choices:
        return text
    return documents.scalar(text)


def _pair(pair: str, option: str, space: Mapping[str, Any]) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    name = name.strip()
    if not equals or not name:
        raise BadInput(f"{option} {clean(pair)}: must be NAME=VALUE, such as {option} learning_rate=0.001")
    return name, typed(text, space.get(name))


def _table(path: str, space: Mapping[str, Any]) -> Iterator[Given]:
    label = clean(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{label}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{label}: is not UTF-8 text") from error
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = _names(next(rows, []), label)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            place = f"{label}:{rows.line_num}"
            if len(row) != len(names):
                raise BadInput(f"{place}: has {len(row)} cells where the first line has {len(names)} names")
            # An empty cell is a parameter that is not given: one that takes no part in this trial.
            given = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell.strip()}
            yield Given(place, {name: typed(cell, space.get(name)) for name, cell in given.items()})
    except csv.Error as error:
        raise BadInput(f"{label}:{rows.line_num}: {error}") from error


def _names(head: Sequence[str], label: str) -> list[str]:
    names = [name.strip().removeprefix(_PREFIX) for name in head]
    if not any(names):
        raise BadInput(f"{label}:1: must name the parameters, one in each column")
    for place, name in enumerate(names):
        if not name or name in names[:place]:
            what = f"{name!r} stands twice" if name else f"column {place + 1} has no name"
            raise BadInput(f"{label}:1: {what}")
    return names


def _list(document: Document) -> Iterator[Given]:
    """A list of trials: the parameters themselves, or mappings that hold them under `params`."""
    if not isinstance(document.data, list):
        raise BadInput(f"{document.label}: must hold a list of trials, each a mapping of names to values")
    for place, item in enumerate(document.data):
        where = document.place(f"[{place}]")
        if not isinstance(item, dict):
            raise BadInput(f"{where}: must be a mapping of names to values")
        inner = item.get("params")
        yield Given(where, inner if isinstance(inner, dict) and len(item) == 1 else item)
