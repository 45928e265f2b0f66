"""How a study comes to its end: when it has been told to stop, has spent its budget, or has reached its target."""

from collections.abc import Mapping
from typing import Literal

from service.domain import budget
from service.domain.study import Study
from service.usecases.ports import Transaction
from service.usecases.record import save_study


def spending(tx: Transaction, study: Study) -> budget.Spending:
    """What a study has spent by now."""
    hours = tx.attempts.gpu_seconds(study.id) / 3600 if study.definition.budget.gpu_hours is not None else 0.0
    return budget.Spending(counts=tx.trials.counts([study.id]).get(study.id, {}), gpu_hours=hours, now=tx.now)


def move(
    tx: Transaction, study: Study, to: Literal["active", "paused", "stopping", "stopped", "completed"], **why: object
) -> Study:
    """Bring a study into another state and tell of it; nothing happens if it is there already."""
    if study.state == to:
        return study
    return save_study(tx, study.moved(to), "study.state", state=to, **why)


def settle(tx: Transaction, name: str) -> None:
    """Let a stopping study stop once its last running trial has ended, and one that has spent all be completed."""
    study = tx.studies.get(name)
    if study.state == "stopping":
        if not tx.trials.counts([study.id]).get(study.id, {}).get("running"):
            move(tx, tx.studies.lock(name), "stopped")
    elif study.state in {"active", "paused"} and budget.limited(study):
        study = tx.studies.lock(name)
        if why := budget.done(study, spending(tx, study)):
            move(tx, study, "completed", reason=why)


def aim(tx: Transaction, study: Study, values: Mapping[str, float]) -> None:
    """Stop a study whose target has been reached: running trials finish, and no more are handed out."""
    if study.state == "active" and budget.reached(study, dict(values)):
        study = tx.studies.lock(study.name)
        busy = tx.trials.counts([study.id]).get(study.id, {}).get("running")
        move(tx, study, "stopping" if busy else "completed", reason="the target is reached")
