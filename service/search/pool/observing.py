"""What a sampler is shown of trials that have not trained to the end: nothing, their last value, or a forecast.

Optuna's samplers learn late where trials are cut short: TPE ranks pruned trials behind all that completed, and Gaussian
processes and CMA-ES do not see them. Shown as completed with what they had, they teach as much as any other.
"""

from collections.abc import Mapping

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from service.search.frozen import FEASIBILITY, HELD, frozen
from service.search.pool.knowledge import Knowledge
from service.search.snapshots import Snapshot
from service.wire.sampler import Observe

_CUT = frozenset({"paused", "pruned"})
FEWEST_DEEP = 30
DEEP = 0.5


def observed(snapshot: Snapshot, known: Knowledge, observe: Observe, *, feasibility: bool) -> Snapshot:
    """The trials of a snapshot, those that were cut short as completed with what they had or may come to.

    `feasibility`: the sampler wants all that completed to say whether they were feasible, once one was not.
    """
    values = _values(known, observe)
    marked = feasibility and any(FEASIBILITY in trial.system_attrs for trial in snapshot.trials)
    mark = {FEASIBILITY: HELD} if marked else {}
    return Snapshot([_shown(trial, values, mark) for trial in snapshot.trials])


def _values(known: Knowledge, observe: Observe) -> Mapping[int, float]:
    sign = 1.0 if known.sightings.objective.direction == "minimize" else -1.0
    cut = [number for number in known.newest if known.history.trials[number].state in _CUT]
    losses = {number: known.newest[number].loss for number in cut}
    if observe == "extrapolated" and cut and _deep(known) >= FEWEST_DEEP:
        features = known.cube.features(np.array([known.places[number] for number in cut]))
        mean, _ = known.model.at_the_end(features)
        losses = dict(zip(cut, known.model.losses(mean), strict=True))
    return {number: sign * loss for number, loss in losses.items() if np.isfinite(loss)}


def _deep(known: Knowledge) -> int:
    """How many trials came more than half of the way."""
    return sum(at.amount >= DEEP * known.most for at in known.newest.values())


def _shown(trial: FrozenTrial, values: Mapping[int, float], mark: Mapping[str, float]) -> FrozenTrial:
    if trial.number not in values or trial.state is TrialState.COMPLETE:
        return trial
    return frozen(
        trial.number,
        TrialState.COMPLETE,
        values=[values[trial.number]],
        params=trial.params,
        distributions=trial.distributions,
        system={**trial.system_attrs, **mark},
    )
