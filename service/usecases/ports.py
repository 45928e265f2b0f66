"""What the use cases need of the world. The store's adapters implement it, and one conformance suite holds them to it.

Rules for every adapter. What goes in and comes out is immutable. A read sees one moment. To write a study or a trial
raises the study's `seq` by one and stamps the row with it. Work that raises leaves nothing behind, and its neighbours
in a shared commit do not notice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from service.domain.actor import Actor
from service.domain.decision import Decision
from service.domain.event import Event
from service.domain.finish import Finish
from service.domain.query import Page, StudyQuery, TrialQuery
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Checkpoint, LogPiece, Point, Trial
from service.domain.worker import Worker
from service.usecases.access_ports import AuditLog, Sessions, Tokens
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState

Mark = tuple[int, float, float | None, float | None]
"""A point of one metric: step, value, seconds of training so far, GPU seconds so far."""

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Offer:
    """A study that has trials to be run, and how many of it run."""

    study: Study
    running: int


@dataclass(frozen=True, slots=True)
class PutOff:
    """A trial that waits after a loss: of which study, until when, and which node it avoids until when."""

    study: str
    not_before: datetime
    avoid: str | None
    avoid_until: datetime | None


class Studies(Protocol):
    """The studies. A deleted one is gone for every method but `purge`."""

    def add(self, definition: StudyDefinition, by: Actor | None = None) -> Study:
        """Add a study, and note who created it; NameTaken if the name is in use."""

    def get(self, name: str) -> Study:
        """Read a study; StudyNotFound."""

    def find(self, study_ids: Sequence[int]) -> Mapping[int, Study]:
        """Read studies by their ids; those that are gone are left out."""

    def offering(self) -> Sequence[Offer]:
        """Read the studies that are not archived and have queued trials that are due.

        Those that are active, and those whose state lets reruns run and that have such queued.
        """

    def lock(self, name: str, *, writes: bool = False) -> Study:
        """Read a study and keep others from changing it until the commit; StudyNotFound.

        `writes`: a trial of it is written next; to know that beforehand is cheaper.
        """

    def save(self, study: Study) -> Study:
        """Write a study but for its numbers of trials; answers it with its new seq and updated_at."""

    def list(self, query: StudyQuery) -> Page[Study]:
        """Read a page of studies, newest first."""

    def delete(self, study: Study) -> None:
        """Take the study out of sight; its name is free again. `purge` removes what it leaves."""

    def purge(self, rows: int) -> int:
        """Remove up to about `rows` rows of deleted studies; answers how many, 0 when nothing is left."""


class Trials(Protocol):
    """The trials of studies."""

    def add(self, trial: Trial) -> Trial:
        """Add a trial under the study's next number (the one given is ignored); answers it with number and seq."""

    def add_to(self, seen: Study, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Add trials like `add`, or none unless their study is as it was seen: not added to, nor edited or moved."""

    def get(self, study_id: int, number: int) -> Trial:
        """Read a trial; TrialNotFound."""

    def lock(self, study_id: int, number: int) -> Trial:
        """Read a trial and keep others from changing it until the commit; TrialNotFound."""

    def claim(self, study_id: int, count: int, *, node: str | None = None, reruns: bool = False) -> Sequence[Trial]:
        """Lock up to `count` queued trials, of the search or reruns, lowest numbers first.

        Passed over are those that others are claiming, that are not due, and that now avoid the node, if one is named.
        """

    def put_off(self) -> Sequence[PutOff]:
        """Read the queued trials, of all studies, that are not due yet or still avoid a node."""

    def pick(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Trial]:
        """Read trials by their numbers; unknown ones are left out."""

    def save(self, trial: Trial) -> Trial:
        """Write everything of a trial but its number; answers it with its new seq."""

    def note(self, study_id: int, systems: Mapping[int, Mapping[str, Any]]) -> None:
        """Merge into what an engine remembers of trials, by their numbers; unknown ones are left out."""

    def list(self, study_id: int, query: TrialQuery) -> Page[Trial]:
        """Read a page of trials."""

    def changed(self, study_id: int, after_seq: int, count: int) -> Sequence[Trial]:
        """Read up to `count` trials whose seq is greater than `after_seq`, in the order of seq."""

    def counts(self, study_ids: Sequence[int], *, elsewhere: bool = True) -> Mapping[int, Mapping[TrialState, int]]:
        """Count the trials of the searches of studies by state; states without trials may be left out.

        Without `elsewhere`, those are left out that completed elsewhere and were added.
        """


class Attempts(Protocol):
    """The attempts at trials."""

    def add(self, attempt: Attempt) -> None:
        """Add an attempt."""

    def list(self, study_id: int, number: int) -> Sequence[Attempt]:
        """Read all attempts at a trial, oldest first."""

    def current(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Attempt]:
        """Read the newest attempt of each of these trials, by the trial's number."""

    def lock(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Attempt]:
        """Read attempts and keep others from changing them until the commit; unknown keys are left out."""

    def save(self, attempts: Sequence[Attempt]) -> None:
        """Write everything of these attempts that can change."""

    def progress(self, attempts: Sequence[Attempt]) -> None:
        """Write what a report changes: state, expires_at, acked_seq, last_step, last_metrics and directive."""

    def gpu_seconds(self, study_id: int) -> float:
        """Sum up what all attempts of a study's search have used: reruns are no part of it."""

    def overdue(self, study_id: int | None, count: int) -> Sequence[Attempt]:
        """Lock up to `count` live attempts, of one study or of all, whose lease has expired by the database's clock."""

    def held(self, worker_ids: Sequence[str]) -> Sequence[Attempt]:
        """Read the live attempts of workers, oldest first."""

    def ended_on(self, worker_id: str, count: int) -> Sequence[Attempt]:
        """Read the last `count` attempts that ended on a worker, newest first."""

    def good_elsewhere(self, study_id: int, worker_id: str, since: datetime) -> bool:
        """Whether an attempt of a study ended well (completed, pruned, paused) since then on another known worker."""


class Points(Protocol):
    """The learning curves."""

    def append(self, points: Sequence[Point]) -> None:
        """Add points; (attempt, seq) is unique."""

    def list(self, study_id: int, number: int, after: tuple[int, int], count: int) -> Sequence[Point]:
        """Read up to `count` points of a trial behind the place (attempt, seq), in that order."""

    def curves(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[tuple[int, float]]]:
        """Read (step, value) of a metric for each of these trials, in the order of steps, without superseded points."""

    def marks(self, study_id: int, numbers: Sequence[int], metric: str) -> Mapping[int, Sequence[Mark]]:
        """Read the curves of a metric with what each point had taken, else like `curves`."""

    def supersede(self, study_id: int, number: int, after_step: int) -> None:
        """Mark the points of all attempts so far beyond a step as superseded."""


class Decisions(Protocol):
    """What schedulers have decided."""

    def append(self, decisions: Sequence[Decision]) -> None:
        """Add decisions; of the same attempt and step the first is kept, unless only a later one ends it."""

    def list(self, study_id: int, number: int) -> Sequence[Decision]:
        """Read the decisions on a trial, in the order of attempts and steps."""

    def of(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Sequence[Decision]]:
        """Read the decisions on several trials, each trial's like `list`; those without any are left out."""


class Suggesters(Protocol):
    """Which process makes the suggestions of a study."""

    def take(self, study_id: int, owner: str, seconds: float) -> bool:
        """Be the one for so long, by the database's clock; False while another one is."""

    def release(self, study_id: int, owner: str) -> None:
        """Let go, if it is ours."""


class Finishes(Protocol):
    """The honest ends of studies: one round after the other."""

    def add(self, finish: Finish) -> None:
        """Add a round."""

    def list(self, study_id: int) -> Sequence[Finish]:
        """Read all rounds of a study, the first one first."""

    def save(self, finish: Finish) -> None:
        """Write what of a round can change: its state, the reason, the outcome and its end."""


class Checkpoints(Protocol):
    """The committed checkpoints."""

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint; one of the same attempt and step is replaced."""

    def list(self, study_id: int, number: int, *, evicted: bool = False) -> Sequence[Checkpoint]:
        """Read the checkpoints of a trial, newest first; those whose bytes are gone only if asked for."""

    def get(self, key: AttemptKey, step: int) -> Checkpoint | None:
        """Read a checkpoint, also one whose bytes are gone."""

    def stored(self, study_id: int) -> Sequence[Checkpoint]:
        """Read the checkpoints of a study that the server keeps, in the order of trials, attempts and steps."""

    def stored_bytes(self, study_id: int) -> int:
        """Sum up the sizes of those."""

    def evict(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write down that the bytes of these are gone from now on."""


class Workers(Protocol):
    """The workers that introduced themselves."""

    def add(self, worker: Worker) -> None:
        """Add a worker; StoreUnavailable if another server has just added it."""

    def get(self, worker_id: str) -> Worker:
        """Read a worker; WorkerNotFound."""

    def list(self) -> Sequence[Worker]:
        """Read all workers, those seen last first."""

    def lock(self, worker_ids: Sequence[str]) -> Mapping[str, Worker]:
        """Read workers and keep others from changing them until the commit; unknown ones are left out."""

    def save(self, workers: Sequence[Worker]) -> None:
        """Write everything of these workers."""

    def seen(self, instances: Mapping[str, str], until: datetime) -> frozenset[str]:
        """Note that those online of these live, until then for now, if they are of these instances; answers which."""

    def silent(self) -> Sequence[Worker]:
        """Lock the workers that were told to be online and have not been heard of in time."""

    def remove(self, worker_id: str) -> None:
        """Remove a worker; nothing happens if there is none."""


class Logs(Protocol):
    """What attempts write, in pieces."""

    def append(self, piece: LogPiece) -> None:
        """Add a piece; it begins where the last one ends."""

    def end(self, key: AttemptKey) -> int:
        """How many bytes an attempt has written in all, those that were left out included."""

    def pieces(self, key: AttemptKey, offset: int, most_bytes: int) -> Sequence[LogPiece]:
        """Read pieces behind an offset, in their order: `most_bytes` together, and one at least, if there is one."""

    def trim(self, key: AttemptKey, head: int, tail: int) -> None:
        """Leave the middle out: keep the pieces that begin before `head` and those that end behind `tail`."""


class Events(Protocol):
    """The outbox: what happened, written in the same commit as what made it true."""

    def append(self, event: Event) -> None:
        """Add an event. Its id is given at the commit, so that ids become visible in their order."""

    def list(self, after_id: int, study: str | None, count: int) -> Sequence[Event]:
        """Read up to `count` events behind an id, of one study or of all."""

    def bounds(self) -> tuple[int, int]:
        """The ids of the oldest event that is kept and of the newest there ever was; (0, 0) before the first."""

    def prune(self, before: datetime) -> int:
        """Remove the events older than a time; answers how many."""


class Requests(Protocol):
    """Answers that were given, so that a request sent twice is carried out once."""

    def get(self, scope: str, request_id: str) -> tuple[str, Any] | None:
        """The digest of the body and the answer that was given, if any."""

    def put(self, scope: str, request_id: str, digest: str, answer: Any) -> None:
        """Remember an answer (plain JSON)."""

    def prune(self, before: datetime) -> int:
        """Forget the answers older than a time; answers how many."""


class Transaction(Protocol):
    """One atomic piece of work. `now` is the database's clock, tz-aware UTC."""

    @property
    def now(self) -> datetime: ...
    @property
    def studies(self) -> Studies: ...
    @property
    def trials(self) -> Trials: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def points(self) -> Points: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def suggesters(self) -> Suggesters: ...
    @property
    def finishes(self) -> Finishes: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def workers(self) -> Workers: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def events(self) -> Events: ...
    @property
    def requests(self) -> Requests: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def audit(self) -> AuditLog: ...


Together = Callable[[Transaction, Sequence[Item]], Sequence[Result | BaseException]]
"""Work on many like items at once: one result or refusal for each. It must write nothing for an item it refuses."""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What kind of database this is, and which schema it has."""

    database: str
    schema_revision: str


class Store(Protocol):
    """A durable place. A write is answered once it is committed, and not before."""

    @property
    def info(self) -> StoreInfo: ...

    async def write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Carry out one atomic unit of work. It may be run more than once before it is committed once.

        `urgent`: somebody, and perhaps a GPU, does nothing until it is answered.
        """

    async def write_together(self, work: Together[Item, Result], item: Item) -> Result:
        """Like write, for work that is cheaper on many items at once: items that are waiting go in one call."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read at one moment. What the work writes is undone."""

    async def ping(self) -> None:
        """Answer when the database does; StoreUnavailable otherwise."""

    async def wait_for_events(self, after_id: int, seconds: float) -> None:
        """Return when there may be events behind an id, or after that time."""

    async def events_behind(self, after_id: int, count: int) -> Sequence[Event]:
        """The first `count` events behind an id, of all studies. Those of its own writes a process need not read."""

    def close(self) -> None:
        """Finish the writes that are waiting, then let go of the database."""
