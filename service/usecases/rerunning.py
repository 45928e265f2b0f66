"""Reruns: how another run of a trial is queued, and what those of a finish have come to."""

from collections.abc import Sequence

from service.domain.confirming import Run
from service.domain.finish import Finish
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.domain.trial import Attempt, Rerun, Trial
from service.usecases.ports import Transaction
from service.usecases.record import trial_event
from service.wire.trial import Purpose

PARAMETERS = "parameters"
"""The metric by which a trainer tells how many weights its model has."""
_MOST_RUNS = 10_000


def queue(tx: Transaction, study: Study, trial: Trial, purpose: Purpose, rerun: Rerun) -> Trial:
    """Queue another run of a trial, and tell of it."""
    added = tx.trials.add(
        Trial(
            study_id=study.id,
            number=0,
            origin="enqueued",
            purpose=purpose,
            rerun=rerun,
            params=trial.params,
            created_at=tx.now,
        )
    )
    trial_event(tx, study, added, "trial.created")
    return added


def of_trial(tx: Transaction, study: Study, number: int, purpose: Purpose) -> Sequence[Trial]:
    """The reruns of a trial that have a purpose, the first one first."""
    query = TrialQuery(purposes=(purpose,), size=_MOST_RUNS)
    return [one for one in tx.trials.list(study.id, query).items if one.rerun is not None and one.rerun.of == number]


def of_round(tx: Transaction, finish: Finish) -> Sequence[Trial]:
    """The runs by which a round of a finish confirms its candidates."""
    query = TrialQuery(purposes=("confirm",), size=_MOST_RUNS)
    found = tx.trials.list(finish.study_id, query).items
    return [one for one in found if one.rerun is not None and one.rerun.round == finish.round]


def runs(tx: Transaction, study: Study, finish: Finish) -> dict[int, Sequence[Run]]:
    """What the runs of a round have come to, by the trial that they run again."""
    trials = of_round(tx, finish)
    objective = next(one for one in study.definition.objectives if one.metric == finish.plan.metric)
    numbers = [trial.number for trial in trials]
    curves = tx.points.curves(study.id, numbers, objective.metric)
    newest = tx.attempts.current(study.id, [trial.number for trial in trials if trial.attempts])
    found: dict[int, list[Run]] = {number: [] for number in finish.plan.candidates}
    for trial in trials:
        assert trial.rerun is not None
        last = newest.get(trial.number)
        found[trial.rerun.of].append(
            Run(
                number=trial.number,
                seed=trial.rerun.seed,
                state=trial.state,
                value=(trial.values or {}).get(objective.metric),
                step=step_of((trial.values or {}).get(objective.metric), curves.get(trial.number, ())),
                seconds=seconds(tx.attempts.list(study.id, trial.number)) if trial.finished else None,
                parameters=(last.last_metrics or {}).get(PARAMETERS) if last is not None else None,
            )
        )
    return {number: sorted(some, key=lambda one: one.number) for number, some in found.items()}


def step_of(value: float | None, curve: Sequence[tuple[int, float]]) -> int | None:
    """The step at which a trial had its value: the best one's, or that which its trainer went back to, or the last."""
    there = [step for step, one in curve if one == value]
    return there[-1] if there else curve[-1][0] if curve else None


def seconds(attempts: Sequence[Attempt]) -> float | None:
    """What a trial took: GPU seconds where its worker counted them, or else the time that its attempts held it."""
    ended = [one for one in attempts if one.ended_at is not None]
    if not ended:
        return None
    counted = [one.gpu_seconds for one in ended if one.gpu_seconds is not None]
    if counted:
        return sum(counted)
    return sum((one.ended_at - one.granted_at).total_seconds() for one in ended if one.ended_at is not None)
