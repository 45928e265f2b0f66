"""A desk: what a process keeps of one study so that it need not work it out for each call.

It may be cleared at any time. Everything on it follows from the study's definition and its trials, so that all
processes answer alike.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from service.domain.study import Study
from service.search import auto
from service.search.distributions import Layout
from service.search.frozen import Freezer, Look
from service.search.points import Place, points, size
from service.search.pool.halving import Halving
from service.search.pool.knowledge import Knowledge
from service.search.pool.observing import observed
from service.search.pool.portfolio import Portfolio
from service.search.pruners import halves, rule
from service.search.samplers import CURVES, SAMPLERS, Grid, installed
from service.search.seeds import Seeds, seeds
from service.search.snapshots import Snapshots
from service.search.tpe import Tpe
from service.search.view import Scene
from service.usecases.engine import History, judged
from service.wire.message import Scalar
from service.wire.objective import Direction
from service.wire.sampler import AutoSampler, Observe
from service.wire.scheduler import AutoScheduler
from service.wire.study import StudyDefinition

_NOBODY = -1
_DIRECTIONS: Mapping[Direction, StudyDirection] = {
    "minimize": StudyDirection.MINIMIZE,
    "maximize": StudyDirection.MAXIMIZE,
}


class Desk:
    """The layout of a study's space, its sampler, its scheduler, and its trials as each of them sees them."""

    def __init__(self, study: Study) -> None:
        definition = study.definition
        self.key = identity(study)
        self.name = study.name
        self.layout = Layout(definition.space)
        self.size = size(self.layout)
        self.rule = rule(definition)
        options = halves(definition)
        self.halving = Halving(definition, options) if options is not None else None
        matter = auto.curves_matter(definition) and installed(CURVES)
        self.portfolio = Portfolio(definition, self.layout) if matter else None
        self._definition = definition
        self._lock = threading.Lock()
        self._plan = auto.plan(definition) if isinstance(definition.sampler, AutoSampler) else None
        self._kept: Grid | Tpe | None = None
        self.drawing = threading.Lock()
        """Whoever draws holds it: a sampler may be kept from one suggestion to the next."""
        self._sampler_look, pruner_look = looks(definition, self._needs_feasibility(), self._compares())
        self._pruner_look = pruner_look
        self._for_sampler = Snapshots(Freezer(self.layout, self._sampler_look))
        # One metric, one look: the trials are kept twice only where sampler and pruner cannot see the same.
        shared = self._sampler_look == pruner_look
        self._for_pruner = self._for_sampler if shared else Snapshots(Freezer(self.layout, pruner_look))

    def __len__(self) -> int:
        kept = len(self._for_sampler)
        return kept if self._for_pruner is self._for_sampler else kept + len(self._for_pruner)

    @property
    def look(self) -> Look:
        """How the sampler sees trials."""
        return self._sampler_look

    def sampling(self, history: History) -> Scene:
        """The study as its sampler sees it."""
        directions, observe = self._sampler_look.directions, self._observe
        if observe == "final" or self.portfolio is None:
            return Scene(self.name, directions, history, self._for_sampler, self._lock)
        known = self.portfolio.know(history, seeds(history.study, history.study.next_number).trial)
        shows = partial(observed, known=known, observe=observe, feasibility=self._sampler_look.feasibility)
        return Scene(self.name, directions, history, self._for_sampler, self._lock, shows)

    def judging(self, history: History) -> Scene:
        """The study as its pruner sees it."""
        directions = self._pruner_look.directions
        return Scene(self.name, directions, history, self._for_pruner, self._lock, or_later=True)

    def sampler(self, history: History, seeds: Seeds, besides: int = _NOBODY) -> BaseSampler:
        """A sampler for one suggestion; if it is made anew, `besides` is the trial that has it."""
        options = self._definition.sampler
        if self._plan is not None:
            objectives = len(self._definition.objectives)
            snapshot = self.sampling(history).snapshot()
            know = partial(self.know, history, seeds, besides)
            return auto.build(self._plan, objectives, self.layout, seeds, snapshot, know)
        if self._kept is None:
            sampler = SAMPLERS[options.type].build(options, self.layout, seeds)
            if not isinstance(sampler, Grid | Tpe):
                return sampler
            self._kept = sampler
        return self._kept.again(seeds.trial)

    @property
    def _observe(self) -> Observe:
        return getattr(self._definition.sampler, "observe", "final")

    @property
    def pool(self) -> Portfolio | None:
        """Who decides what goes on, if that is left to us."""
        return self.portfolio if isinstance(self._definition.scheduler, AutoScheduler) else None

    def know(self, history: History, seeds: Seeds, besides: int = _NOBODY) -> Knowledge:
        """What the curves tell, without the trial whose point is looked for."""
        assert self.portfolio is not None
        if besides in history.trials:
            others = {number: trial for number, trial in history.trials.items() if number != besides}
            history = replace(history, trials=others)
        return self.portfolio.know(history, seeds.trial)

    def tried(self, history: History, besides: int) -> frozenset[Place]:
        """The points of a discrete space that were suggested to other trials than this one; none in any other space."""
        with self._lock:
            return self._for_sampler.tried(history, besides)

    def points(self) -> Iterator[dict[str, Scalar]]:
        """All points of a discrete space."""
        return points(self.layout)

    def _needs_feasibility(self) -> bool:
        if self._plan is not None:
            return self._plan.model.feasibility
        return SAMPLERS[self._definition.sampler.type].feasibility

    def _compares(self) -> bool:
        return self.rule is not None and self.rule.compares


def identity(study: Study) -> tuple[object, ...]:
    """What tells a study from any other, also from one that had its id or its name before it was deleted."""
    return study.id, study.name, study.created_at


def looks(definition: StudyDefinition, feasibility: bool, compares: bool) -> tuple[Look, Look]:
    """How the sampler and how the pruner sees the trials of a study."""
    metrics = tuple(objective.metric for objective in definition.objectives)
    directions = tuple(_DIRECTIONS[objective.direction] for objective in definition.objectives)
    metric = judged(definition)
    readable = metrics == (metric,)
    sampler = Look(
        metrics=metrics,
        directions=directions,
        columns=compares and readable,
        readable=readable,
        feasibility=feasibility,
    )
    if readable:
        return sampler, sampler
    # A metric that is no objective has no better side; only bounds are allowed there, and they need none.
    direction = dict(zip(metrics, directions, strict=True)).get(metric, StudyDirection.MINIMIZE)
    return sampler, replace(sampler, metrics=(metric,), directions=(direction,), columns=compares)
