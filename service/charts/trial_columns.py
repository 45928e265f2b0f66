"""The trials of a study as columns, kept up to date row by row."""

import random
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from service.charts.letters import LETTERS, MOST_SHOWN
from service.charts.thinning import Floats, shortened
from service.domain.study import Study
from service.domain.trial import Trial
from service.wire import charts as wire
from service.wire.message import Scalar
from service.wire.space import (
    SEARCHED,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    identity,
)
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState

# Trials that came to their end: only they have values of all objectives.
_MEASURED = frozenset[TrialState]({"completed", "infeasible"})
_BEST_SHARE = 10
_AT_RANDOM = 10_000
Searched = FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter


class TrialColumns:
    """A row for each trial, in the order in which they were first seen: that of their numbers."""

    def __init__(self, definition: StudyDefinition) -> None:
        self._metrics = [objective.metric for objective in definition.objectives]
        self._directions = [objective.direction for objective in definition.objectives]
        self._space: dict[str, Searched] = {
            name: one for name, one in definition.space.items() if isinstance(one, SEARCHED)
        }
        self._places = {
            name: {identity(choice): place for place, choice in enumerate(choices)}
            for name, one in self._space.items()
            if (choices := _choices(one))
        }
        self._rows: dict[int, int] = {}
        self._numbers = array("q")
        self._states = bytearray()
        self._objectives = [array("d") for _ in self._metrics]
        self._params = {name: array("d") for name in self._space}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, trial: Trial) -> None:
        """A trial as it is now."""
        row = self._rows.setdefault(trial.number, len(self._rows))
        if row == len(self._numbers):
            self._numbers.append(trial.number)
            self._states.append(0)
            for column in (*self._objectives, *self._params.values()):
                column.append(np.nan)
        self._states[row] = ord(LETTERS[trial.state])
        values = (trial.values or {}) if trial.state in _MEASURED else {}
        for metric, column in zip(self._metrics, self._objectives, strict=True):
            column[row] = values.get(metric, np.nan)
        for name, column in self._params.items():
            column[row] = self._number(name, trial.params.get(name))

    def _number(self, name: str, value: Scalar) -> float:
        if name in self._places:
            return self._places[name].get(identity(value), np.nan)
        return float(value) if isinstance(value, int | float) else np.nan

    def best(self, count: int) -> list[int]:
        """The numbers of the best completed trials, the best first; of equals, the first to be added."""
        values = np.array(self._objectives[0])
        completed = np.frombuffer(bytes(self._states), dtype=np.uint8) == ord(LETTERS["completed"])
        known = np.flatnonzero(~np.isnan(values) & completed)
        sign = 1 if self._directions[0] == "minimize" else -1
        order = np.lexsort((np.array(self._numbers)[known], sign * values[known]))
        return [self._numbers[row] for row in known[order[:count]]]

    def newest(self, state: TrialState, count: int) -> list[int]:
        """The trials in a state that were added last, the newest first."""
        rows = np.flatnonzero(np.frombuffer(bytes(self._states), dtype=np.uint8) == ord(LETTERS[state]))
        return sorted((self._numbers[row] for row in rows), reverse=True)[:count]

    def letter(self, number: int) -> str:
        """The letter of a trial's state."""
        return chr(self._states[self._rows[number]])

    def told(
        self, study: Study, read: int, names: Sequence[str] | None, newest: Callable[[int], float]
    ) -> wire.Columns:
        """The columns as an answer; `newest` is the value that a trial reported last, for those that have none yet."""
        order = np.argsort(np.array(self._numbers))
        values = np.array(self._objectives[0])
        for row in np.flatnonzero(np.isnan(values)):
            if self._states[row] != ord("c"):
                values[row] = newest(self._numbers[row])
        chosen = self._chosen(study.id, order, values)
        numbers = np.array(self._numbers)[chosen]
        sampled = None
        if len(chosen) < len(order):
            best = len(order) // _BEST_SHARE
            sampled = f"the best {best:,} and {len(chosen) - best:,} others at random, of {len(order):,} trials"
        names = list(self._space)[:12] if names is None else [name for name in names if name in self._space]
        return wire.Columns(
            study=study.name,
            seq=study.seq,
            metrics=tuple(self._metrics),
            direction=self._directions[0],
            directions=tuple(self._directions),
            of=len(order),
            read=read,
            sampled=sampled,
            steps_between=tuple(np.diff(numbers, prepend=-1).tolist()),
            states=bytes(np.frombuffer(bytes(self._states), dtype=np.uint8)[chosen]).decode("ascii"),
            values=tuple(shortened(values[chosen])),
            others=tuple(tuple(shortened(np.array(one)[chosen])) for one in self._objectives[1:]),
            params=tuple(self._column(name, chosen) for name in names),
            param_names=tuple(self._space),
        )

    def _chosen(self, seed: int, order: np.ndarray, values: Floats) -> np.ndarray:
        if len(order) <= MOST_SHOWN:
            return order
        sign = 1 if self._directions[0] == "minimize" else -1
        by_value = np.argsort(np.where(np.isnan(values), np.inf, sign * values), kind="stable")
        best = by_value[: len(order) // _BEST_SHARE]
        # The same trials each time, so that a picture does not flicker.
        others = random.Random(seed).sample(sorted(by_value[len(best) :].tolist()), _AT_RANDOM)
        chosen = np.concatenate([best, others]).astype(np.intp)
        return chosen[np.argsort(np.array(self._numbers)[chosen])]

    def _column(self, name: str, chosen: np.ndarray) -> wire.Column:
        one = self._space[name]
        values = tuple(shortened(np.array(self._params[name])[chosen]))
        if isinstance(one, FloatParameter | IntParameter):
            return wire.Column(name=name, kind="number", low=one.low, high=one.high, log=one.log, values=values)
        return wire.Column(name=name, kind="choice", choices=_choices(one), values=values)


def _choices(one: Searched) -> tuple[Scalar, ...]:
    if isinstance(one, CategoricalParameter):
        return tuple(one.choices)
    return tuple(one.values) if isinstance(one, OrdinalParameter) else ()
