"""Sentences of the user's own and the class of each: rows of the numbers of words, the last word at the end."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from trainers.data import fingerprint, table_files
from trainers.data.own_table import classes, named_file, parts, target_column
from trainers.data.table_files import Columns
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

COLUMNS = ("text", "sentence", "review")
NONE, OTHER = "", "\N{REPLACEMENT CHARACTER}"
"""No word, and a word that is not known."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def csv(wanted: Wanted) -> Whole:
    """A CSV file with a column of texts and one of classes."""
    table = table_files.read_csv(named_file(wanted.path))
    target = target_column(table, wanted)
    column = _column(table, target, wanted)
    split = table.checked(wanted.split_column, "split_column") if wanted.split_column else ""
    for name in (column, target):
        missing = table.columns[name].missing()
        if missing.any():
            raise BadParameter(
                name, f"has no value in {table.at(name, int(missing.argmax()))}: write one, or leave it out"
            )
    texts = [str(one) for one in table.columns[column].words]
    found = classes(table, target, replace(wanted, task="classification"))
    assert found is not None
    names, targets = found
    rows = [_WORD.findall(text.lower()) for text in texts]
    if (empty := next((row for row, words in enumerate(rows) if not words), None)) is not None:
        raise BadParameter(column, f"has no word in {table.at(column, empty)}: write one, or leave the row out")
    vocabulary = _vocabulary(rows, wanted.vocabulary)
    return Whole(
        task="classification",
        inputs=torch.from_numpy(_numbers(rows, vocabulary, wanted.words)),
        targets=torch.from_numpy(targets),
        outputs=len(names),
        fingerprint=fingerprint.of_texts([fingerprint.of_arrays(targets), *texts, *names]),
        labels=names,
        vocabulary=vocabulary,
        parts=parts(table, split) if split else None,
        where=lambda row: f"row {table.rows[row]}",
    )


def _column(table: Columns, target: str, wanted: Wanted) -> str:
    if wanted.text_column:
        name = table.checked(wanted.text_column, "text_column")
    else:
        named = [name for name in table.columns if name.lower() in COLUMNS and name != target]
        if len(named) != 1:
            there = ", ".join(table.columns)
            raise BadParameter("text_column", f"is needed: the column of {table.path} that holds texts, one of {there}")
        (name,) = named
    if table.columns[name].numbers is not None:
        raise BadParameter("text_column", f"{name!r} of {table.path} holds numbers, not texts")
    return name


def _vocabulary(rows: Sequence[Sequence[str]], most: int) -> tuple[str, ...]:
    """No word, a word that is not known, and the most frequent ones."""
    counts = Counter(word for row in rows for word in row)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    return (NONE, OTHER, *frequent[:most])


def _numbers(rows: Sequence[Sequence[str]], vocabulary: Sequence[str], length: int) -> np.ndarray:
    place = {word: number for number, word in enumerate(vocabulary)}
    numbers = np.zeros((len(rows), length), dtype=np.int64)
    for row, words in enumerate(rows):
        known = [place.get(word, 1) for word in words[-length:]]
        numbers[row, length - len(known) :] = known
    return numbers
