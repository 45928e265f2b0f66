"""All data sets by name, and the one way to load them: read, split, scaled by what the training part shows."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data import scaling, wanted
from trainers.data.dataset import Data, Part
from trainers.data.splitting import Fold, Split, check_classes, split
from trainers.data.wanted import (
    DIMENSIONS,
    FILE,
    NOISE,
    PICTURES,
    SAMPLES,
    SPLIT,
    STEPS,
    TABLE,
    TARGET,
    TEXT,
    WORDS,
    Group,
    Wanted,
)
from trainers.data.whole import Read, Whole
from trainers.space import BadParameter, Dimension, choice

__all__ = [
    "DIMENSIONS",
    "SETS",
    "Set",
    "Unsealed",
    "data_choice",
    "dimensions",
    "find",
    "folds",
    "load",
    "parted",
    "sealed",
    "unsealed",
]


@dataclass(frozen=True, slots=True)
class Set:
    """A data set, or a form of file that holds the user's own."""

    source: str
    """The module here that reads it and its function: loaded when it is asked for, with the library that it needs."""
    summary: str
    needs: Group = ()
    """The dimensions that it reads, beside those of the split."""
    own: bool = False
    """Whether it is the user's, at `path`."""


SETS: Mapping[str, Set] = {
    "digits": Set("tables:digits", "1,797 pictures of digits, 8x8, of scikit-learn"),
    "wine": Set("tables:wine", "178 wines, 13 measurements, three growers"),
    "breast-cancer": Set("tables:breast_cancer", "569 tumours, 30 measurements, two classes"),
    "iris": Set("tables:iris", "150 flowers, four measurements, three species"),
    "diabetes": Set("tables:diabetes", "442 patients, ten measurements, one number"),
    "friedman": Set(
        "tables:friedman", "Friedman's function of ten numbers, made, with known noise", (*SAMPLES, *NOISE)
    ),
    "python-docs": Set("text:python_docs", "the help texts that come with Python, character by character", TEXT),
    "parity": Set("made:parity", "bits, made: whether an odd number of them is set", (*SAMPLES, *STEPS)),
    "adding": Set("made:adding", "numbers, made: the sum of the two that are marked", (*SAMPLES, *STEPS)),
    "copy": Set("made:copy", "symbols, made: to be told again after a sign", (*SAMPLES, *STEPS)),
    "rings": Set("made:rings", "points of eight normal distributions on a ring, made", (*SAMPLES, *NOISE)),
    "csv": Set("own_table:csv", "your table: a CSV file", (*FILE, *TABLE), own=True),
    "parquet": Set("own_table:parquet", "your table: a Parquet file", (*FILE, *TABLE), own=True),
    "npz": Set("arrays:npz", "your arrays: an npz file", (*FILE, *TARGET), own=True),
    "image-folder": Set(
        "pictures:folder", "your pictures: a folder with a folder for each class", (*FILE, *PICTURES), own=True
    ),
    "mnist": Set("byte_files:idx", "a folder with MNIST's idx files, or ones like them", FILE, own=True),
    "cifar10": Set("byte_files:cifar", "a folder with CIFAR-10's binary files", FILE, own=True),
    "sentences": Set(
        "sentences:csv", "your sentences: a CSV file of texts and their classes", (*FILE, *TARGET, *WORDS), own=True
    ),
    "text": Set("text:own", "your text: a file, or a folder of texts", (*FILE, *TEXT), own=True),
}


def data_choice(*names: str, default: str) -> Dimension:
    """The dimension that a recipe chooses its data set by."""
    return choice("data", *names, default=default, searched=False, summary="the data set")


def dimensions(*names: str) -> Group:
    """What these data sets read of what was chosen, each dimension once."""
    every = (*SPLIT, *(one for name in names for one in find(name).needs))
    return tuple({one.name: one for one in every}.values())


def load(name: str, chosen: Chosen) -> Data:
    """What training is given of a data set: to learn from, and to be judged by."""
    return _data(name, *parted(name, chosen))


def folds(name: str, chosen: Chosen, of: int) -> Iterator[Data]:
    """The same for cross-validation: what is not sealed, in so many parts, each of which judges once."""
    what = wanted.read(chosen)
    whole = _read(name, what)
    for number in range(of):
        yield _data(name, whole, split(whole, what, Fold(number, of)))


def _data(name: str, whole: Whole, parts: Split) -> Data:
    inputs, targets = _scales(whole, parts)
    return Data(
        name=name,
        task=whole.task,
        train=_part(whole, parts.train, inputs, targets),
        validation=_part(whole, parts.validation, inputs, targets),
        shape=tuple(whole.inputs.shape[1:]),
        outputs=whole.outputs,
        fingerprint=whole.fingerprint,
        labels=whole.labels,
        vocabulary=whole.vocabulary,
    )


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A data set at the end: all that was not sealed, to learn from, and the sealed part; how both were scaled."""

    data: Data
    """What judges is what is learned from: nothing is left for it."""
    test: Part
    inputs: scaling.Scale | None
    targets: scaling.Scale | None


def unsealed(name: str, chosen: Chosen) -> Unsealed:
    """All of a data set, for the one training and the one evaluation at the end. Scales are of what is learned from."""
    whole, parts = parted(name, chosen)
    if not len(parts.test):
        raise BadParameter("test_share", "is 0: no part of the data was set aside for the last evaluation")
    # In the order of the data, as each part is.
    known = torch.cat([parts.train, parts.validation]).sort().values
    joined = Split(known, known, parts.test)
    inputs, targets = _scales(whole, joined)
    return Unsealed(_data(name, whole, joined), _part(whole, parts.test, inputs, targets), inputs, targets)


def sealed(name: str, chosen: Chosen) -> Part:
    """The part that no trial sees, scaled as the others are: for the one evaluation at the end."""
    whole, parts = parted(name, chosen)
    if not len(parts.test):
        raise BadParameter("test_share", "is 0: no part of the data was set aside for the last evaluation")
    inputs, targets = _scales(whole, parts)
    return _part(whole, parts.test, inputs, targets)


def find(name: str) -> Set:
    """A data set by its name."""
    if name not in SETS:
        raise BadParameter("data", f"must be one of {', '.join(SETS)}, not {name!r}")
    return SETS[name]


def _read(name: str, what: Wanted) -> Whole:
    found = find(name)
    if found.own and not what.path:
        raise BadParameter("path", f"is needed for {name}: the file or folder, as the worker sees it")
    module, _, function = found.source.partition(":")
    read: Read = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    whole = read(what)
    check_classes(whole, what)
    return whole


def parted(name: str, chosen: Chosen, fold: Fold | None = None) -> tuple[Whole, Split]:
    """A data set as it was read, and which of its samples are in which part."""
    what = wanted.read(chosen)
    whole = _read(name, what)
    return whole, split(whole, what, fold)


def _scales(whole: Whole, parts: Split) -> tuple[scaling.Scale | None, scaling.Scale | None]:
    """How inputs and targets are scaled: tokens and classes are not."""
    learned = whole.inputs[parts.train]
    if whole.vocabulary or whole.task in {"language", "sequence", "generation"}:
        return None, None
    # Pictures by channel, columns one by one; steps of a sequence are of one kind.
    over = (0, *range(2, learned.ndim)) if learned.ndim == 4 else tuple(range(learned.ndim - 1)) or (0,)
    targets = scaling.of(whole.targets[parts.train], over=(0,)) if whole.task == "regression" else None
    return scaling.of(learned, over=over), targets


def _part(whole: Whole, places: Tensor, inputs: scaling.Scale | None, targets: scaling.Scale | None) -> Part:
    taken, wanted_ = whole.inputs[places], whole.targets[places]
    if targets is not None:
        wanted_ = targets(wanted_)
    if inputs is not None and taken.dtype == torch.uint8:
        # Pictures stay bytes, a quarter of what they would be as floats: what is taken of them is scaled then.
        return Part(taken, wanted_, inputs)
    return Part(taken if inputs is None else inputs(taken), wanted_)
