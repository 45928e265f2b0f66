"""Optuna's side: `ask`, `report`, `should_prune` and `tell` of its own study, in its own storage."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, TrialState

from service.domain.study import Study
from service.search.quiet import hush
from service.search.seeds import Seeds, seeds
from tests.conformance.engine.play import Ending, Params

Suggest = Callable[[Trial], Params]


class Reference:
    """A study of Optuna's. Its sampler is made anew for each trial, seeded as ours is.

    `feasibility`: every completed trial says that it was feasible, as the Gaussian process wants it.
    """

    def __init__(
        self,
        study: Study,
        sampler: Callable[[Seeds], BaseSampler],
        pruner: Callable[[], BasePruner],
        suggest: Suggest,
        inward: Callable[[Params], Mapping[str, Any]],
        *,
        feasibility: bool,
    ) -> None:
        hush()
        self._ours = study
        self._sampler = sampler
        self._suggest = suggest
        self._inward = inward
        self._feasibility = feasibility
        self._directions = [objective.direction for objective in study.definition.objectives]
        self._study = optuna.create_study(
            study_name=study.name,
            storage=InMemoryStorage(),
            directions=list(self._directions),
            sampler=sampler(seeds(study, 0)),
            pruner=pruner(),
        )
        self._trials: dict[int, Trial] = {}

    def ask(self) -> tuple[int, Params]:
        hush()
        self._study.sampler = self._sampler(seeds(self._ours, len(self._trials)))
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return trial.number, self._suggest(trial)

    def begin(self, params: Params) -> int:
        self._study.enqueue_trial(dict(self._inward(params)))
        number, got = self.ask()
        assert got == params
        return number

    def report(self, number: int, step: int, value: float) -> bool:
        hush()
        self._trials[number].report(value, step)
        return self._trials[number].should_prune()

    def end(self, number: int, ending: Ending, values: Sequence[float] | None) -> None:
        hush()
        trial = self._trials[number]
        if ending == "infeasible":
            trial.set_constraint("feasibility", 1.0)
            worst = [float("inf") if direction == "minimize" else float("-inf") for direction in self._directions]
            self._tell(trial, values=worst)
        elif ending == "completed":
            if self._feasibility:
                trial.set_constraint("feasibility", -1.0)
            self._tell(trial, values=list(values or ()))
        else:
            self._tell(trial, state=TrialState.PRUNED if ending == "pruned" else TrialState.FAIL)

    def _tell(self, trial: Trial, **what: Any) -> None:
        try:
            self._study.tell(trial, **what)
        except (RuntimeError, KeyError):
            # The grid and brute force stop a study that no loop runs, and the grid misses the place of a given point.
            # The trial has been told all the same.
            assert self._study.get_trials(deepcopy=False)[trial.number].state.is_finished()
