"""What a study's honest end tells, at any time: all of it is worked out of what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from service.domain import confirming
from service.domain.confirming import Run, Standing
from service.domain.finish import Finish
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases import rerunning
from service.usecases.checkpointing import address
from service.usecases.finishing.card import card
from service.usecases.finishing.starting import newest
from service.usecases.ports import Transaction
from service.wire import finish as wire


def report(tx: Transaction, name: str) -> wire.Finish:
    """The report of the last round."""
    study = tx.studies.get(name)
    finish = newest(tx, study)
    runs = rerunning.runs(tx, study, finish)
    refit = None if finish.outcome.refit is None else tx.trials.get(study.id, finish.outcome.refit)
    trials = tx.trials.pick(study.id, finish.plan.candidates)
    found = _report(tx, study, finish, runs, trials, refit)
    if finish.open or finish.outcome.winner is None:
        return found
    return found.model_copy(update={"card": card(study, found)})


def progress(tx: Transaction, finish: Finish) -> tuple[int, int]:
    """How many runs of a round have ended, and how many there are: the refit is one of them."""
    runs, refit = rerunning.of_round(tx, finish), finish.outcome.refit
    ended = sum(one.finished for one in runs)
    return ended + (refit is not None and tx.trials.get(finish.study_id, refit).finished), len(runs) + 1


def _report(
    tx: Transaction,
    study: Study,
    finish: Finish,
    runs: Mapping[int, Sequence[Run]],
    trials: Mapping[int, Trial],
    refit: Trial | None,
) -> wire.Finish:
    plan, outcome = finish.plan, finish.outcome
    done, of = progress(tx, finish)
    return wire.Finish(
        study=study.name,
        round=finish.round,
        state=finish.state,
        reason=finish.reason,
        metric=plan.metric,
        direction=plan.direction,
        seeds=plan.seeds,
        level=confirming.LEVEL,
        search=wire.SearchThen(state=plan.study_state, completed=plan.completed),
        done=done,
        of=of,
        candidates=tuple(
            _candidate(one, trials[one.number], plan.metric) for one in confirming.standings(runs, plan.direction)
        ),
        winner=outcome.winner,
        why=outcome.why,
        refit=None if refit is None else _refit(refit),
        tests=_tests(tx.finishes.list(study.id)),
        artifact=None if refit is None else _artifact(tx, study, refit),
        again=plan.again,
        started_by=finish.started_by,
        started_at=finish.started_at,
        ended_at=finish.ended_at,
    )


def _candidate(standing: Standing, trial: Trial, metric: str) -> wire.Candidate:
    return wire.Candidate(
        trial=standing.number,
        params=dict(trial.params),
        searched=(trial.values or {}).get(metric),
        value=_interval(standing.interval),
        behind=_interval(standing.behind),
        best=standing.best,
        tied=standing.tied,
        failed=sum(_finished(run) and not run.good for run in standing.runs),
        seconds=standing.seconds,
        parameters=standing.parameters,
        runs=tuple(
            wire.ConfirmRun(trial=run.number, seed=run.seed, state=run.state, value=run.value, seconds=run.seconds)
            for run in standing.runs
        ),
    )


def _finished(run: Run) -> bool:
    return run.state not in {"queued", "running", "paused"}


def _interval(found: confirming.Interval | None) -> wire.Interval | None:
    return None if found is None else wire.Interval.model_validate(asdict(found))


def _refit(trial: Trial) -> wire.Refit:
    assert trial.rerun is not None
    return wire.Refit(
        trial=trial.number,
        state=trial.state,
        seed=trial.rerun.seed,
        steps=trial.rerun.steps,
        failure=trial.failure,
    )


def _tests(rounds: Sequence[Finish]) -> tuple[wire.Evaluation, ...]:
    """Each look at the sealed test split."""
    return tuple(
        wire.Evaluation(
            round=one.round,
            at=one.ended_at,
            trial=one.outcome.refit,
            metrics=dict(one.outcome.test),
            again=one.plan.again,
        )
        for one in rounds
        if one.outcome.test is not None and one.outcome.refit is not None and one.ended_at is not None
    )


def _artifact(tx: Transaction, study: Study, refit: Trial) -> wire.Artifact | None:
    """The last checkpoint of a refit that has completed."""
    found = next(iter(tx.checkpoints.list(study.id, refit.number)), None) if refit.state == "completed" else None
    if found is None:
        return None
    return wire.Artifact(
        uri=address(study.name, found),
        stored=found.artifact is not None,
        trial=refit.number,
        attempt=found.key.attempt,
        step=found.step,
        sha256=found.sha256,
        size=found.size,
    )
