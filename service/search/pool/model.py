"""The curve model: how good a trial is going to be once it has trained to the end, by two Gaussian processes.

One sees points of the space and amounts of training (freeze-thaw, Swersky 2014): it learns from a trial's own curve,
its neighbours', and how curves of this study go. The other sees what each trial came to so far, as if that were the
end. Their mean tells better than either which points are good (`docs/decisions/0008-a-portfolio-over-one-pool.md`).
Losses enter as normal scores of their ranks: diverged trials are merely the last.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from service.search.pool.process import Process

ROWS = 320
GROWTH = 1.5
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model learns from: places, how far trials had come there (0 to 1), and their losses."""

    places: np.ndarray
    depths: np.ndarray
    losses: np.ndarray
    newest: np.ndarray

    def __len__(self) -> int:
        return len(self.losses)

    def taken(self, which: np.ndarray) -> "Rows":
        """Some of the rows."""
        return Rows(self.places[which], self.depths[which], self.losses[which], self.newest[which])


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model is shaped: the logarithms of its kernels' parameters, and from how many rows they were learned."""

    rows: int
    theta: tuple[float, ...]


class CurveModel:
    """A model of one moment. It predicts scores, of which larger ones are better."""

    def __init__(self, rows: Rows, shape: Shape | None, chance: np.random.Generator) -> None:
        now = rows.taken(np.flatnonzero(rows.newest))
        width = rows.places.shape[1] + 1
        known = None if shape is None else (shape.theta[: width + 2], shape.theta[width + 2 :])
        learns = shape is None or len(rows) >= GROWTH * shape.rows
        self._known = rows.losses[np.isfinite(rows.losses)]
        self._curves = _process(rows, known and known[0], chance, learns=learns, deep=True)
        self._ends = _process(now, known and known[1], chance, learns=learns, deep=False)
        self.shape = Shape(len(rows), (*self._curves.theta, *self._ends.theta)) if learns else shape
        self.best = float(_scores(rows.losses, np.array([rows.losses.min()]))[0])

    def at_the_end(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the scores of places, trained to the end."""
        by_curves, by_ends = self._curves.at_the_end(places), self._ends.at_the_end(places)
        deviation = np.sqrt((by_curves[1] ** 2 + by_ends[1] ** 2) / 2)
        return (by_curves[0] + by_ends[0]) / 2, np.maximum(deviation, 1e-9)

    def losses(self, scores: np.ndarray) -> np.ndarray:
        """The losses that scores stand for, between those that are known."""
        return np.asarray(np.quantile(self._known, _below(-scores)))

    def gain(self, places: np.ndarray) -> np.ndarray:
        """By how much each place is expected to beat the best score so far, once trained to the end."""
        mean, deviation = self.at_the_end(places)
        ahead = (mean - self.best) / deviation
        return np.asarray(deviation * (ahead * _below(ahead) + np.exp(-(ahead**2) / 2) / math.sqrt(2 * math.pi)))


def _process(
    rows: Rows, theta: tuple[float, ...] | None, chance: np.random.Generator, *, learns: bool, deep: bool
) -> "Process":
    # Scikit-learn takes a while to load, and most servers start without a model to make.
    from service.search.pool.process import Process

    kept = rows.taken(_worth(rows, chance))
    scores = _scores(rows.losses, kept.losses)
    return Process(kept.places, kept.depths if deep else None, scores, theta, chance, learns=learns)


def depth(amount: float, most: float) -> float:
    """How far a trial has come on the way to the most training there is, from 0 to 1."""
    return min(1.0, math.log(max(amount, 1.0)) / math.log(most)) if most > 1 else 1.0


def _worth(rows: Rows, chance: np.random.Generator) -> np.ndarray:
    """The rows worth learning from, where there are many: the best, the newest, and some of the rest."""
    if len(rows) <= ROWS:
        return np.arange(len(rows))
    best = np.argsort(rows.losses, kind="stable")[: ROWS // 2]
    late = np.setdiff1d(np.flatnonzero(rows.newest), best)[-ROWS // 4 :]
    rest = np.setdiff1d(np.arange(len(rows)), np.r_[best, late])
    some = chance.choice(rest, size=ROWS - len(best) - len(late), replace=False)
    return np.sort(np.r_[best, late, some])


def _scores(all_losses: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Normal scores of losses among all that are known: the best is the highest."""
    ordered = np.sort(all_losses)
    # Equals share the middle of their ranks: many that diverged are as bad as that, and not as good as their first.
    ranks = (np.searchsorted(ordered, losses, side="left") + np.searchsorted(ordered, losses, side="right")) / 2
    return np.asarray(-_quantile(np.maximum(ranks, 0.5) / (len(all_losses) + 1)))


def _below(scores: np.ndarray) -> np.ndarray:
    """The share of a normal distribution that lies below each score."""
    return np.array([_NORMAL.cdf(score) for score in scores])


def _quantile(shares: np.ndarray) -> np.ndarray:
    """The score below which each share of a normal distribution lies."""
    return np.array([_NORMAL.inv_cdf(share) for share in shares])


def known_shape(stored: object, width: int) -> Shape | None:
    """A shape as it was stored with the study, if it fits inputs of so many features and a depth."""
    if not isinstance(stored, Sequence) or len(stored) != 2 * width + 4:
        return None
    return Shape(int(stored[0]), tuple(float(one) for one in stored[1:]))
