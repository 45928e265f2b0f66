"""How a study's honest end begins, and how it is called off."""

import math
import random
from collections.abc import Iterator, Sequence

from service.domain.actor import LOCAL, Actor
from service.domain.carrying import point_key
from service.domain.errors import FinishNotFound, FinishRunning, Invalid, SplitOpened, WrongState
from service.domain.finish import Finish, Plan
from service.domain.query import Place, TrialQuery
from service.domain.study import Study
from service.domain.trial import Rerun, Trial
from service.usecases import advancing, rerunning, trials
from service.usecases.ports import Transaction
from service.usecases.record import study_event
from service.wire.finish import FinishStudy
from service.wire.objective import Objective

_AT_ONCE = 1_000
_SEEDS = 2**31
"""Seeds are smaller than that: every library takes them."""


def start(tx: Transaction, name: str, body: FinishStudy, actor: Actor = LOCAL) -> Finish:
    """Queue the best trials again, each on the same fresh seeds."""
    study = tx.studies.lock(name)
    rounds = tx.finishes.list(study.id)
    may_begin(study, rounds, body)
    objective = _objective(study, body.metric)
    candidates = _best(tx, study, objective, body.top)
    if not candidates:
        raise WrongState(
            f"study '{name}' has no completed trial with a value of {objective.metric}: nothing to confirm"
        )
    if body.beside is not None and body.beside not in {one.number for one in candidates}:
        candidates = [*candidates, _beside(tx, study, body.beside)]
    finish = Finish(
        study_id=study.id,
        round=len(rounds) + 1,
        plan=Plan(
            metric=objective.metric,
            direction=objective.direction,
            candidates=tuple(one.number for one in candidates),
            seeds=_fresh(study, len(rounds) + 1, body.seeds),
            study_state=study.state,
            completed=tx.trials.counts([study.id]).get(study.id, {}).get("completed", 0),
            again=body.again,
        ),
        started_by=actor.name,
        started_at=tx.now,
    )
    tx.finishes.add(finish)
    # Seed by seed: those that are compared run near each other.
    for seed in finish.plan.seeds:
        for one in candidates:
            rerunning.queue(tx, study, one, "confirm", Rerun(of=one.number, seed=seed, round=finish.round))
    study_event(tx, study, "study.finish", round=finish.round, state=finish.state)
    return finish


def cancel(tx: Transaction, name: str) -> Finish:
    """Call a finish off: its runs are cancelled. What was confirmed by then can still be read."""
    study = tx.studies.lock(name)
    finish = newest(tx, study)
    if not finish.open:
        raise WrongState(f"the finish of study '{name}' is {finish.state}: there is nothing to cancel")
    ended = finish.ended("cancelled", "cancelled by a user", finish.outcome, tx.now)
    advancing.save(tx, study, ended)
    numbers = [one.number for one in rerunning.of_round(tx, finish) if not one.finished]
    if finish.outcome.refit is not None and not tx.trials.get(study.id, finish.outcome.refit).finished:
        numbers.append(finish.outcome.refit)
    for number in numbers:
        trials.cancel_in(tx, study, number)
    return ended


def newest(tx: Transaction, study: Study) -> Finish:
    """The last round of a study's finish."""
    rounds = tx.finishes.list(study.id)
    if not rounds:
        raise FinishNotFound(f"study '{study.name}' has not been finished")
    return rounds[-1]


def may_begin(study: Study, rounds: Sequence[Finish], body: FinishStudy) -> None:
    """Refuse a round that would not run, or that would open the test split again without a reason."""
    if study.archived:
        raise WrongState(f"study '{study.name}' is archived: it hands out no trials; unarchive it first")
    if study.state == "paused":
        raise WrongState(f"study '{study.name}' is paused, and nothing of it would run: stop or resume it first")
    if rounds and rounds[-1].open:
        raise FinishRunning(f"study '{study.name}' is being finished since {rounds[-1].started_at:%Y-%m-%d %H:%M} UTC")
    tested = [one for one in rounds if one.outcome.test is not None]
    if tested and body.again is None:
        last = tested[-1]
        raise SplitOpened(
            f"the sealed test split of study '{study.name}' was opened at {last.ended_at:%Y-%m-%d %H:%M} UTC, for "
            f"{last.started_by}: each further look makes it worth less"
        )


def _objective(study: Study, metric: str | None) -> Objective:
    objectives = study.definition.objectives
    names = [one.metric for one in objectives]
    if metric is None and len(objectives) == 1:
        return objectives[0]
    if metric is None:
        raise Invalid.field("metric", f"is missing: the study has several objectives, name {' or '.join(names)}")
    found = next((one for one in objectives if one.metric == metric), None)
    if found is None:
        raise Invalid.field("metric", f"'{metric}' is no objective of this study: take {' or '.join(names)}")
    return found


def _best(tx: Transaction, study: Study, objective: Objective, count: int) -> Sequence[Trial]:
    """The best completed trials, each point once; infeasible ones are not among them."""
    sign = 1 if objective.direction == "minimize" else -1
    valued = [
        (sign * value, trial.number, trial)
        for trial in _completed(tx, study)
        if (value := (trial.values or {}).get(objective.metric)) is not None and math.isfinite(value)
    ]
    found: dict[object, Trial] = {}
    for _, _, trial in sorted(valued, key=lambda one: one[:2]):
        found.setdefault(point_key(trial.params), trial)
        if len(found) == count:
            break
    return list(found.values())


def _beside(tx: Transaction, study: Study, number: int) -> Trial:
    """A trial that is compared with the best ones: a pruned one may be, but no run of another trial."""
    trial = tx.trials.get(study.id, number)
    if not trial.searches or not trial.finished:
        what = "has not ended yet" if trial.searches else "is itself another run of a trial"
        raise Invalid.field("beside", f"names trial {number}, which {what}: name one of the search that has ended")
    return trial


def _completed(tx: Transaction, study: Study) -> Iterator[Trial]:
    after = None
    while True:
        page = tx.trials.list(study.id, TrialQuery(states=("completed",), after=after, size=_AT_ONCE))
        yield from page.items
        if not page.more:
            return
        after = Place(key=None, number=page.items[-1].number)


def _fresh(study: Study, round: int, count: int) -> tuple[int, ...]:
    """Seeds that no trial of the search has had, the same ones whenever they are drawn for this round."""
    draw = random.Random(f"finish {study.definition.seed} {round}")
    known = study.definition.seed or 0
    seeds: list[int] = []
    while len(seeds) < count:
        seed = draw.randrange(_SEEDS)
        if seed not in seeds and not known <= seed <= known + study.next_number:
            seeds.append(seed)
    return tuple(seeds)
