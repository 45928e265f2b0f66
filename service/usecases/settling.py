"""How a study comes to its end: when it has been told to stop, has spent its budget, or has reached its target."""

from collections.abc import Mapping
from typing import Literal

from service.domain import budget
from service.domain.study import Study
from service.usecases.auditing import sign_move
from service.usecases.ports import Transaction
from service.usecases.record import save_study
from service.wire.study import StudyState

OPEN: frozenset[StudyState] = frozenset({"active", "paused"})
"""The states of a study that has not come to its end."""


def spending(tx: Transaction, study: Study) -> budget.Spending:
    """What a study has spent by now."""
    hours = tx.attempts.gpu_seconds(study.id) / 3600 if study.definition.budget.gpu_hours is not None else 0.0
    return budget.Spending(
        counts=tx.trials.counts([study.id], elsewhere=False).get(study.id, {}), gpu_hours=hours, now=tx.now
    )


def move(
    tx: Transaction,
    study: Study,
    to: Literal["active", "paused", "stopping", "stopped", "completed"],
    *,
    reason: str | None = None,
) -> Study:
    """Bring a study into another state, say why, and tell of it; nothing happens if it is there already."""
    if study.state == to:
        return study
    why = {} if reason is None else {"reason": reason}
    return save_study(tx, study.moved(to, reason), "study.state", state=to, **why)


def move_by_itself(
    tx: Transaction,
    study: Study,
    to: Literal["active", "paused", "stopping", "stopped", "completed"],
    *,
    reason: str | None = None,
) -> Study:
    """Bring a study into another state because of a rule, not because somebody asked for it: the server signs."""
    moved = move(tx, study, to, reason=reason)
    if moved is not study:
        sign_move(tx, moved)
    return moved


def settle(tx: Transaction, name: str) -> None:
    """Let a stopping study stop once its last running trial has ended, and one that has spent all be completed."""
    study = tx.studies.get(name)
    if study.state == "stopping":
        study = tx.studies.lock(name)
        if study.state == "stopping" and not _running(tx, study):
            move_by_itself(tx, study, "stopped", reason=study.reason)
    elif study.state in OPEN and budget.limited(study):
        study = tx.studies.lock(name)
        why = budget.done(study, spending(tx, study)) if study.state in OPEN else None
        if why is not None:
            move_by_itself(tx, study, "completed", reason=why)


def aim(tx: Transaction, study: Study, values: Mapping[str, float]) -> None:
    """End a study whose target has been reached."""
    if budget.reached(study, dict(values)):
        finish(tx, tx.studies.lock(study.name), "the target is reached")


def finish(tx: Transaction, study: Study, reason: str) -> None:
    """Let a locked study come to its end, if it has not: running trials finish, and no more are handed out."""
    if study.state in OPEN:
        move_by_itself(tx, study, "stopping" if _running(tx, study) else "completed", reason=reason)


def _running(tx: Transaction, study: Study) -> int:
    return tx.trials.counts([study.id]).get(study.id, {}).get("running", 0)
