"""TPE over numbers that are worked out once for each trial: Optuna's points to the last bit, in a fraction of the time.

Optuna's own goes through all trials for each suggestion, and asks each for its constraints, its value and the inner
form of each of its parameters. A trial that has ended never changes: here it has a row with all of that, and what is
left to do is sorting and the estimators themselves, which are Optuna's.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from struct import Struct
from typing import Any, cast

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.search.densities import Density
from service.search.distributions import Layout
from service.search.drawing import draw
from service.search.frozen import Frozen
from service.search.snapshots import Snapshot, number_of
from service.search.view import View

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_LEARNED_FROM = (*_ENDED, TrialState.RUNNING)
# Of two rows of a group the one with the lower rank is better, and of equal ranks the one with the better value.
_GROUP, _RANK, _VALUE, _PARAMS = range(4)
_COMPLETE, _PRUNED, _INFEASIBLE, _RUNNING = map(float, range(4))

Parts = tuple[np.ndarray, np.ndarray]


class Tpe(TPESampler):
    """Optuna's sampler for one suggestion of a study after the other. It reads a `View`."""

    def __init__(self, layout: Layout, **options: Any) -> None:
        super().__init__(**options)
        self._dimensions = layout.dimensions
        self._columns = {name: _PARAMS + place for place, name in enumerate(layout.dimensions)}
        self._row = Struct(f"{_PARAMS + len(self._columns)}d")
        self._divided: tuple[Snapshot, int, Parts] | None = None
        self._good: dict[tuple[str, ...], tuple[bytes, _ParzenEstimator, Density]] = {}

    def again(self, seed: int) -> "Tpe":
        """This sampler for another suggestion. Generators of random numbers take far longer to make than to seed."""
        for one in (self._rng, self._random_sampler._rng):
            one.rng.seed(seed)
        return self

    def _sample(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        good, others = self._parts(study, trial)
        below, density = self._of_the_good(study, search_space, good)
        above = Density(self._build_parzen_estimator(study, search_space, cast(Any, others), handle_below=False))
        drawn = draw(below, self._rng.rng, self._n_ei_candidates)
        chosen = self._compare(drawn, density.log(drawn) - above.log(drawn))
        return {name: one.to_external_repr(chosen[name]) for name, one in search_space.items()}

    def _of_the_good(
        self, study: Study, search_space: dict[str, BaseDistribution], good: np.ndarray
    ) -> tuple[_ParzenEstimator, Density]:
        """The estimator of the good trials and its density. They are seldom others than the last time."""
        names, rows = tuple(search_space), good.tobytes()
        known = self._good.get(names)
        if known is None or known[0] != rows:
            made = self._build_parzen_estimator(study, search_space, cast(Any, good), handle_below=True)
            known = self._good[names] = rows, made, Density(made)
        return known[1:]

    def _sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A point for parameters that go together, none while too few trials have ended: Optuna lists them to count."""
        ended = cast(View, study._storage).snapshot.of(_ENDED)
        return self._sample(study, trial, search_space) if search_space and len(ended) >= self._n_startup_trials else {}

    def _get_internal_repr(
        self, trials: Sequence[FrozenTrial] | np.ndarray, search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, np.ndarray]:
        """The places of those trials that have all of these parameters. `_sample` gives rows in place of trials."""
        rows = trials if isinstance(trials, np.ndarray) else self._rows(trials, study)
        places = rows[:, [self._columns[name] for name in search_space]]
        places = places[~np.isnan(places).any(axis=1)]
        return {name: places[:, place] for place, name in enumerate(search_space)}

    def _parts(self, study: Study, trial: FrozenTrial) -> Parts:
        """The rows of the good trials and of the others. They are the same for each parameter that is drawn alone."""
        snapshot = cast(View, study._storage).snapshot
        if self._divided is None or self._divided[:2] != (snapshot, trial.number):
            self._divided = snapshot, trial.number, self._divide(study, trial)
        return self._divided[2]

    def _divide(self, study: Study, trial: FrozenTrial) -> Parts:
        trials = study._get_trials(deepcopy=False, states=_LEARNED_FROM, use_cache=False)
        place = bisect_left(trials, trial.number, key=number_of)
        if place < len(trials) and trials[place].number == trial.number:
            del trials[place]  # the one that is asked for
        rows = self._rows(trials, study)
        ended = int(np.count_nonzero(rows[:, _GROUP] != _RUNNING))
        if study._is_multi_objective():
            good, others = _split_trials(study, trials, default_gamma_multiobjective(ended))
            return self._rows(good, study), self._rows(others, study)
        order, count = _best_first(rows, study.direction), default_gamma(ended)
        return rows[np.sort(order[:count])], rows[np.sort(order[count:])]

    def _rows(self, trials: Sequence[FrozenTrial], study: Study) -> np.ndarray:
        known = cast(Sequence[Frozen], trials)
        rows = b"".join([one.row or self._row_of(one, study) for one in known])
        return np.frombuffer(rows).reshape(len(trials), _PARAMS + len(self._columns))

    def _row_of(self, trial: Frozen, study: Study) -> bytes:
        params = self._get_params(trial, study)
        inner = (
            one.distribution.to_internal_repr(params[name]) if name in params else math.nan
            for name, one in self._dimensions.items()
        )
        trial.row = row = self._row.pack(*_standing(trial), *inner)
        return row


def _standing(trial: FrozenTrial) -> tuple[float, float, float]:
    """To which group a trial belongs, its rank there and its value."""
    if trial.state is TrialState.RUNNING:
        return _RUNNING, 0.0, 0.0
    violation = sum(one for one in trial.constraints.values() if one > 0)
    if violation > 0:
        return _INFEASIBLE, violation, 0.0
    if trial.state is TrialState.COMPLETE:
        return _COMPLETE, 0.0, trial.values[0]
    # Of pruned ones those that came furthest are the best; behind them those that showed nothing.
    step, value = max(trial.intermediate_values.items(), default=(-1, 0.0))
    return _PRUNED, -step, value


def _best_first(rows: np.ndarray, direction: StudyDirection) -> np.ndarray:
    """The places of the rows; equal ones as they come."""
    losses = rows[:, _VALUE] if direction == StudyDirection.MINIMIZE else -rows[:, _VALUE]
    return np.lexsort((np.where(np.isnan(losses), np.inf, losses), rows[:, _RANK], rows[:, _GROUP]))
