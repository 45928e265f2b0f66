"""Trials that came to nothing and are tried once more: the same trial, with another attempt."""

from collections.abc import Sequence
from dataclasses import replace

from service.domain import budget, health
from service.domain.errors import WrongState
from service.domain.states import TRIAL
from service.domain.trial import Attempt, Trial
from service.usecases import studies
from service.usecases.ports import Transaction
from service.usecases.record import save_trial
from service.usecases.settling import OPEN, spending
from service.wire.trial import TrialState

RETRIED: frozenset[TrialState] = frozenset(
    {state for state, onward in TRIAL.items() if "queued" in onward} - {"running", "paused"}
)
"""The states of trials that came to nothing. Paused ones are the scheduler's to go on with."""
_TOLD = 5


def may_retry(trial: Trial, last: Attempt | None) -> bool:
    """Whether a trial can be tried once more, wherever its study stands."""
    return trial.state in RETRIED and _obstacle(trial, last) is None


def retry(tx: Transaction, name: str, numbers: Sequence[int]) -> None:
    """Queue trials again, all of them or none. Nothing happens to those that wait or run already.

    A study that is completed, because all its trials had ended, is active again until these have.
    """
    study = tx.studies.get(name)
    # All replicas lock trials in one order, so that two requests never wait for each other.
    found = [tx.trials.lock(study.id, number) for number in sorted(set(numbers))]
    asleep = [trial for trial in found if trial.state not in {"queued", "running"}]
    newest = tx.attempts.current(study.id, [trial.number for trial in asleep])
    wrong = [why for trial in asleep if (why := _obstacle(trial, newest.get(trial.number))) is not None]
    if wrong:
        more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise WrongState(f"{'; '.join(wrong[:_TOLD])}{more}. No trial was queued again")
    if asleep:
        _opened(tx, name)
    for trial in asleep:
        # What its last point said of the border of stability is that attempt's, which is forgotten.
        system = {key: value for key, value in trial.system.items() if key != health.VIOLATION}
        save_trial(tx, study, replace(trial.moved("queued", tx.now), values=None, failure=None, system=system))


def _obstacle(trial: Trial, last: Attempt | None) -> str | None:
    """Why a trial cannot be tried again, and what to do instead."""
    it = f"trial {trial.number}"
    if not trial.searches:
        return f"{it} is no part of the search ({trial.purpose}): begin anew what it was run for"
    if trial.state not in RETRIED:
        return f"{it} is {trial.state}, not failed, infeasible or cancelled: enqueue its parameters instead"
    if last is None or trial.origin == "added":
        why = "ran elsewhere" if trial.origin == "added" else "never ran"
        return f"{it} {why}: there is nothing to go on with; enqueue its parameters instead"
    if last.live:
        return f"{it} was cancelled, and its worker has not let go of it yet: try again in a moment"
    return None


def _opened(tx: Transaction, name: str) -> None:
    """See to it that the study hands out what is queued again, or refuse."""
    study = tx.studies.lock(name)
    if study.archived:
        raise WrongState(f"study '{name}' is archived: unarchive it first")
    why = budget.over(study, spending(tx, study))
    if why is not None:
        raise WrongState(f"study '{name}' has spent its budget ({why}): raise that first")
    if study.state in OPEN:
        return
    # Where the search would go on as well, that is for its user to say.
    if study.state != "completed" or budget.may_add(study):
        raise WrongState(f"study '{name}' is {study.state} and hands out no trials: resume it first")
    studies.resume(tx, name, None)
