"""Sentences of one's own: read, learned, augmented, and refused by row where they are wrong."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from trainers import registry
from trainers.api import Stop
from trainers.chosen import Chosen
from trainers.data.catalog import DIMENSIONS, load
from trainers.local import LocalTrial
from trainers.space import BadParameter

GOOD, BAD = ("good", "great", "superb", "fine"), ("bad", "awful", "poor", "terrible")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Whether a review is good hangs on one word of it."""
    rng = random.Random(0)
    lines = ["review,label"]
    for number in range(160):
        words = rng.choices(["the", "film", "was", "very", "long", "and", "its", "story"], k=rng.randint(3, 9))
        words.insert(rng.randrange(len(words)), rng.choice(BAD if number % 2 else GOOD))
        lines.append(f'"{" ".join(words).capitalize()}!",{"no" if number % 2 else "yes"}')
    (tmp_path / "reviews.csv").write_text("\n".join(lines))
    return tmp_path / "reviews.csv"


def run(path: Path, params: dict[str, Any], **settings: Any) -> dict[str, float]:
    trial = LocalTrial(params, settings={"path": str(path), "batch_size": 32, **settings})
    registry.find("sentences")(trial)
    assert trial.trained_on is not None
    return trial.points[-1][1]


def test_texts_become_rows_of_the_numbers_of_their_words(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    path.write_text("text,label\n" + "\n".join(f"\"Don't, DON'T stop {word}\",{word}" for word in ["a", "b"] * 10))
    data = load("sentences", Chosen(DIMENSIONS, {"path": str(path), "words": 6, "vocabulary": 3}))
    assert data.vocabulary == ("", "\N{REPLACEMENT CHARACTER}", "don't", "stop", "a")
    rows = {tuple(row) for row in data.train.inputs.tolist()}
    assert rows == {(0, 0, 2, 2, 3, 4), (0, 0, 2, 2, 3, 1)}
    assert (data.shape, data.labels, data.outputs) == ((6,), ("a", "b"), 2)
    short = load("sentences", Chosen(DIMENSIONS, {"path": str(path), "words": 2}))
    assert short.shape == (2,)
    assert short.fingerprint == data.fingerprint


@pytest.mark.parametrize("model", ["gru", "encoder"])
def test_what_a_sentence_means_is_learned_from_its_words(model: str, reviews: Path) -> None:
    settings: dict[str, Any] = {"dropout": 0.0} if model == "gru" else {"d_model": 32, "blocks": 1}
    assert (
        run(reviews, {"model": model, "words": 12, "learning_rate": 0.01, **settings}, epochs=12)["val_accuracy"] > 0.9
    )


def test_sentences_are_augmented_while_they_are_learned(reviews: Path) -> None:
    params = {"aug_synonym": 0.3, "aug_insert": 0.1, "aug_delete": 0.1, "aug_swap": 0.1, "words": 12}
    settings = {"path": str(reviews), "batch_size": 32, "epochs": 2}
    whole, half = LocalTrial(params, settings=settings), LocalTrial(params, settings=settings, order="pause")
    train = registry.find("sentences")
    train(whole)
    assert whole.points[-1][1]["train_loss"] != run(reviews, {"words": 12}, epochs=2)["train_loss"]
    with pytest.raises(Stop):
        train(half)
    rest = half.resumed(settings=settings)
    train(rest)
    assert half.points + rest.points == whole.points


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        ("said,label\nhello,a\n", {}, "text_column is needed: the column of HERE that holds texts, one of said, label"),
        ("text,label\n12,a\n13,b\n", {}, "text_column 'text' of HERE holds numbers, not texts"),
        ("text,label\nhello,a\n,b\n", {}, "text has no value in HERE, row 2, column 'text': write one"),
        ("text,label\nhello,a\n!!!,b\n", {}, "text has no word in HERE, row 2, column 'text': write one"),
        ("text,label\nhello,a\nyou,\n", {}, "label has no value in HERE, row 2, column 'label'"),
        ("text,label\nhello,a\nyou,a\n", {}, "target is 'a' in each row of HERE: there is nothing to tell apart"),
        ("text,label\nhello,a\n", {"text_column": "texts"}, "text_column 'texts' is no column of HERE; there are"),
        (None, {}, "path names no file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    content: str | None, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadParameter) as refused:
        load("sentences", Chosen(DIMENSIONS, {"path": str(path), **settings}))
    assert str(refused.value).replace(str(path), "HERE").startswith(said)
