"""Optuna as a player: its own study, sampler and pruner, through ask, report, should_prune and tell."""

from collections.abc import Callable

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from benchmarks.racing.race import Start


class Optuna:
    """A study in memory. A trial that is pruned is over: Optuna cannot go on with it."""

    def __init__(self, width: int, sampler: BaseSampler, pruner: Callable[[], BasePruner]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler, pruner=pruner())
        self._space: dict[str, BaseDistribution] = {f"x{place}": FloatDistribution(0, 1) for place in range(width)}
        self._trials: dict[int, Trial] = {}
        self._best: dict[int, float] = {}

    def next(self) -> Start | None:
        """Begin a new trial."""
        trial = self._study.ask(self._space)
        self._trials[trial.number] = trial
        return Start(trial.number, np.array([trial.params[name] for name in self._space]))

    def placed(self, number: int, place: np.ndarray) -> None:
        """Let the study know the configuration that is really trained, as the other players do."""
        frozen = self._study._storage.get_trial(self._trials[number]._trial_id)
        frozen.params.update(zip(self._space, map(float, place), strict=True))

    def report(self, number: int, epoch: int, loss: float, elapsed: float) -> bool:  # noqa: ARG002  # one signature
        """Report, and be told whether to go on."""
        trial = self._trials[number]
        self._best[number] = min(loss, self._best.get(number, loss))
        trial.report(loss, epoch)
        if trial.should_prune():
            self._study.tell(trial, state=TrialState.PRUNED)
            return False
        return True

    def complete(self, number: int) -> None:
        """Tell its value: the best of its curve."""
        frozen = self._study._storage.get_trial(self._trials[number]._trial_id)
        if not frozen.state.is_finished():
            self._study.tell(self._trials[number], self._best[number])
