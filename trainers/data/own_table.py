"""A table of the user's own as data: which column is to be predicted, and what the others say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.data import fingerprint, table_files
from trainers.data.named import parts_of
from trainers.data.table_files import Column, Columns, Numbers
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

TARGETS = ("target", "label", "class", "y")
MOST_WORDS = 100
MOST_CLASSES = 20
"""Whole numbers are classes up to so many of them, and numbers beyond, unless `task` says otherwise."""


def csv(wanted: Wanted) -> Whole:
    """A file of comma-separated values."""
    return _whole(wanted, table_files.read_csv)


def parquet(wanted: Wanted) -> Whole:
    """A Parquet file."""
    return _whole(wanted, table_files.read_parquet)


def _whole(wanted: Wanted, read: Callable[[Path], Columns]) -> Whole:
    table = read(named_file(wanted.path))
    target = target_column(table, wanted)
    split = table.checked(wanted.split_column, "split_column") if wanted.split_column else ""
    features = [name for name in table.columns if name not in {target, split}]
    if not features:
        raise BadParameter("path", f"{table.path} has no column beside {target!r} to predict it from")
    table = _complete(table, features, target, wanted)
    inputs = np.concatenate([_feature(table, name) for name in features], axis=1)
    found = classes(table, target, wanted)
    names, targets = ((), _targets(table, target)) if found is None else found
    mark = fingerprint.of_arrays(inputs, targets)
    return Whole(
        task="regression" if found is None else "classification",
        inputs=torch.from_numpy(inputs).float(),
        targets=torch.from_numpy(targets).float() if found is None else torch.from_numpy(targets),
        outputs=len(names) or 1,
        fingerprint=fingerprint.of_texts([mark, *features, *names]),
        labels=names,
        parts=parts(table, split) if split else None,
        where=lambda row: f"row {table.rows[row]}",
    )


def named_file(given: str) -> Path:
    path = Path(given).expanduser()
    if not path.is_file():
        raise BadParameter("path", f"names no file: there is no {path.absolute()} on this worker")
    return path


def target_column(table: Columns, wanted: Wanted) -> str:
    if wanted.target:
        return table.checked(wanted.target, "target")
    found = [name for name in table.columns if name.lower() in TARGETS]
    if len(found) != 1:
        there = ", ".join(table.columns)
        raise BadParameter("target", f"is needed: the column of {table.path} to be predicted, one of {there}")
    return found[0]


def _complete(table: Columns, features: list[str], target: str, wanted: Wanted) -> Columns:
    """The rows that can be used. What is missing of a feature may be filled in, of the target never."""
    dropped = np.zeros(len(table.rows), dtype=bool)
    for name in (target, *features):
        missing = table.columns[name].missing()
        fills = wanted.missing == "mean" and name != target
        if fills or not missing.any():
            continue
        if wanted.missing != "drop":
            more = int(missing.sum()) - 1
            ways = "missing: drop leaves such rows out"
            raise BadParameter(
                name,
                f"has no value in {table.at(name, int(missing.argmax()))}"
                + (f", and in {more} more rows" if more else "")
                + f": {ways}{'' if name == target else ', missing: mean fills them in'}",
            )
        dropped |= missing
    if dropped.all():
        raise BadParameter("path", f"{table.path} has no row with a value in each column")
    return table.only(np.flatnonzero(~dropped)) if dropped.any() else table


def _feature(table: Columns, name: str) -> Numbers:
    """A column as numbers: its own, or one for each of its words that is 1 where it stands."""
    column = table.columns[name]
    if column.numbers is not None:
        return _finite(table, name, column.numbers)[:, None]
    plain = [word is None or _is_number(word) for word in column.words]
    if any(plain[row] for row, word in enumerate(column.words) if word is not None):
        row = plain.index(False)
        raise BadParameter(
            name, f"holds numbers, but {table.at(name, row)} is {column.words[row]!r}: mend it, or leave the column out"
        )
    words = sorted({one for one in column.words if one is not None})
    if len(words) > MOST_WORDS:
        raise BadParameter(
            name, f"has {len(words)} different texts in {table.path}: more than {MOST_WORDS} mean little, leave it out"
        )
    place = {word: number for number, word in enumerate(words)}
    hot = np.zeros((len(column.words), len(words)))
    for row, word in enumerate(column.words):
        hot[row, slice(None) if word is None else place[word]] = np.nan if word is None else 1.0
    return hot


def _is_number(word: str | None) -> bool:
    try:
        float(word or "")
    except ValueError:
        return False
    return True


def _finite(table: Columns, name: str, numbers: Numbers) -> Numbers:
    endless = np.isinf(numbers)
    if endless.any():
        raise BadParameter(name, f"is infinite in {table.at(name, int(endless.argmax()))}: give it a finite value")
    return numbers


def _targets(table: Columns, name: str) -> Numbers:
    column = table.columns[name]
    if column.numbers is None:
        row = next(row for row, word in enumerate(column.words) if not _is_number(word))
        raise BadParameter(
            "task", f"is regression, but {table.at(name, row)} is {column.words[row]!r}, which is no number"
        )
    return _finite(table, name, column.numbers)[:, None]


def classes(table: Columns, name: str, wanted: Wanted) -> tuple[tuple[str, ...], NDArray[np.int64]] | None:
    """The classes of a target and which of them each row has; None where it is a number."""
    column = table.columns[name]
    if wanted.task == "regression" or (wanted.task == "auto" and not _looks_like_classes(column)):
        return None
    values: list[str] | list[float]
    values = list(map(str, column.words)) if column.numbers is None else column.numbers.tolist()
    different = sorted(set(values))
    if len(different) < 2:
        raise BadParameter("target", f"is {values[0]!r} in each row of {table.path}: there is nothing to tell apart")
    place = {one: number for number, one in enumerate(different)}
    return tuple(map(_name, different)), np.array([place[one] for one in values], dtype=np.int64)


def _looks_like_classes(column: Column) -> bool:
    if column.numbers is None:
        return True
    different = np.unique(column.numbers)
    return len(different) <= MOST_CLASSES and bool((different == np.round(different)).all())


def _name(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def parts(table: Columns, name: str) -> tuple[str, ...]:
    column = table.columns[name]
    words = column.words if column.numbers is None else [f"{one:g}" for one in column.numbers]
    return parts_of(words, lambda row: table.at(name, row))
