"""A study that stands still: trials made up for one analysis, shown to Optuna as a study that it may only read."""

import threading
from collections.abc import Sequence

from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.search.frozen import frozen
from service.search.snapshots import Snapshot, Snapshots
from service.search.view import Scene, View, ViewStudy
from service.usecases.engine import History

_NOBODY = -1


class _Still(Snapshots):
    """Always the same snapshot."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        self._still = Snapshot(sorted(trials, key=lambda trial: trial.number))

    def of(self, history: History, *, or_later: bool = False) -> Snapshot:  # noqa: ARG002
        return self._still


def still(history: History, directions: Sequence[StudyDirection], trials: Sequence[FrozenTrial]) -> ViewStudy:
    """A study of these trials."""
    scene = Scene(history.study.name, directions, history, _Still(trials), threading.Lock())
    return ViewStudy(View(scene, frozen(_NOBODY, TrialState.RUNNING)), RandomSampler(seed=0), NopPruner())
