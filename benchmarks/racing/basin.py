"""Basin as a player: its engine as the server uses it, without the server."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.racing.race import Start
from service.domain.study import Study
from service.domain.trial import Trial
from service.search.engine import OptunaEngine
from service.usecases.engine import Curve, History, Latest
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState

_THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Basin:
    """A study with the sampler and the scheduler `auto`, unless others are given."""

    def __init__(self, width: int, seed: int, *, resumes: bool = True, **fields: Any) -> None:
        space = {f"x{place}": {"type": "float", "low": 0, "high": 1} for place in range(width)}
        objective = {"metric": "loss", "value": "best"}
        definition = StudyDefinition.model_validate(
            {"name": "race", "objectives": [objective], "space": space, "seed": seed, **fields}
        )
        self._study = Study(id=1, definition=definition, created_at=_THEN, updated_at=_THEN)
        self._engine = OptunaEngine()
        self._resumes = resumes
        self._trials: dict[int, Trial] = {}
        self._curves: dict[int, Curve] = {}
        self._running: dict[int, Curve] = {}
        self._system: Mapping[str, Any] = {}
        self._next_steps: dict[int, int] = {}

    def next(self) -> Start | None:
        """Go on with a paused trial, or begin a new one."""
        number, history = len(self._trials), self._history()
        if self._resumes and (promotion := self._engine.promote(history, number)) is not None:
            trial = self._trials[promotion.number]
            self._put(trial, "running", system={**trial.system, **promotion.system})
            self._next_steps.pop(trial.number, None)
            return Start(trial.number)
        suggestion = self._engine.suggest(history, number)
        self._system = {**self._system, **suggestion.study_system}
        trial = Trial(
            study_id=1,
            number=number,
            state="running",
            origin="sampled",
            params=suggestion.params,
            system=suggestion.system,
            created_at=_THEN,
        )
        self._put(trial, "running")
        self._running[number] = Curve()
        return Start(number, np.array(list(suggestion.params.values()), dtype=float))

    def placed(self, number: int, place: np.ndarray) -> None:
        """The trial has other parameters than were suggested."""
        names = self._study.definition.space
        self._put(self._trials[number], "running", params=dict(zip(names, map(float, place), strict=True)))

    def report(self, number: int, epoch: int, loss: float, elapsed: float) -> bool:
        """Ask for a verdict, as often as the server would."""
        curve = self._running[number]
        curve.add(epoch, loss)
        if epoch < self._next_steps.get(number, 0):
            return True
        latest = Latest(step=epoch, metrics={"loss": loss}, elapsed=elapsed, resumes=self._resumes)
        verdict = self._engine.judge(self._history(), self._trials[number], curve, latest)
        trial = self._trials[number]
        if verdict.next_step is not None:
            self._next_steps[number] = verdict.next_step
        if verdict.act == "continue":
            if verdict.system:
                self._put(trial, "running", system={**trial.system, **verdict.system})
            return True
        self._curves[number] = curve
        state: TrialState = "paused" if verdict.act == "pause" else "pruned"
        self._put(trial, state, system={**trial.system, **verdict.system})
        return False

    def complete(self, number: int) -> None:
        """The trial has its value: the best of its curve."""
        curve = self._curves[number] = self._running[number]
        self._put(self._trials[number], "completed", values={"loss": min(curve.values)})

    def _history(self) -> History:
        return History(self._study, dict(self._trials), dict(self._curves), self._system)

    def _put(self, trial: Trial, state: TrialState, **fields: Any) -> None:
        self._study = replace(
            self._study, seq=self._study.seq + 1, next_number=max(self._study.next_number, trial.number + 1)
        )
        self._trials[trial.number] = replace(trial, state=state, seq=self._study.seq, **fields)
