"""Rows in dictionaries, in which the changes of a transaction can be undone, and copies that nobody else holds."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from service.domain.audit import Entry
from service.domain.decision import Decision
from service.domain.event import Event
from service.domain.finish import Finish
from service.domain.study import Study
from service.domain.token import Session, Token
from service.domain.trial import Attempt, Checkpoint, LogPiece, Point, Trial
from service.domain.worker import Worker

Group = TypeVar("Group", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Undo = list[Callable[[], None]]
TrialId = tuple[int, int]


class Table(Generic[Group, Key, Row]):
    """Rows by their group (a study, a trial) and their key in it. Each change leaves its undoing behind."""

    def __init__(self, undo: Undo) -> None:
        self._groups: dict[Group, dict[Key, Row]] = {}
        self._undo = undo

    def get(self, group: Group, key: Key) -> Row | None:
        """Read a row, if there is one."""
        return self._groups.get(group, {}).get(key)

    def of(self, group: Group) -> Mapping[Key, Row]:
        """Read the rows of a group."""
        return self._groups.get(group, {})

    def groups(self) -> tuple[Group, ...]:
        """The groups that have rows."""
        return tuple(self._groups)

    def put(self, group: Group, key: Key, row: Row) -> None:
        """Add a row, or write over one."""
        self._undo.append(partial(self._set, group, key, self.get(group, key)))
        self._set(group, key, row)

    def drop(self, group: Group, key: Key) -> None:
        """Remove a row that is there."""
        self._undo.append(partial(self._set, group, key, self._groups[group][key]))
        self._set(group, key, None)

    def _set(self, group: Group, key: Key, row: Row | None) -> None:
        rows = self._groups.setdefault(group, {})
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
        if not rows:
            del self._groups[group]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was given, and when."""

    digest: str
    answer: Any
    at: datetime


class Tables:
    """All tables, and the list of what must be done to undo the transaction that is going on."""

    def __init__(self) -> None:
        self.undo: Undo = []
        self.studies: Table[None, int, Study] = Table(self.undo)
        self.deleted: Table[None, int, Study] = Table(self.undo)
        self.ids: Table[None, str, int] = Table(self.undo)
        self.trials: Table[int, int, Trial] = Table(self.undo)
        self.attempts: Table[TrialId, int, Attempt] = Table(self.undo)
        self.points: Table[TrialId, tuple[int, int], Point] = Table(self.undo)
        self.checkpoints: Table[TrialId, tuple[int, int], Checkpoint] = Table(self.undo)
        self.logs: Table[TrialId, tuple[int, int], LogPiece] = Table(self.undo)
        self.workers: Table[None, str, Worker] = Table(self.undo)
        self.decisions: Table[TrialId, tuple[int, int], Decision] = Table(self.undo)
        self.suggesters: Table[None, int, tuple[str, datetime]] = Table(self.undo)
        self.finishes: Table[int, int, Finish] = Table(self.undo)
        self.events: Table[None, int, Event] = Table(self.undo)
        self.requests: Table[None, tuple[str, str], Answered] = Table(self.undo)
        self.tokens: Table[None, str, Token] = Table(self.undo)
        self.sessions: Table[None, str, Session] = Table(self.undo)
        self.audit: Table[None, int, Entry] = Table(self.undo)
        self.last_study = 0
        self.last_event = 0
        self.last_entry = 0

    def keep(self) -> None:
        """Make what was changed last."""
        self.undo.clear()

    def roll_back(self) -> None:
        """Undo what was changed, the last first."""
        while self.undo:
            self.undo.pop()()


def plain(value: Any) -> Any:
    """Copy JSON as deep as it goes."""
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, list | tuple) else value


def own(value: Mapping[str, Row]) -> Mapping[str, Row]:
    """A copy of a JSON mapping that cannot be changed; what is nested in it is a copy, too."""
    return MappingProxyType({key: plain(child) for key, child in value.items()})


def utc(moment: datetime | None) -> datetime | None:
    """A moment in UTC; one without a zone is a mistake of ours."""
    return None if moment is None else sure_utc(moment)


def sure_utc(moment: datetime) -> datetime:
    """A moment that is there, in UTC."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def own_study(study: Study) -> Study:
    """A study that shares nothing that can be changed."""
    return replace(
        study,
        definition=study.definition.model_copy(deep=True),
        system=own(study.system),
        tally=own(study.tally),
    )


def own_trial(trial: Trial) -> Trial:
    """A trial that shares nothing that can be changed."""
    return replace(
        trial,
        params=own(trial.params),
        values=None if trial.values is None else own(trial.values),
        attrs=own(trial.attrs),
        system=own(trial.system),
        suggestion=None if trial.suggestion is None else own(trial.suggestion),
        created_at=sure_utc(trial.created_at),
        started_at=utc(trial.started_at),
        finished_at=utc(trial.finished_at),
        not_before=utc(trial.not_before),
        avoid_until=utc(trial.avoid_until),
    )


def own_attempt(attempt: Attempt) -> Attempt:
    """An attempt that shares nothing that can be changed."""
    metrics = attempt.last_metrics
    return replace(
        attempt,
        last_metrics=None if metrics is None else own(metrics),
        granted_at=sure_utc(attempt.granted_at),
        expires_at=sure_utc(attempt.expires_at),
        ended_at=utc(attempt.ended_at),
    )


def own_point(point: Point) -> Point:
    """A point that shares nothing that can be changed."""
    return replace(point, metrics=own(point.metrics))


def own_decision(decision: Decision) -> Decision:
    """A decision that shares nothing that can be changed."""
    return replace(decision, basis=own(decision.basis), at=sure_utc(decision.at))


def own_finish(finish: Finish) -> Finish:
    """A round of a finish that shares nothing that can be changed."""
    test = finish.outcome.test
    return replace(
        finish,
        outcome=finish.outcome if test is None else replace(finish.outcome, test=own(test)),
        started_at=sure_utc(finish.started_at),
        ended_at=utc(finish.ended_at),
    )


def own_checkpoint(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint as it is kept."""
    return replace(checkpoint, committed_at=sure_utc(checkpoint.committed_at), evicted_at=utc(checkpoint.evicted_at))


def own_worker(worker: Worker) -> Worker:
    """A worker that shares nothing that can be changed."""
    return replace(
        worker,
        labels=own(worker.labels),
        first_seen_at=sure_utc(worker.first_seen_at),
        last_seen_at=sure_utc(worker.last_seen_at),
        expires_at=sure_utc(worker.expires_at),
        trusted_at=sure_utc(worker.trusted_at),
    )


def own_event(event: Event) -> Event:
    """An event that shares nothing that can be changed."""
    return replace(event, data=own(event.data), at=sure_utc(event.at))


def own_token(token: Token) -> Token:
    """A token as it is kept."""
    return replace(
        token,
        created_at=sure_utc(token.created_at),
        expires_at=utc(token.expires_at),
        revoked_at=utc(token.revoked_at),
        last_used_at=utc(token.last_used_at),
    )


def own_session(session: Session) -> Session:
    """A session as it is kept."""
    return replace(session, created_at=sure_utc(session.created_at), expires_at=sure_utc(session.expires_at))


def own_entry(entry: Entry) -> Entry:
    """An entry of the audit log that shares nothing that can be changed."""
    return replace(entry, detail=own(entry.detail), at=sure_utc(entry.at))
