"""Cross-validation: one trial trains fold after fold, and reports after each what the folds have come to so far.

The fold is the trial's step, so the study's scheduler ends a trial after the first folds that are hopeless.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean, stdev

from trainers.api import Orders, Stop, Trial
from trainers.checkpoint import Written
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.data.dataset import Data
from trainers.health.verdict import PREFIX
from trainers.models.model import Model
from trainers.space import Dimension, whole
from trainers.supervised import learn

DIMENSIONS: tuple[Dimension, ...] = (
    whole(
        "cv_folds",
        3,
        10,
        default=1,
        searched=False,
        summary="folds of a cross-validation; 1: one part judges, and no more",
    ),
)
ERROR = "_se"
"""How the name of a metric ends that is the standard error of another one, over folds."""
OWN = "fold_"
"""How the name of a metric begins that is of the last fold alone, which schedulers for folds go by."""
Curve = list[dict[str, float]]


def train(trial: Trial, chosen: Chosen, model: Model, name: str) -> dict[str, float]:
    """Train a model on a data set, once or on each fold of it."""
    folds = chosen.whole("cv_folds")
    if folds == 1:
        return learn(trial, chosen, model, catalog.load(name, chosen)).figures
    return _each(trial, chosen, model, catalog.folds(name, chosen, folds))


def told(folds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What folds come to: the mean of each figure, the last fold's own, and the standard error where there are two."""
    every = list(folds)
    means = {name: fmean(one[name] for one in every) for name in every[0]}
    own = {f"{OWN}{name}": value for name, value in every[-1].items()}
    if len(every) < 2:
        return means | own
    errors = {f"{name}{ERROR}": stdev(one[name] for one in every) / math.sqrt(len(every)) for name in every[0]}
    return means | own | errors


def _each(trial: Trial, chosen: Chosen, model: Model, folds: Iterable[Data]) -> dict[str, float]:
    done: Curve = [] if trial.resume is None else trial.resume.load()["folds"]
    for number, data in enumerate(folds, 1):
        if number == 1:
            trial.trains_on(data.fingerprint)
        if number <= len(done):
            continue
        figures = learn(_fold(trial, number), chosen, model, data).figures
        # Health is of one training; a mean over several says nothing.
        done.append({name: value for name, value in figures.items() if not name.startswith(PREFIX)})
        trial.report(number, told(done))
        # A fold is never begun anew that stands: what ends the trial ends it here.
        trial.checkpoint({"folds": done}, step=number)
    return told(done)


class _Within:
    """The channel of a fold's own trial: its curve is nobody's business, but it hears what the whole trial is told."""

    def __init__(self, whole: Trial) -> None:
        self._whole = whole

    def reported(self, step: int, metrics: Mapping[str, float], elapsed: float, cost: float | None) -> None:
        """An epoch of the fold has passed: end here if the whole trial is to end."""
        orders = self._whole.orders
        if orders.end is not None:
            self._whole.obeyed = orders.end
            raise Stop(orders.end, orders.reason)

    def saved(self, step: int, file: Written) -> None:
        """A fold keeps nothing."""

    def read(self, fingerprint: str) -> None:
        """The whole trial has told of its data."""


def _fold(trial: Trial, number: int) -> Trial:
    """A trial for one fold: of the same seed, so that folds differ by their data alone."""
    folder = Path(trial.folder) / f"fold-{number}"
    return Trial(
        params=trial.params,
        settings=trial.settings,
        seed=trial.seed,
        folder=folder,
        channel=_Within(trial),
        metric=trial.metric,
        direction=trial.direction,
        device=trial.device,
        orders=Orders(),
    )
