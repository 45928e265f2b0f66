"""How a finish goes on: each of its runs that ends may be the one that was waited for.

All of it is decided in the transaction that ends the run, of what is stored. Whichever server is there goes on with it.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from service.domain import confirming
from service.domain.actor import SYSTEM
from service.domain.confirming import Standing
from service.domain.finish import Finish
from service.domain.study import Study
from service.domain.trial import Rerun, Trial
from service.usecases import rerunning
from service.usecases.auditing import sign
from service.usecases.ports import Transaction
from service.usecases.record import study_event
from service.usecases.stopping import live_points

TEST = "test_"
"""How the metrics are called that a trainer has measured on the sealed test split."""


def look(tx: Transaction, study: Study, trial: Trial) -> None:
    """Go on with the finish that a trial has ended for, if it is for one and nothing else is waited for."""
    if not trial.finished or trial.rerun is None or trial.rerun.round is None:
        return
    study = tx.studies.lock(study.name)
    rounds = tx.finishes.list(study.id)
    finish = next((one for one in rounds if one.round == trial.rerun.round), None)
    if finish is None:
        return
    if finish.state == "confirming" and trial.purpose == "confirm":
        _confirmed(tx, study, finish)
    elif finish.state == "refitting" and trial.number == finish.outcome.refit:
        _refitted(tx, study, finish, trial)


def save(tx: Transaction, study: Study, finish: Finish) -> None:
    """Write a round down, and tell of it."""
    tx.finishes.save(finish)
    why = {} if finish.reason is None else {"reason": finish.reason}
    study_event(tx, study, "study.finish", round=finish.round, state=finish.state, **why)


def _confirmed(tx: Transaction, study: Study, finish: Finish) -> None:
    """Choose the winner once all runs have ended, and have it trained on everything."""
    if not all(one.finished for one in rerunning.of_round(tx, finish)):
        return
    found = confirming.standings(rerunning.runs(tx, study, finish), finish.plan.direction)
    winner = confirming.cheapest(found)
    if winner is None:
        why = f"no trial completed on {confirming.LEAST_RUNS} of the {len(finish.plan.seeds)} seeds"
        save(tx, study, finish.ended("failed", why, finish.outcome, tx.now))
        return
    steps = [run.step for run in winner.runs if run.good and run.step is not None]
    rerun = Rerun(
        of=winner.number,
        seed=finish.plan.seeds[0],
        steps=statistics.median_low(steps) if steps else None,
        round=finish.round,
    )
    refit = rerunning.queue(tx, study, tx.trials.get(study.id, winner.number), "refit", rerun)
    outcome = replace(
        finish.outcome, winner=winner.number, why=_why(found, winner), steps=rerun.steps, refit=refit.number
    )
    save(tx, study, replace(finish, state="refitting", outcome=outcome))


def _why(found: Sequence[Standing], winner: Standing) -> str:
    """Why this one won, in a sentence."""
    name, best = f"Trial {winner.number}", found[0]
    others = [str(one.number) for one in found if one.tied and one is not winner]
    if len(found) == 1:
        return f"{name} was the only one."
    if not others:
        return f"{name} is better than each of the others by more than the seeds explain."
    if winner is best:
        *most, last = others
        listed = f"{', '.join(most)} and {last}" if most else last
        return f"{name} is the best; {listed} cannot be told apart from it, and cost no less."
    cost = "fewer parameters"
    if confirming.slower(best, winner) and best.seconds is not None:
        cost = f"{winner.seconds:.3g} s a run, not {best.seconds:.3g}"
    return f"{name} cannot be told apart from the best, trial {best.number}, and is cheaper: {cost}."


def _refitted(tx: Transaction, study: Study, finish: Finish, trial: Trial) -> None:
    """Close the round with what the sealed test split said, which was looked at this once."""
    test: dict[str, float] = {}
    for point in live_points(tx, study.id, trial.number):
        test |= {name: value for name, value in point.metrics.items() if name.startswith(TEST)}
    if test:
        sign(
            tx,
            SYSTEM,
            "evaluate_test",
            f"studies/{study.name}",
            trial=trial.number,
            round=finish.round,
            started_by=finish.started_by,
            metrics={name: str(value) for name, value in test.items()},
            **({} if finish.plan.again is None else {"again": finish.plan.again}),
        )
    outcome = replace(finish.outcome, test=test or None)
    state, why = _verdict(study, trial, tested=bool(test))
    save(tx, study, finish.ended(state, why, outcome, tx.now))


def _verdict(
    study: Study, trial: Trial, *, tested: bool
) -> tuple[Literal["finished", "failed", "cancelled"], str | None]:
    """How a round ends by what became of its refit, and what there is to say of it."""
    failure = trial.failure
    said = "" if failure is None else failure.message.strip().partition("\n")[0]
    if trial.state == "cancelled":
        return "cancelled", f"trial {trial.number}, which trained the winner on everything, was cancelled"
    if trial.state == "completed" and tested:
        return "finished", None
    name = study.definition.trainer.name if study.definition.trainer else "of the study"
    if trial.state == "completed":
        return "finished", f"the trainer {name} reported no {TEST}... metric: no sealed test split was evaluated"
    if failure is not None and failure.failure_class == "user_error":
        return "finished", f"the winner was confirmed, but not trained on everything: {said or 'the trainer refused'}"
    kind = f" ({failure.failure_class})" if failure is not None else ""
    return "failed", f"trial {trial.number}, which trained the winner on everything, {trial.state}{kind}: {said}"
