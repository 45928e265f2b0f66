"""A trial, its attempts, and what they leave behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from service.domain.states import FINISHED, LIVE, move_attempt, move_trial
from service.wire.lease import Directive
from service.wire.message import Scalar
from service.wire.trial import AttemptState, Failure, Origin, Purpose, TrialState

ARTIFACT = "artifact:"
"""How the address of a checkpoint begins that the server keeps itself."""


def nothing() -> Mapping[str, Any]:
    """A mapping with nothing in it, that stays so."""
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What another run of a trial is: of which one, with which seed, how far, and for which round of a finish."""

    of: int
    seed: int
    steps: int | None = None
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One point of the space and what became of it. Addressed by its study's id and its number.

    `token` is the fence: it grows with each grant, so a writer that holds an older one is known to be late.
    `not_before` puts a trial off that was lost, and until `avoid_until` it goes to another node than `avoid`.
    `attrs` are the user's. `system` is the samplers' own memory and never comes from outside. `suggestion` says what a
    sampled trial's parameters come from: the sampler, its seed, and the study's seq that it knew. One whose purpose is
    not the search is a `rerun` of another one: it is not shown to the sampler, costs no budget, and is never the best.
    """

    study_id: int
    number: int
    state: TrialState = "queued"
    origin: Origin
    purpose: Purpose = "search"
    rerun: Rerun | None = None
    params: Mapping[str, Scalar]
    values: Mapping[str, float] | None = None
    attrs: Mapping[str, Any] = field(default_factory=nothing)
    system: Mapping[str, Any] = field(default_factory=nothing)
    suggestion: Mapping[str, Any] | None = None
    token: int = 0
    attempts: int = 0
    failure: Failure | None = None
    not_before: datetime | None = None
    avoid: str | None = None
    avoid_until: datetime | None = None
    seq: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def moved(self, to: TrialState, now: datetime) -> "Trial":
        """The trial in another state, if the table of states allows it, with the times that go with it."""
        started = self.started_at or (now if to == "running" else None)
        finished = now if to in FINISHED else None
        return replace(self, state=move_trial(self.state, to), started_at=started, finished_at=finished)

    @property
    def finished(self) -> bool:
        """Whether it will not run again by itself."""
        return self.state in FINISHED

    @property
    def searches(self) -> bool:
        """Whether it is a part of the search: spends its budget, teaches its sampler, and may be its best."""
        return self.purpose == "search"


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """The address of an attempt."""

    study_id: int
    number: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """How a curve went on after a resume: what it was before and after, in multiples of its own noise."""

    metric: str
    before: float
    after: float
    times_noise: float
    jumped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One lease of a trial by one worker, and how far its curve has come.

    `worker` is the name of the one who runs it, `worker_id` its id if it introduced itself; `holder` is the id of the
    token that it was granted to, if any. `resumes` says that its client keeps checkpoints: it can go on with a trial
    that was paused. `obeyed` is the id of the last directive that the worker has confirmed.
    """

    key: AttemptKey
    token: int
    state: AttemptState = "leased"
    worker: str
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    acked_seq: int = 0
    last_step: int | None = None
    last_metrics: Mapping[str, float] | None = None
    resume_step: int | None = None
    directive: Directive | None = None
    failure: Failure | None = None
    gpu_seconds: float | None = None
    completion: str | None = None
    resumes: bool = False
    holder: str | None = None
    worker_id: str | None = None
    gpu: str | None = None
    obeyed: int | None = None
    continuity: Continuity | None = None

    @property
    def live(self) -> bool:
        """Whether it may still write."""
        return self.state in LIVE

    def moved(self, to: AttemptState, now: datetime) -> "Attempt":
        """The attempt in another state, if the table of states allows it."""
        ended = None if to in LIVE else now
        return replace(self, state=move_attempt(self.state, to), ended_at=ended)

    def told(self, directive: Directive) -> "Attempt":
        """The attempt with a directive that its worker has not heard yet: its id grows with each."""
        last = self.directive.id or 0 if self.directive is not None else 0
        return replace(self, directive=directive.model_copy(update={"id": last + 1}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a learning curve. `seq` counts the points of one attempt: 1, 2, 3 …"""

    key: AttemptKey
    seq: int
    step: int
    metrics: Mapping[str, float]
    elapsed: float | None = None
    cost: float | None = None
    superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A state of training that was saved whole. `evicted_at` says since when its bytes are gone."""

    key: AttemptKey
    step: int
    uri: str
    sha256: str
    size: int
    committed_at: datetime
    evicted_at: datetime | None = None

    @property
    def artifact(self) -> str | None:
        """The name under which the server keeps its bytes, if it does."""
        return self.uri.removeprefix(ARTIFACT) if self.uri.startswith(ARTIFACT) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """A piece of an attempt's log, and where in the whole it begins."""

    key: AttemptKey
    begin: int
    data: bytes

    @property
    def end(self) -> int:
        """Where the next piece begins."""
        return self.begin + len(self.data)
