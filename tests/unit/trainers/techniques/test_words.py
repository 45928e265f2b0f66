"""Augmentations of texts: on the numbers of words, a whole batch at once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.trainers.techniques.given import chance, chosen, data
from trainers.space import BadParameter
from trainers.techniques import preparing
from trainers.techniques.augmentation import synonyms
from trainers.techniques.augmentation.delete import delete
from trainers.techniques.augmentation.insert import insert
from trainers.techniques.augmentation.swap import swap
from trainers.techniques.augmentation.synonym import replace as with_synonyms

VOCABULARY = ("", "the", "movie", "film", "was", "great", "superb", "bad", "poor", "xyzzy")
SENTENCE = [0, 0, 0, 0, 0, 1, 2, 4, 5, 9]
TEXTS = torch.tensor([SENTENCE] * 500)
SMALL = replace(data(TEXTS, torch.arange(500) % 3), vocabulary=VOCABULARY)
TABLE = synonyms.table(SMALL, "")


def rows(words: Tensor) -> list[list[int]]:
    """The words of each row; they stand at its end."""
    found = []
    for row in words.tolist():
        kept = [word for word in row if word]
        assert row == [0] * (len(row) - len(kept)) + kept
        found.append(kept)
    return found


def test_the_table_has_synonyms_of_the_vocabulary() -> None:
    of = {VOCABULARY[place]: {VOCABULARY[one] for one in row} for place, row in enumerate(TABLE.tolist())}
    assert of["movie"] == {"film"}
    assert of["great"] == {"superb"}
    assert of["bad"] == {"poor"}
    assert of["xyzzy"] == {"xyzzy"}


def test_words_give_way_to_their_synonyms() -> None:
    found = with_synonyms(TEXTS, TABLE, 0.3, chance())
    changed = found != TEXTS
    assert {(int(a), int(b)) for a, b in zip(TEXTS[changed], found[changed], strict=True)} == {(2, 3), (5, 6)}
    assert float(changed[:, 6].float().mean()) == pytest.approx(0.3, abs=0.06)


def test_words_are_left_out_and_the_order_stays() -> None:
    found = rows(delete(TEXTS, 0.3, chance()))
    assert sum(map(len, found)) / 500 == pytest.approx(5 * 0.7, abs=0.15)
    assert all(row == [word for word in SENTENCE if word in row] for row in found)
    assert delete(TEXTS, 1.0, chance()).tolist() == TEXTS.tolist()


def test_words_are_put_in_between() -> None:
    found = rows(insert(TEXTS, TABLE, 0.3, chance()))
    assert sum(map(len, found)) / 500 == pytest.approx(5 * 1.3, abs=0.15)
    # What was there is there still, in its order; what is new means the same as something that was there.
    for row in found:
        rest = iter(row)
        assert all(word in rest for word in [1, 2, 4, 5, 9])
    assert {word for row in found for word in row} <= {1, 2, 3, 4, 5, 6, 9}


def test_a_text_that_becomes_too_long_loses_its_beginning() -> None:
    full = torch.tensor([[1, 2, 4, 5]])
    (row,) = rows(insert(full, TABLE, 1.0, chance()))
    assert len(row) == 4
    assert row[0] == 4
    assert row[2] == 5


def test_words_change_places() -> None:
    found = rows(swap(TEXTS, 0.6, chance()))
    assert all(sorted(row) == [1, 2, 4, 5, 9] for row in found)
    assert len({tuple(row) for row in found}) > 50
    moved = sum(row != [1, 2, 4, 5, 9] for row in found)
    assert 250 < moved < 500
    assert torch.equal(swap(TEXTS, 0.0, chance()), TEXTS)


@pytest.mark.parametrize("name", ["aug_synonym", "aug_insert", "aug_delete", "aug_swap"])
def test_each_is_chosen_by_name_and_refused_where_there_are_no_words(name: str) -> None:
    given = chosen("augmentation", **{name: 0.5})
    prepare = preparing.make(given, SMALL)
    assert prepare is not None
    first, _ = prepare(TEXTS, SMALL.train.targets, chance())
    assert not torch.equal(first, TEXTS)
    assert torch.equal(prepare(TEXTS, SMALL.train.targets, chance())[0], first)
    with pytest.raises(BadParameter, match=f"{name} must be 0 for small: it changes words, and this has none"):
        preparing.make(given, data(TEXTS, torch.arange(500) % 3))


def test_synonyms_of_ones_own_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text("# plants\n\nthe, XYZZY\n")
    table = synonyms.table(SMALL, str(file))
    assert table[1].tolist() == [9]
    assert table[2].tolist() == [2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"good, fine\nlonely\n", "line 2: 'lonely' must be two words or more, a comma between"),
        (b"good, fine\ngood,,bad\n", "line 2: 'good,,bad' must be two words or more"),
        (b"good, fine\nna\xefve, simple\n", "line 2: this is no UTF-8; save it as UTF-8"),
        (b"# nothing\n", "has no synonyms: write a group of them a line, between commas"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_of_synonyms_is_refused_by_its_line(content: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadParameter, match=f"synonyms {file}.*{said}"):
        synonyms.table(SMALL, str(file))
