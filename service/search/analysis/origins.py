"""Where a trial's parameters come from: what was known, who drew them, whether they would be drawn again."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, TPESampler

from service.domain.trial import Trial
from service.search import auto
from service.search.analysis import gaussian
from service.search.analysis.cube import Cube
from service.search.analysis.density import density, random_start
from service.search.analysis.front import completed
from service.search.analysis.past import Past, before, past
from service.search.desk import Desk
from service.search.distributions import Layout
from service.search.engine import OptunaEngine
from service.search.pool.sampler import CurveSampler
from service.search.quiet import hush
from service.search.samplers import SAMPLERS
from service.search.seeds import seeds
from service.usecases.analysis.analyst import Origins
from service.usecases.engine import Exhausted, History
from service.wire.analysis import Drawn, Known, Neighbour, Outlook, Recomputed
from service.wire.message import Scalar
from service.wire.sampler import AutoSampler

_LIBRARIES = ("optuna", "numpy", "scipy", "cmaes", "torch")
_MOST_PENDING = 100
_NEIGHBOURS = 5
_SEQUENCE = "qmc:"
_MOST_PLACES = 300
_SEED_RULE = (
    "trial_seed is the 64-bit BLAKE2b hash of the text 'study_seed:number', modulo 2**32: "
    "the same study seed and number always give the same one"
)


def origins(history: History, trial: Trial) -> Origins:
    """Where a trial's parameters come from."""
    hush()
    if trial.suggestion is None:
        return _given(history, trial)
    possible = past(history, trial)
    found, recomputed = _recomputed(possible, trial)
    desk = Desk(found.history.study)
    drawn = _drawn(desk, found, trial)
    outlooks = [*_density(desk, found, trial), *_gaussian(found, trial)]
    return Origins(drawn, _known(found, int(trial.suggestion["seq"])), recomputed, outlooks, _neighbours(found, trial))


def _given(history: History, trial: Trial) -> Origins:
    found = before(history, trial)
    when = f"{trial.created_at:%Y-%m-%d %H:%M:%S} UTC"
    by = (
        f"It runs trial {trial.rerun.of} again: it was queued at {when}. No sampler had a part in it."
        if trial.rerun is not None
        else f"A client enqueued this point at {when}. No sampler had a part in it."
        if trial.origin == "enqueued"
        else f"It ran elsewhere: a client added it with its result at {when}. No sampler had a part in it."
    )
    outlooks = _gaussian(found, trial)
    return Origins(Drawn(by=by), _known(found, None), None, outlooks, _neighbours(found, trial))


def _recomputed(possible: list[Past], trial: Trial) -> tuple[Past, Recomputed]:
    """The past that explains the trial, or else the likeliest one; and whether it does."""
    made: list[Mapping[str, Scalar]] = []
    for one in possible:
        engine = OptunaEngine()
        for system in _memories(one.history, trial.number):
            params = _suggest(engine, replace(one.history, system=system), trial.number)
            if params == dict(trial.params):
                return one, Recomputed(state="same")
            if params is not None:
                made.append(params)
    first = possible[0]
    doubts = [*first.doubts, *_forgotten(first.history, trial.number)]
    if doubts:
        why = "; ".join(doubts)
        return first, Recomputed(state="unknown", reason=f"what was known then cannot be rebuilt: {why}")
    if not made:
        return first, Recomputed(state="unknown", reason="by what is known now, every point had been suggested")
    why = (
        "the sampler makes another point now: which trials waited then, its memory, its library's version or the "
        "machine is not as it was"
    )
    return first, Recomputed(state="different", reason=why, params=dict(made[0]))


def _memories(history: History, number: int) -> Iterator[Mapping[str, Any]]:
    """What the sampler may have remembered then: what it remembers now, and for a sequence each place in it so far.

    Low-discrepancy points are numbered by a counter that has gone on since; suggestions that were made anew took
    numbers too, so that the place of a trial is about its number.
    """
    yield history.system
    counters = [key for key in history.system if key.startswith(_SEQUENCE)]
    sampler = Desk(history.study).sampler(history, seeds(history.study, number))
    if not _sequence(sampler):
        return
    for key in counters:
        places = sorted(range(-1, int(history.system[key])), key=lambda place: abs(place - number))
        for place in places[:_MOST_PLACES]:
            yield {**history.system, key: place}


def _forgotten(history: History, number: int) -> list[str]:
    """What a model knew that is not kept: how far the curves of running trials had come."""
    sampler = Desk(history.study).sampler(history, seeds(history.study, number))
    running = any(one.state in {"running", "paused"} for one in history.trials.values())
    if not isinstance(sampler, CurveSampler) or _sequence(sampler) or not running:
        return []
    return ["the model of the curves knew what trials had shown that were running then, and that is not kept"]


def _sequence(sampler: BaseSampler) -> bool:
    """Whether a sampler takes the next point of a sequence."""
    return isinstance(sampler, QMCSampler) or (isinstance(sampler, CurveSampler) and sampler._explores)


def _suggest(engine: OptunaEngine, history: History, number: int) -> dict[str, Scalar] | None:
    try:
        return dict(engine.suggest(history, number).params)
    except Exhausted:
        return None


def _drawn(desk: Desk, found: Past, trial: Trial) -> Drawn:
    suggestion = trial.suggestion or {}
    study = found.history.study
    chance = seeds(study, trial.number)
    return Drawn(
        by=_by(desk, found, trial) if not suggestion.get("note") else f"The point is {suggestion['note']}.",
        sampler=suggestion.get("sampler"),
        engine=suggestion.get("engine"),
        versions=_versions(),
        study_seed=study.definition.seed,
        trial_seed=chance.trial,
        seed_rule=_SEED_RULE,
        note=suggestion.get("note"),
    )


def _by(desk: Desk, found: Past, trial: Trial) -> str:
    """Which sampler drew it, in a sentence."""
    definition = found.history.study.definition
    options = definition.sampler
    sampler = desk.sampler(found.history, seeds(found.history.study, trial.number))
    if not isinstance(options, AutoSampler):
        if isinstance(sampler, TPESampler) and random_start(sampler, desk, found.history):
            return f"tpe drew it at random: it models nothing before {sampler._n_startup_trials} trials have ended."
        return f"{options.type} drew it: {SAMPLERS[options.type].title}."
    plan = auto.plan(definition)
    match sampler:
        case _ if _sequence(sampler):
            why = (
                f"fewer than {auto.STARTUP} trials had taught it anything"
                if len(found.ended) < auto.STARTUP
                else "there was too little to learn from yet, or it was the turn of a point that no model chose"
            )
            return f"auto took a scrambled Sobol point: {why}."
        case TPESampler():
            return f"auto drew it by a tree-structured Parzen estimator, because {_because(plan, 'tpe')}."
        case GPSampler():
            return f"auto drew it by a Gaussian process, because {_because(plan, 'gp')}."
        case CurveSampler():
            title = f"{plan.model.title} (or took a Sobol point, while that had too little to go by)"
            return f"auto drew it by {title}, because {plan.why}."
        case CmaEsSampler():
            return f"auto drew it by CMA-ES: {auto.FULL} trials or more had completed, and {plan.why}."
        case _:
            return "auto drew it at random: there was too little to learn from yet."


def _because(plan: auto.Plan, name: str) -> str:
    if plan.model.name == name:
        return plan.why
    return f"{auto.FULL} trials or more had completed"


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _known(found: Past, seq: int | None) -> Known:
    pending = found.pending
    return Known(seq=seq, ended=len(found.ended), pending=tuple(pending[:_MOST_PENDING]), pending_count=len(pending))


def _density(desk: Desk, found: Past, trial: Trial) -> list[Outlook]:
    sampler = desk.sampler(found.history, seeds(found.history.study, trial.number))
    if not isinstance(sampler, TPESampler) or random_start(sampler, desk, found.history):
        return []
    told = density(sampler, desk, found.history, trial.number, trial.params)
    if told is None:
        return []
    model = f"the sampler's own: TPE, {told.good} trials taken for good and {told.others} for the others"
    return [Outlook(model=model, density_ratio=told.ratio)]


def _gaussian(found: Past, trial: Trial) -> list[Outlook]:
    """What a Gaussian process expects of the first objective, from the nearest trials that had completed."""
    study = found.history.study
    objective = study.definition.objectives[0]
    known = [
        one
        for one in completed(study.definition.objectives[:1], found.history.trials)
        if math.isfinite((one.values or {})[objective.metric])
    ]
    cube = Cube(Layout(study.definition.space))
    if len(known) < gaussian.LEAST:
        return []
    here = cube.points([trial.params])
    there = cube.points([one.params for one in known])
    at = cube.gaps(there, here)[:, :, 0]
    if not len(at):
        return []
    nearest = np.sort(np.argsort(at.sum(axis=0), kind="stable")[: gaussian.MOST])
    values = np.array([(known[place].values or {})[objective.metric] for place in nearest])
    predicted = gaussian.predict(cube.gaps(there[nearest], there[nearest]), at[:, nearest], values)
    minimize = objective.direction == "minimize"
    every = [(one.values or {})[objective.metric] for one in known]
    best = min(every) if minimize else max(every)
    which = f"the nearest {len(nearest)} of {len(known)}" if len(nearest) < len(known) else f"the {len(known)}"
    return [
        Outlook(
            model=f"for comparison, not the sampler's own: a Gaussian process (Matérn 5/2) on {which} completed trials",
            metric=objective.metric,
            mean=predicted.mean,
            sd=predicted.sd,
            best=best,
            expected_gain=gaussian.expected_gain(predicted, best, minimize=minimize),
        )
    ]


def _neighbours(found: Past, trial: Trial) -> list[Neighbour]:
    ended = sorted(found.ended, key=lambda one: one.number)
    cube = Cube(Layout(found.history.study.definition.space))
    if not ended:
        return []
    gaps = cube.gaps(cube.points([one.params for one in ended]), cube.points([trial.params]))
    far = np.sqrt(gaps.sum(axis=0)[:, 0])
    return [
        Neighbour(
            number=ended[place].number,
            distance=float(far[place]),
            state=ended[place].state,
            values=None if (values := ended[place].values) is None else dict(values),
        )
        for place in np.argsort(far, kind="stable")[:_NEIGHBOURS]
    ]
