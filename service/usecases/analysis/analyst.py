"""What the use cases need of whoever analyses a study. It takes time and no locks, and is called in a thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, History
from service.wire.analysis import (
    Drawn,
    Importance,
    Known,
    Method,
    Neighbour,
    Outlook,
    Recomputed,
    Replay,
    Search,
    Volume,
)
from service.wire.scheduler import AnyScheduler


@dataclass(frozen=True, slots=True)
class Front:
    """The trials that no other beats in all objectives: by the first objective, and from the middle outwards.

    `compromises` has the same trials, the one nearest to the best of each objective first.
    """

    trials: Sequence[Trial]
    compromises: Sequence[Trial]
    of: int


@dataclass(frozen=True, slots=True)
class Volumes:
    """The hypervolume of a front, up to a reference point, and how it came to be. None: too dear to work out."""

    reference: Mapping[str, float]
    hypervolume: float | None
    history: Sequence[Volume] | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Importances and how many trials they come from; none with a reason why."""

    trials: int
    importances: Sequence[Importance] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What is known of one trial's running: from when to when, and the GPU seconds of all its attempts.

    `resumes`: its client could have gone on with it later, had it been paused.
    """

    began: datetime
    ended: datetime
    gpu_seconds: float | None = None
    resumes: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """A study's curves of one metric, and when its trials ran: what a replay goes through.

    `resources`: the curves of the metric by which a scheduler counts how far a trial has come, if it does so by one.
    """

    study: Study
    trials: Mapping[int, Trial]
    curves: Mapping[int, Curve]
    ran: Mapping[int, Ran]
    resources: Mapping[int, Curve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origins:
    """Where a trial's parameters come from, and what was known then."""

    drawn: Drawn
    known: Known | None = None
    recomputed: Recomputed | None = None
    outlooks: Sequence[Outlook] = ()
    neighbours: Sequence[Neighbour] = ()


class Analyst(Protocol):
    """Whoever analyses a study."""

    needed: int
    """How many trials it takes to tell importances."""

    def missing(self, method: Method) -> str | None:
        """What this server lacks for a method of telling importances; None if nothing."""

    def front(self, study: Study, trials: Mapping[int, Trial]) -> Front:
        """The trials that no other beats in all objectives."""

    def volumes(
        self, study: Study, trials: Mapping[int, Trial], found: Front, reference: Mapping[str, float] | None
    ) -> Volumes:
        """The hypervolume of a front."""

    def importances(self, history: History, method: Method, metric: str | None) -> Shares:
        """Which parameters matter."""

    def account(self, history: History) -> Search:
        """How a study is searched."""

    def replay(self, recording: Recording, scheduler: AnyScheduler) -> Replay:
        """What another scheduler would have done."""

    def origins(self, history: History, trial: Trial) -> Origins:
        """Where a trial's parameters come from."""
