"""What the use cases need of a search engine: points to try, verdicts on curves, and what it wants to remember.

An engine keeps nothing that matters: whatever it must know again it hands back as `system` values, which are stored
with the trial and the study. They are the engine's own and never come from outside.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from service.domain.study import Study
from service.domain.trial import Trial, nothing
from service.wire.message import Scalar
from service.wire.scheduler import Deciding, PatientScheduler
from service.wire.study import StudyDefinition

System = Mapping[str, Any]
Going = Literal["continue", "pause", "stop"]
"""What a running trial can be told."""
_LONGEST_TRACK = 4_000
_MOST_AT_ONCE = 64


class Curve:
    """The points of one metric in one trial, in the order of their steps: compact, for many thousands are held."""

    __slots__ = ("steps", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")

    def add(self, step: int, value: float) -> None:
        """Add a point; one that does not come behind the last is left out."""
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            self.values.append(value)

    def __len__(self) -> int:
        return len(self.steps)

    def copy(self) -> "Curve":
        """Another one with the same points."""
        made = Curve()
        made.steps, made.values = self.steps[:], self.values[:]
        return made


def judged(definition: StudyDefinition) -> str:
    """The metric whose curves an engine is shown: the one that the scheduler names, or the first objective's."""
    scheduler = definition.scheduler
    named = scheduler.metric if isinstance(scheduler, Deciding) else None
    if named is None and isinstance(scheduler, PatientScheduler) and scheduler.wrapped is not None:
        named = scheduler.wrapped.metric
    return named or definition.objectives[0].metric


class Exhausted(Exception):
    """Every point of the space has been suggested: there is nothing left to try."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Which trials changed one after the other up to a moment: who keeps what he made of them need not compare all.

    `origin` tells trails apart. The list may grow on: what lies behind `end` came later.
    """

    origin: object
    numbers: Sequence[int]
    begin: int
    """How many changes there were before the first of these."""
    end: int

    def since(self, place: int) -> Sequence[int] | None:
        """The changes behind a place, none if the place is behind this moment; None if they are forgotten by now."""
        if place < self.begin:
            return None
        return self.numbers[place - self.begin : self.end - self.begin]


class Track:
    """What trails are made of: the changes of one study as they come, the oldest of them forgotten in time."""

    def __init__(self) -> None:
        self._origin = object()
        self._numbers: list[int] = []
        self._begin = 0

    def add(self, numbers: Iterable[int]) -> None:
        """These trials have changed."""
        if len(self._numbers) > _LONGEST_TRACK:
            # A new list: trails still hold the one before it.
            self._begin += len(self._numbers)
            self._numbers = []
        self._numbers += numbers

    @property
    def trail(self) -> Trail:
        """The changes up to now."""
        return Trail(self._origin, self._numbers, self._begin, self._begin + len(self._numbers))


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a study at one moment: its trials in the order of their numbers, and the ended ones' curves.

    `trials` may have gaps. Queued trials are in it: they have been suggested, and nobody should suggest them again.
    The study's `seq` tells of any change in them, so what an engine made of a trial may be kept until it changes.
    `curves` are of the metric that is `judged`; a trial's is there as soon as the trial has ended. That of a paused one
    may be there too: what it came to is then learned from, as if it would not go on.
    """

    study: Study
    trials: Mapping[int, Trial]
    curves: Mapping[int, Curve]
    system: System = field(default_factory=nothing)
    trail: Trail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A point to try. `system` goes with the trial, `study_system` is merged into the study's."""

    params: Mapping[str, Scalar]
    system: System = field(default_factory=nothing)
    study_system: System = field(default_factory=nothing)
    note: str | None = None
    """Why the sampler that was asked for did not make it, if so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a verdict was based on, as it was at that moment."""

    rung: int
    step: int
    value: float
    cut: float | None = None
    rank: int | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The point that a running trial reported last. `resumes`: its client could go on with it later, were it paused."""

    step: int
    metrics: Mapping[str, float]
    elapsed: float | None = None
    cost: float | None = None
    resumes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a trial goes on. Without a basis nothing was decided: the step is not one at which decisions fall.

    `next_step`: nothing will be decided of this attempt before it; None if the engine cannot tell.
    """

    act: Going
    reason: str | None = None
    basis: Basis | None = None
    system: System = field(default_factory=nothing)
    next_step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A paused trial that is to go on. `system` is merged into what the engine remembers of it."""

    number: int
    reason: str
    basis: Basis
    system: System = field(default_factory=nothing)


class Engine(Protocol):
    """A search engine. Its methods take time and no locks: they are called outside of transactions."""

    name: str
    """What it is and of which version, for it is told of each suggestion."""

    def suggest(self, history: History, number: int) -> Suggestion:
        """The point for the trial that will have this number; Exhausted if there is none left.

        The same history and number give the same point. A trial of this number that is in the history is left out of
        account: it is one that still waits, and is suggested anew.
        """

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        """Points for the trials of this number and up, each made as if those before it were queued already.

        At least one, or Exhausted is raised; then as many as are left, until there are so many or the time is over.
        """

    def promote(self, history: History, number: int) -> Promotion | None:
        """The paused trial that should go on rather than that the trial of this number begins; None: begin the new one.

        When the study may add no more trials, None says that no paused one is worth going on with.
        """

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a running trial, whose curve ends with what it just reported, goes on."""


def one_by_one(
    suggest: Callable[[History, int], Suggestion],
    history: History,
    number: int,
    count: int,
    enough: Callable[[], bool],
) -> Sequence[Suggestion]:
    """Several suggestions, by an engine that makes one: until there are so many or it is `enough`."""
    found = [suggest(history, number)]
    track = Track()
    # Moments that have not come yet have a seq that no real one has.
    seq = -history.study.seq * _MOST_AT_ONCE
    while len(found) < min(count, _MOST_AT_ONCE) and not enough():
        history = _with(history, found[-1], number + len(found) - 1, seq - len(found), track)
        try:
            found.append(suggest(history, number + len(found)))
        except Exhausted:
            break
    return found


def _with(history: History, suggestion: Suggestion, number: int, seq: int, track: Track) -> History:
    """The history once a suggestion is queued."""
    queued = Trial(
        study_id=history.study.id,
        number=number,
        origin="sampled",
        params=suggestion.params,
        system=suggestion.system,
        seq=seq,
        created_at=history.study.updated_at,
    )
    system = {**history.system, **suggestion.study_system}
    study = replace(history.study, seq=seq, next_number=number + 1, system=system)
    track.add((number,))
    return History(study, {**history.trials, number: queued}, history.curves, system, track.trail)
