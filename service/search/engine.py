"""The engine: suggestions, verdicts and endings by Optuna's samplers and pruners, over what is known of a study."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib.metadata import version
from random import Random

from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from service.domain import budget
from service.domain.study import Study
from service.domain.trial import Trial
from service.search.asking import Asked, ask
from service.search.desk import Desk, identity
from service.search.evidence import Sight
from service.search.frozen import frozen
from service.search.points import Place, place
from service.search.pool.controls import CONTROL
from service.search.quiet import hush
from service.search.seeds import seeds
from service.search.view import View, ViewStudy
from service.usecases.engine import (
    Curve,
    Exhausted,
    History,
    Latest,
    Promotion,
    Suggestion,
    System,
    Verdict,
    one_by_one,
)

_log = logging.getLogger(__name__)
NAME = f"optuna {version('optuna')}"

# Spaces up to this size are looked through for a point that is left, when a sampler finds none by itself.
_SEARCHABLE = 10_000
_GO_ON = Verdict(act="continue")
_NO_SAMPLER = RandomSampler(seed=0)
_NOBODY = -1
_LONGEST_NOTE = 300


class OptunaEngine:
    """Optuna 5 as the engine. What it keeps between calls are caches, for the studies that were used last.

    `redraws`: how often a point of a discrete space is drawn anew if it has been tried; 0 lets it be tried again.
    """

    name = NAME

    def __init__(self, *, keep_trials: int = 200_000, redraws: int = 3) -> None:
        self._keep_trials = keep_trials
        self._redraws = redraws
        self._desks: OrderedDict[int, Desk] = OrderedDict()
        self._lock = threading.Lock()

    def suggest(self, history: History, number: int) -> Suggestion:
        """The point for a trial; Exhausted if every point has been suggested."""
        hush()
        desk = self._desk(history.study)
        tried = desk.tried(history, number)
        if desk.size is not None and len(tried) >= desk.size:
            raise Exhausted
        for attempt in range(self._redraws + 1):
            suggestion = self._draw(desk, history, number, attempt)
            if not tried or place(desk.layout, suggestion.params) not in tried:
                return suggestion
        return (self._left(desk, history, number, tried) if self._redraws else None) or suggestion

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        """Points for the trials of this number and up, each made as if those before it were queued already."""
        until = time.monotonic() + seconds
        return one_by_one(self.suggest, history, number, count, lambda: time.monotonic() > until)

    def promote(self, history: History, number: int) -> Promotion | None:
        """The paused trial to go on with rather than that the trial of this number begins, if there is one."""
        hush()
        desk = self._desk(history.study)
        if desk.halving is None and desk.pool is None:
            return None
        exhausted = desk.size is not None and len(desk.tried(history, number)) >= desk.size
        last_round = exhausted or not budget.may_add(history.study)
        if desk.halving is not None:
            return desk.halving.promote(history, last_round=last_round)
        return desk.pool.promote(history, number, last_round=last_round) if desk.pool is not None else None

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a running trial goes on after what it just reported."""
        hush()
        desk = self._desk(history.study)
        if not curve:
            return _GO_ON
        if desk.halving is not None:
            return desk.halving.judge(history, trial, curve, latest)
        if desk.pool is None:
            return _by_rule(desk, history, trial, curve)
        if latest.resumes:
            return desk.pool.judge(history, trial, curve, latest)
        # It cannot be paused, only stopped for good. What it shows at rungs is remembered all the same.
        shown = desk.pool.shown(trial, curve, latest)
        known = {} if shown is None else shown[1]
        if trial.system.get(CONTROL):
            return Verdict(act="continue", system=known)
        verdict = _by_rule(desk, history, trial, curve)
        return replace(verdict, system={**verdict.system, **known})

    def _draw(self, desk: Desk, history: History, number: int, attempt: int) -> Suggestion:
        chance = seeds(history.study, number, attempt)
        try:
            with desk.drawing:
                asked = _ask(desk, history, number, desk.sampler(history, chance, besides=number))
                control = desk.pool is not None and desk.pool.wants_control(history, number)
        except Exception as error:  # noqa: BLE001  # a worker that waits is given a point, by whatever means
            _log.warning("the sampler failed over trial %d", number, exc_info=True)
            asked = _ask(desk, history, number, RandomSampler(seed=chance.trial))
            note = f"drawn at random, since the sampler failed: {type(error).__name__}: {error}"[:_LONGEST_NOTE]
            return Suggestion(params=asked.params, note=note)
        system = dict(asked.system)
        if control:
            system[CONTROL] = True
        return Suggestion(params=asked.params, system=system, study_system=asked.study_system)

    def _left(self, desk: Desk, history: History, number: int, tried: Collection[Place]) -> Suggestion | None:
        if desk.size is None or desk.size > _SEARCHABLE:
            return None
        left = [params for params in desk.points() if place(desk.layout, params) not in tried]
        params = Random(seeds(history.study, number).trial).choice(left)
        return Suggestion(params=params, note="one of the points that are left: the sampler found none that is new")

    def _desk(self, study: Study) -> Desk:
        with self._lock:
            desk = self._desks.get(study.id)
            if desk is None or desk.key != identity(study):
                desk = self._desks[study.id] = Desk(study)
            self._desks.move_to_end(study.id)
            held = sum(map(len, self._desks.values()))
            while held > self._keep_trials and len(self._desks) > 1:
                held -= len(self._desks.popitem(last=False)[1])
            return desk


def _by_rule(desk: Desk, history: History, trial: Trial, curve: Curve) -> Verdict:
    """The verdict of one of Optuna's pruners."""
    rule = desk.rule
    if rule is None or (rule.until is not None and curve.steps[-1] >= rule.until):
        return _GO_ON
    written: System = {}
    if rule.at_once is not None:
        stopped, found = rule.at_once(rule.options, desk.judging(history), curve)
    else:
        own = frozen(trial.number, TrialState.RUNNING, system=dict(trial.system), curve=_points(curve, rule.whole))
        view = View(desk.judging(history), own)
        study, written = ViewStudy(view, _NO_SAMPLER, rule.pruner), view.system
        stopped = rule.pruner.prune(study, own)
        sight = Sight(study=study, own=own, pruner=rule.pruner, written=written, stopped=stopped)
        found = rule.explain(rule.options, sight)
    stops = stopped and not (rule.careful and _may_be_done(history, curve))
    return Verdict(
        act="stop" if stops else "continue",
        reason=found.reason if found is not None and stops else None,
        basis=found.basis if found is not None else None,
        system=written,
    )


def _ask(desk: Desk, history: History, number: int, sampler: BaseSampler) -> Asked:
    own = frozen(number, TrialState.RUNNING)
    return ask(desk.layout, View(desk.sampling(history), own), sampler)


def _points(curve: Curve, whole: bool) -> dict[int, float]:
    """The points that a pruner reads of the trial that it judges: all of them, or the last."""
    if whole:
        return dict(zip(curve.steps, curve.values, strict=True))
    return {curve.steps[-1]: curve.values[-1]}


def _may_be_done(history: History, curve: Curve) -> bool:
    """Whether a trial may be at its end already: others went no further, or nobody has reported twice yet."""
    completed = (history.curves.get(number) for number, trial in history.trials.items() if trial.state == "completed")
    if any(other and other.steps[-1] <= curve.steps[-1] for other in completed):
        return True
    return len(curve) == 1 and all(len(other) < 2 for other in history.curves.values())
