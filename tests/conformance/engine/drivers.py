"""The engine's side: its calls, over a history that grows trial by trial. `MemoryDriver` keeps it in dicts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from service.domain.space import check
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, Engine, Exhausted, History, Latest
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState
from tests.conformance.engine.play import Ending, Params

NOW = datetime(2026, 5, 17, 12, 30, tzinfo=UTC)


class MemoryDriver:
    """Trials, curves and memories as a store would keep them; several engines take turns as replicas would.

    What an engine wants to remember makes its way through JSON, as it does in a database.
    """

    def __init__(self, definition: StudyDefinition, engines: Sequence[Engine]) -> None:
        self.study = Study(id=1, definition=definition, created_at=NOW, updated_at=NOW)
        self.trials: dict[int, Trial] = {}
        self.curves: dict[int, Curve] = {}
        self.system: dict[str, Any] = {}
        self.notes: dict[int, str] = {}
        self._turns = cycle(engines)

    def history(self) -> History:
        """All that is known, at this moment."""
        ended = {number: curve for number, curve in self.curves.items() if self.trials[number].finished}
        return History(self.study, dict(self.trials), ended, dict(self.system))

    def ask(self) -> tuple[int, Params]:
        number = len(self.trials)
        suggestion = next(self._turns).suggest(self.history(), number)
        point, errors = check(self.study.definition.space, suggestion.params)
        assert errors == []
        assert point == suggestion.params
        if suggestion.note:
            self.notes[number] = suggestion.note
        self._save(number, "running", params=_stored(suggestion.params), system=_stored(suggestion.system))
        self.system |= _stored(suggestion.study_system)
        return number, suggestion.params

    def begin(self, params: Params) -> int:
        number = len(self.trials)
        point, errors = check(self.study.definition.space, params)
        assert errors == []
        self._save(number, "queued", params=point, origin="enqueued")
        self._save(number, "running")
        return number

    def report(self, number: int, step: int, value: float) -> bool:
        self.curves[number].add(step, value)
        metric = self.study.definition.objectives[0].metric
        latest = Latest(step=step, metrics={metric: value})
        verdict = next(self._turns).judge(self.history(), self.trials[number], self.curves[number], latest)
        if verdict.system:
            self._save(number, "running", system={**self.trials[number].system, **_stored(verdict.system)})
        assert verdict.act != "pause"
        assert (verdict.reason is not None) == (verdict.act == "stop")
        assert verdict.basis is not None or verdict.act == "continue"
        return verdict.act == "stop"

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to try."""
        try:
            next(self._turns).suggest(self.history(), len(self.trials))
        except Exhausted:
            return True
        return False

    def end(self, number: int, ending: Ending, values: Sequence[float] | None) -> None:
        metrics = [objective.metric for objective in self.study.definition.objectives]
        named = dict(zip(metrics, values or (), strict=False))
        self._save(number, ending, values=named or None)

    def _save(self, number: int, state: TrialState, **fields: Any) -> None:
        self.study = replace(self.study, seq=self.study.seq + 1)
        if number not in self.trials:
            filled = {"origin": "sampled", **fields}
            self.trials[number] = Trial(study_id=1, number=number, created_at=NOW, **filled)
            self.curves[number] = Curve()
        self.trials[number] = replace(self.trials[number], state=state, seq=self.study.seq, **fields)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return stored
