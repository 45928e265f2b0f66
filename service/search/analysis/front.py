"""The front of a study's trials and its hypervolume, by Optuna's functions."""

from collections.abc import Mapping, Sequence

import numpy as np
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _is_pareto_front

from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.analysis.analyst import Front, Volumes
from service.wire.analysis import Volume
from service.wire.objective import Objective

_MARGIN = 0.1
# How many points a front may have, by the number of objectives, for its volume to be worked out in about a second.
_MOST = {1: 100_000, 2: 100_000, 3: 2_000, 4: 200, 5: 80, 6: 50, 7: 35, 8: 25}
_MOST_HISTORY = {1: 100_000, 2: 100_000, 3: 200}
_MOST_TOLD = 1_000


def front(study: Study, trials: Mapping[int, Trial]) -> Front:
    """The completed trials that no other beats. One that lacks a value, or has NaN for one, is left out."""
    objectives = study.definition.objectives
    known = completed(objectives, trials)
    if not known:
        return Front((), (), 0)
    losses = _losses(objectives, known)
    on_front = _is_pareto_front(losses, assume_unique_lexsorted=False)
    if len(objectives) == 1:
        # Of equals, the first: the front of one objective is its best trial.
        on_front[np.flatnonzero(on_front)[1:]] = False
    best = [trial for trial, there in zip(known, on_front, strict=True) if there]
    found = losses[on_front]
    by_first = sorted(range(len(best)), key=lambda place: (*found[place], best[place].number))
    far = _distances(found)
    by_distance = sorted(range(len(best)), key=lambda place: (far[place], best[place].number))
    return Front([best[place] for place in by_first], [best[place] for place in by_distance], len(known))


def completed(objectives: Sequence[Objective], trials: Mapping[int, Trial]) -> list[Trial]:
    """The completed trials that have a number for each objective, in the order of their numbers."""
    found = (trial for _, trial in sorted(trials.items()) if trial.state == "completed" and trial.values is not None)
    metrics = [objective.metric for objective in objectives]
    # NaN is the one number that is not itself.
    return [
        trial
        for trial in found
        if all((value := (trial.values or {}).get(metric)) is not None and value == value for metric in metrics)
    ]


def volumes(study: Study, trials: Mapping[int, Trial], found: Front, reference: Mapping[str, float] | None) -> Volumes:
    """The volume between a front and a reference point, now and after each trial that made it larger."""
    objectives = study.definition.objectives
    point = _signs(objectives) * [reference[one.metric] for one in objectives] if reference else None
    losses = _finite(_losses(objectives, found.trials))
    if point is None:
        point = _behind(losses)
    told = dict(zip((one.metric for one in objectives), map(float, _signs(objectives) * point), strict=True))
    inside = losses[np.all(losses < point, axis=1)]
    if len(inside) > _MOST[len(objectives)]:
        return Volumes(told, None, None)
    volume = _volume(inside, point)
    if len(inside) > _MOST_HISTORY.get(len(objectives), 0):
        return Volumes(told, volume, None)
    return Volumes(told, volume, _history(objectives, trials, point))


def _history(objectives: Sequence[Objective], trials: Mapping[int, Trial], point: np.ndarray) -> list[Volume] | None:
    """The volume after each trial that made it larger; None if the way to it was too long."""
    known = completed(objectives, trials)
    known.sort(key=lambda trial: (trial.finished_at or trial.created_at, trial.number))
    losses = _losses(objectives, known)
    best = np.empty((0, len(objectives)))
    told: list[Volume] = []
    for trial, loss in zip(known, losses, strict=True):
        if not np.all(np.isfinite(loss)) or not np.all(loss < point) or np.any(np.all(best <= loss, axis=1)):
            continue
        best = np.vstack([best[~np.all(loss <= best, axis=1)], loss])
        if len(best) > _MOST_HISTORY[len(objectives)]:
            return None
        told.append(Volume(number=trial.number, hypervolume=_volume(best, point)))
    return _thinned(told)


def _thinned(told: list[Volume]) -> list[Volume]:
    if len(told) <= _MOST_TOLD:
        return told
    places = np.linspace(0, len(told) - 1, _MOST_TOLD).round().astype(int)
    return [told[place] for place in places]


def _volume(losses: np.ndarray, point: np.ndarray) -> float:
    return float(compute_hypervolume(losses, point)) if len(losses) else 0.0


def _behind(losses: np.ndarray) -> np.ndarray:
    """A point behind the worst of a front: by a tenth of its range, or of its size where it has no range."""
    if not len(losses):
        return np.zeros(losses.shape[1])
    worst, best = losses.max(axis=0), losses.min(axis=0)
    size = np.where(worst == 0, 1.0, np.abs(worst))
    return np.asarray(worst + _MARGIN * np.where(worst > best, worst - best, size))


def _distances(losses: np.ndarray) -> np.ndarray:
    """How far each point of a front is from the best of each objective, where the front's ranges are 1."""
    finite = np.where(np.isfinite(losses), losses, np.nan)
    there = ~np.all(np.isnan(finite), axis=0)
    low, high = np.zeros(losses.shape[1]), np.zeros(losses.shape[1])
    low[there], high[there] = np.nanmin(finite[:, there], axis=0), np.nanmax(finite[:, there], axis=0)
    scaled = (np.clip(losses, low, high) - low) / np.where(high > low, high - low, 1.0)
    # What is infinitely bad in one objective is no compromise.
    return np.asarray(np.sqrt((scaled**2).sum(axis=1)) + np.where(np.any(np.isposinf(losses), axis=1), np.inf, 0.0))


def _losses(objectives: Sequence[Objective], trials: Sequence[Trial]) -> np.ndarray:
    """The values as losses: smaller is better in each column."""
    rows = [[(trial.values or {})[one.metric] for one in objectives] for trial in trials]
    return np.asarray(np.array(rows, dtype=float).reshape(len(trials), len(objectives)) * _signs(objectives))


def _signs(objectives: Sequence[Objective]) -> np.ndarray:
    return np.array([1.0 if one.direction == "minimize" else -1.0 for one in objectives])


def _finite(losses: np.ndarray) -> np.ndarray:
    return losses[np.all(np.isfinite(losses), axis=1)]
