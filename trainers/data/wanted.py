"""What is wanted of a data set: where it lies, what is to be learned, how it is split. A study fixes all of it."""

from dataclasses import dataclass, fields

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
SAMPLES: Group = (whole("samples", 100, 10_000, default=1_000, least=12, searched=False, summary="how many are made"),)
STEPS: Group = (whole("sequence_length", 4, 100, default=12, least=2, searched=False, summary="steps of a sequence"),)
NOISE: Group = (
    real("data_noise", 0.0, 2.0, default=0.1, searched=False, summary="standard deviation of what is added"),
)
DIMENSIONS: Group = (*SPLIT, *FILE, *TABLE, *PICTURES, *TEXT, *SAMPLES, *STEPS, *NOISE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted, with the default of each dimension that a training does not have."""

    split_seed: int = 0
    validation_share: float = 0.2
    test_share: float = 0.2
    path: str = ""
    target: str = ""
    split_column: str = ""
    task: str = "auto"
    missing: str = "refuse"
    cache: str = ""
    image_size: int = 32
    context: int = 64
    characters: int = 0
    samples: int = 1_000
    sequence_length: int = 12
    data_noise: float = 0.1


def read(chosen: Chosen) -> Wanted:
    """What was chosen of it."""
    named = (one.name for one in fields(Wanted))
    return Wanted(**{name: chosen.values[name] for name in named if name in chosen.values})  # type: ignore[arg-type]
