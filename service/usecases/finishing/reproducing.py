"""Trials that are run again as they were, and how their curves compare."""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from service.domain import reproduction
from service.domain.errors import WrongState
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.domain.trial import Rerun, Trial
from service.usecases import rerunning
from service.usecases.once import once
from service.usecases.ports import Transaction
from service.wire.finish import Reproduce, Reproduction, ReproductionList

_NUMBER = TypeAdapter(int)
_MOST_RUNS = 10_000


def reproduce(tx: Transaction, name: str, number: int, body: Reproduce) -> Trial:
    """Queue a trial again as it was: with its parameters and its seed, as far as it came."""
    study = tx.studies.get(name)
    trial = tx.trials.get(study.id, number)
    if study.archived or study.state == "paused":
        is_ = "archived" if study.archived else "paused"
        raise WrongState(f"study '{name}' is {is_}, and nothing of it would run")
    last = _last_step(tx, study, trial)
    if trial.state in {"queued", "running"}:
        raise WrongState(f"trial {number} is {trial.state}: wait until it has ended")
    if last is None:
        raise WrongState(f"trial {number} is {trial.state} and has no curve to compare with")
    rerun = Rerun(of=number, seed=study.seed_of(trial), steps=last)
    scope = f"reproduce:{study.id}:{number}"
    return tx.trials.get(
        study.id,
        once(
            tx,
            scope,
            body.request_id,
            body,
            _NUMBER,
            lambda: rerunning.queue(tx, study, trial, "reproduce", rerun).number,
        ),
    )


def reproductions(tx: Transaction, name: str, number: int) -> ReproductionList:
    """How the runs compare by which a trial was reproduced, the first one first."""
    study = tx.studies.get(name)
    tx.trials.get(study.id, number)
    again = rerunning.of_trial(tx, study, number, "reproduce")
    metric = study.definition.objectives[0].metric
    seeds = _seeds(tx, study, number)
    curves = tx.points.curves(study.id, [number, *(one.number for one in again), *seeds], metric)
    noise = reproduction.noise([curves[one] for one in seeds if one in curves])
    return ReproductionList(
        reproductions=tuple(_told(one, curves.get(number, ()), curves.get(one.number, ()), noise) for one in again)
    )


def _told(
    run: Trial,
    before: Sequence[tuple[int, float]],
    after: Sequence[tuple[int, float]],
    noise: Mapping[int, float],
) -> Reproduction:
    if not run.finished:
        return Reproduction(trial=run.number, state=run.state, likeness="waiting", said="It has not ended yet.")
    found = reproduction.compare(before, after, noise)
    return Reproduction(
        trial=run.number,
        state=run.state,
        likeness=found.likeness,
        said=found.said,
        steps=found.steps,
        first_different=found.first_different,
        farthest=found.farthest,
        tolerance=found.tolerance,
        tolerance_from=found.tolerance_from,
    )


def _seeds(tx: Transaction, study: Study, number: int) -> Sequence[int]:
    """Runs of the same trial on other seeds, if it was ever confirmed, by which its noise is known."""
    query = TrialQuery(states=("completed",), purposes=("confirm",), size=_MOST_RUNS)
    found = tx.trials.list(study.id, query).items
    return [one.number for one in found if one.rerun is not None and one.rerun.of == number]


def _last_step(tx: Transaction, study: Study, trial: Trial) -> int | None:
    metric = study.definition.objectives[0].metric
    curve = tx.points.curves(study.id, [trial.number], metric).get(trial.number, ())
    return curve[-1][0] if curve else None
