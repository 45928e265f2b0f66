"""What happened to a trial, in sentences."""

import math
from collections.abc import Mapping

from service.domain.decision import Decision
from service.domain.trial import Trial
from service.wire.trial import Act, TrialState

_DONE: Mapping[Act, str] = {"continue": "it went on", "pause": "it was paused", "stop": "it was stopped"}
_ENDINGS: Mapping[TrialState, str] = {
    "queued": "It waits for a worker.",
    "running": "It is running.",
    "paused": "It is paused, and may be taken up again.",
    "pruned": "It was stopped early.",
    "failed": "It failed.",
    "infeasible": "It could not be trained at this point.",
    "cancelled": "It was cancelled.",
}


def decision(it: Decision) -> str:
    """A decision and its reason: what the trial had, and what it would have needed."""
    where = f"At step {it.step}" + (f" (attempt {it.key.attempt})" if it.key.attempt > 1 else "")
    return f"{where} {_DONE[it.act]}: {it.reason or _basis(it.basis)}."


def _basis(basis: Mapping[str, object]) -> str:
    value, cut, rank, n = (basis.get(name) for name in ("value", "cut", "rank", "n"))
    parts = []
    if isinstance(value, int | float):
        parts.append(f"it had {value:.5g}")
    if isinstance(cut, int | float):
        parts.append(f"the cut was {cut:.5g}")
    if rank is not None and n is not None:
        parts.append(f"number {rank} of {n}")
    return ", ".join(parts) or "the scheduler said so"


def ending(trial: Trial) -> str:
    """What became of a trial."""
    if trial.state == "completed":
        return f"It completed with {_values(trial.values)}."
    said = _ENDINGS[trial.state]
    if trial.failure is not None:
        why = trial.failure.message.strip().splitlines()
        said = f"{said[:-1]}: {trial.failure.failure_class}{f', {why[0]}' if why else ''}."
    return said


def _values(values: Mapping[str, float] | None) -> str:
    if not values:
        return "no values"
    return ", ".join(f"{name} {'NaN' if math.isnan(value) else f'{value:.5g}'}" for name, value in values.items())
