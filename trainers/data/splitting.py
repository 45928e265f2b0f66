"""Which samples are learned from, which judge, and which stay sealed: by seed, evenly over classes, or by a column."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.wanted import Wanted
from trainers.data.whole import PARTS, Whole, samples
from trainers.space import BadParameter

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """One of several parts that take turns in judging: its number, from 0 on, and how many there are."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Split:
    """The places of the samples of each part."""

    train: Tensor
    validation: Tensor
    test: Tensor


def split(whole: Whole, wanted: Wanted, fold: Fold | None = None) -> Split:
    """Split a data set. The sealed part is the same whatever the fold: it depends on the seed and the share alone."""
    if wanted.validation_share + wanted.test_share >= 1:
        raise BadParameter(
            "validation_share",
            f"and test_share leave nothing to learn from: {wanted.validation_share:g} and {wanted.test_share:g}",
        )
    rng = np.random.default_rng(wanted.split_seed)
    named = whole.parts is not None
    test, rest = _aside(whole, "test", wanted.test_share, np.arange(len(whole.targets)), rng)
    if fold is not None:
        validation, train = _folded(whole, rest, fold, rng)
    else:
        share = wanted.validation_share / (1 if named else 1 - wanted.test_share)
        validation, train = _aside(whole, "validation", share, rest, rng)
    for name, places in (("train", train), ("validation", validation)):
        if not places.size:
            raise BadParameter(
                wanted.split_column or "validation_share",
                f"leaves no sample for {name}: there are {len(whole.targets)}",
            )
    return Split(*(torch.from_numpy(np.sort(one)) for one in (train, validation, test)))


def _aside(whole: Whole, part: str, share: float, places: Places, rng: np.random.Generator) -> tuple[Places, Places]:
    """The samples of a part, by name where the data name any, and the others."""
    if whole.parts is None:
        return _shared(whole, places, share, rng)
    named = np.flatnonzero(np.asarray(whole.parts) == part)
    if part == "validation" and not named.size:
        return _shared(whole, places, share, rng)
    return named, _without(places, named)


def _without(places: Places, taken: Places) -> Places:
    return np.setdiff1d(places, taken)


def _shared(whole: Whole, places: Places, share: float, rng: np.random.Generator) -> tuple[Places, Places]:
    """A share of these samples, at least one of each class, and the others."""
    if share == 0:
        return places[:0], places
    if whole.ordered:
        # From the end, as time goes: no sample is judged by what stands between two that were learned from.
        cut = len(places) - max(1, round(share * len(places)))
        return places[cut:], places[:cut]
    aside = [group[: max(1, round(share * group.size))] for group in _groups(whole, places, rng)]
    taken = np.concatenate(aside)
    return taken, _without(places, taken)


def _folded(whole: Whole, places: Places, fold: Fold, rng: np.random.Generator) -> tuple[Places, Places]:
    """One fold of these samples, and the others."""
    if fold.of > len(places):
        raise BadParameter("cv_folds", f"must be at most {len(places)}, the samples that are not sealed, not {fold.of}")
    if whole.ordered:
        mine = np.array_split(places, fold.of)[fold.number]
        return mine, _without(places, mine)
    # Class after class they are dealt out like cards, so that folds differ by one sample at most.
    dealt = np.concatenate(_groups(whole, places, rng))
    mine = dealt[fold.number :: fold.of]
    return mine, _without(places, mine)


def _groups(whole: Whole, places: Places, rng: np.random.Generator) -> list[Places]:
    """These samples class by class, each in a random order; one group where there are no classes."""
    if whole.task != "classification":
        return [rng.permutation(places)]
    classes = whole.targets.numpy()[places]
    return [rng.permutation(places[classes == one]) for one in range(whole.outputs) if (classes == one).any()]


def check_classes(whole: Whole, wanted: Wanted) -> None:
    """Refuse a class that is too rare to be in each part."""
    if whole.task != "classification":
        return
    needed = 2 + (wanted.test_share > 0) if whole.parts is None else 1
    counts = torch.bincount(whole.targets, minlength=whole.outputs).tolist()
    for label, count in enumerate(counts):
        if 0 < count < needed:
            places = torch.nonzero(whole.targets == label).flatten().tolist()
            name = whole.labels[label] if whole.labels else label
            raise BadParameter(
                wanted.target or "target",
                f"has class {name!r} {count} time{'s' * (count != 1)} only ({samples(places, whole.where)}), and each "
                f"of {', '.join(PARTS[:needed])} needs one: add samples or leave the class out",
            )
