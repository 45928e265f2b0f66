"""What is wanted of a data set: where it lies, what is to be learned, how it is split. A study fixes all of it."""

from dataclasses import dataclass
from typing import Any

from trainers.chosen import Chosen
from trainers.space import Dimension, choice, real, text, whole

Group = tuple[Dimension, ...]

SPLIT: Group = (
    whole("split_seed", 0, 9, default=0, least=0, searched=False, summary="draws who is in which part"),
    real(
        "validation_share", 0.1, 0.3, default=0.2, most=0.8, above=True, searched=False, summary="share for validation"
    ),
    real("test_share", 0.1, 0.3, default=0.2, most=0.8, searched=False, summary="share that is sealed until the end"),
)
FILE: Group = (text("path", summary="file or folder of your own data, as the worker sees it"),)
TARGET: Group = (
    text("target", summary="column or array to predict: one called target, label, class or y where it is not given"),
    text("split_column", summary="column or array that says train, validation or test of each sample"),
    choice("task", "auto", "classification", "regression", default="auto", searched=False, summary="what to learn"),
)
TABLE: Group = (
    *TARGET,
    choice("missing", "refuse", "drop", "mean", default="refuse", searched=False, summary="what to do without a value"),
)
PICTURES: Group = (
    text("cache", summary="folder that keeps decoded pictures; ~/.cache/basin where it is not given"),
    whole("image_size", 8, 64, default=32, least=4, most=512, searched=False, summary="pixels a side, after scaling"),
)
TEXT: Group = (
    whole("context", 16, 256, default=64, least=2, searched=False, summary="characters of a sample"),
    whole("characters", 10_000, 10_000_000, default=0, least=0, searched=False, summary="of the text; 0: all of them"),
)
WORDS: Group = (
    text("text_column", summary="column of the texts: one called text, sentence or review where it is not given"),
    whole(
        "words", 8, 256, default=32, least=2, searched=False, summary="words of a text: longer ones lose their first"
    ),
    whole("vocabulary", 100, 50_000, default=10_000, least=2, searched=False, summary="most frequent words known"),
)
SAMPLES: Group = (whole("samples", 100, 10_000, default=1_000, least=12, searched=False, summary="how many are made"),)
STEPS: Group = (whole("sequence_length", 4, 100, default=12, least=2, searched=False, summary="steps of a sequence"),)
NOISE: Group = (
    real("data_noise", 0.0, 2.0, default=0.1, searched=False, summary="standard deviation of what is added"),
)
DIMENSIONS: Group = (*SPLIT, *FILE, *TABLE, *PICTURES, *TEXT, *WORDS, *SAMPLES, *STEPS, *NOISE)


_DEFAULTS = {one.name: one.default for one in DIMENSIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted: a value for each of the dimensions."""

    split_seed: int
    validation_share: float
    test_share: float
    path: str
    target: str
    split_column: str
    task: str
    missing: str
    cache: str
    image_size: int
    context: int
    characters: int
    text_column: str
    words: int
    vocabulary: int
    samples: int
    sequence_length: int
    data_noise: float


def read(chosen: Chosen) -> Wanted:
    """What was chosen, with the default of each dimension that a training does not have."""
    values: dict[str, Any] = {name: chosen.values.get(name, default) for name, default in _DEFAULTS.items()}
    return Wanted(**values)
