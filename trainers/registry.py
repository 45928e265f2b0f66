"""The trainers that have a name. They are strings until one of them is called for: listing them loads nothing."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass

from trainers import source
from trainers.source import Train, TrainerProblem

GROUP = "basin.trainers"
"""The entry points of other packages: `my-cnn = "my_package.training:train"`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A trainer with a name: where its function is, and what may be loaded ahead of its trials."""

    target: str
    summary: str
    preload: tuple[str, ...] = ()


TORCH = ("torch", "torch._dynamo", "torch.profiler._cupti_monitor", "threadpoolctl")
"""The first optimiser loads the second, which takes as long as the first; its first step the third. The last one tells
libraries of linear algebra how many threads they may use."""

RECIPES: Mapping[str, Recipe] = {
    "digits-mlp": Recipe(
        target="trainers.recipes.digits_mlp:train",
        summary="scikit-learn's digits by a multi-layer perceptron: no download, seconds on one core",
        preload=(*TORCH, "sklearn.datasets"),
    ),
    "digits-cnn": Recipe(
        target="trainers.recipes.digits_cnn:train",
        summary="scikit-learn's digits by a convolutional network, of any of five designs: 98 per cent in seconds",
        preload=(*TORCH, "sklearn.datasets"),
    ),
    "table-mlp": Recipe(
        target="trainers.recipes.table_mlp:train",
        summary="tables by a multi-layer perceptron: scikit-learn's, or your CSV, Parquet or npz; classes or numbers",
        preload=(*TORCH, "sklearn.datasets"),
    ),
    "images-cnn": Recipe(
        target="trainers.recipes.images_cnn:train",
        summary="pictures by a convolutional network: your folder, npz, idx files as of MNIST, CIFAR-10's binaries",
        preload=(*TORCH, "PIL.Image"),
    ),
    "char-lm": Recipe(
        target="trainers.recipes.char_lm:train",
        summary="texts, character by character, by a Transformer or LSTM: Python's help texts, or yours",
        preload=TORCH,
    ),
    "sequences": Recipe(
        target="trainers.recipes.sequences:train",
        summary="sequences that need a memory, by GRU, LSTM or Transformer: parity, adding, copying, or your own",
        preload=TORCH,
    ),
    "sentences": Recipe(
        target="trainers.recipes.sentences:train",
        summary="your sentences and their classes, word by word, by a GRU, an LSTM or a Transformer",
        preload=TORCH,
    ),
    "rings-gan": Recipe(
        target="trainers.recipes.rings_gan:train",
        summary="points on a ring made by a GAN, by their distance to true ones and the modes that they cover",
        preload=TORCH,
    ),
    "digits-gan": Recipe(
        target="trainers.recipes.digits_gan:train",
        summary="scikit-learn's digits made anew by a DCGAN, by their Frechet distance to true ones",
        preload=(*TORCH, "sklearn.datasets"),
    ),
}


def names() -> list[str]:
    """All that have a name here: Basin's own, and those of installed packages."""
    return sorted({*RECIPES, *(one.name for one in importlib.metadata.entry_points(group=GROUP))})


def summary(name: str) -> str:
    """What a trainer is in one line; of other packages' only where it comes from is known without loading it."""
    if (recipe := RECIPES.get(name)) is not None:
        return recipe.summary
    found = [one.value for one in importlib.metadata.entry_points(group=GROUP, name=name)]
    return f"of another package: {found[0]}" if found else name


def find(spec: str) -> Train:
    """The function that a name, or `my_file.py:train`, or `package.module:train` stands for."""
    if source.is_own(spec):
        return source.find(spec)
    if (recipe := RECIPES.get(spec)) is not None:
        return source.called(recipe.target)
    for one in importlib.metadata.entry_points(group=GROUP, name=spec):
        return source.find(one.value)
    raise TrainerProblem(
        f"there is no trainer {spec!r}; there are {', '.join(names())}, and your own: my_file.py:train"
    )


def preload(spec: str) -> tuple[str, ...]:
    """The libraries to have loaded before a trial of this trainer begins. The trainer itself is never among them.

    What a function of the user's own needs is not known before it is loaded: torch, as a rule.
    """
    if (recipe := RECIPES.get(spec)) is not None:
        return recipe.preload
    return () if source.is_plain(spec) else TORCH
