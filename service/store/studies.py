"""The studies in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from service.domain.actor import Actor
from service.domain.errors import NameTaken, StudyNotFound
from service.domain.query import Page, StudyQuery
from service.domain.states import RERUNS_RUN
from service.domain.study import Study
from service.store import tables
from service.store.clock import Clock
from service.store.prepared import Prepared
from service.store.types import UtcDateTime
from service.usecases.ports import Offer
from service.wire.study import StudyDefinition

_rows = tables.studies
_SEEN = _rows.c.deleted_at.is_(None)
_LEFT_BEHIND = (tables.reports, tables.logs, tables.decisions, tables.checkpoints, tables.attempts, tables.trials)


class SqlStudies:
    """The `Studies` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        # What many writes of one commit need is read once. Those whose row is locked are as they are until the commit.
        self._read: dict[str, Study] = {}
        self._locked: set[str] = set()
        self._raised: dict[int, int] = {}
        self._metrics: dict[int, str] = {}

    def add(self, definition: StudyDefinition, by: Actor | None = None) -> Study:
        """Add a study, and note who created it; NameTaken if the name is in use."""
        now = self._clock.now
        created_by, creator = (None, None) if by is None else (by.name, by.token)
        values = {
            "name": definition.name,
            "state": "active",
            "archived": False,
            "definition": definition.model_dump_json(),
            "revision": 1,
            "seq": 1,
            "next_number": 0,
            "added": 0,
            "system": {},
            "reason": None,
            "tally": {},
            "data_fingerprint": None,
            "created_by": created_by,
            "creator": creator,
            "created_at": now,
            "updated_at": now,
        }
        if self._connection.execute(select(exists().where(_SEEN, _rows.c.name == definition.name))).scalar():
            raise NameTaken(f"a study named '{definition.name}' is there already")
        try:
            added = self._connection.execute(insert(_rows).returning(_rows.c.id), values).scalar_one()
        except IntegrityError as error:
            # Another replica was faster between the look and the insert.
            raise NameTaken(f"a study named '{definition.name}' is there already") from error
        return Study(
            id=added,
            definition=definition,
            seq=1,
            created_by=created_by,
            creator=creator,
            created_at=now,
            updated_at=now,
        )

    def get(self, name: str) -> Study:
        """Read a study; StudyNotFound."""
        return self._one(name, lock=False)

    def find(self, study_ids: Sequence[int]) -> Mapping[int, Study]:
        """Read studies by their ids; those that are gone are left out."""
        if not study_ids:
            return {}
        found = self._connection.execute(select(_rows).where(_SEEN, _rows.c.id.in_(study_ids)))
        return {row.id: _study(row) for row in found}

    def offering(self) -> Sequence[Offer]:
        """Read the studies that are not archived and have queued trials that are due, and that their state lets run."""
        found = _OFFERING.rows(self._connection, {"now": self._clock.now})
        return [Offer(_study(row), row.running) for row in found]

    def lock(self, name: str, *, writes: bool = False) -> Study:
        """Read a study and keep others from changing it until the commit; StudyNotFound.

        Whoever `writes` a trial of it next has its seq raised by the same statement.
        """
        if not writes or name in self._locked:
            return self._one(name, lock=True)
        row = _RAISE.row(self._connection, {"named": name})
        if row is None:
            raise StudyNotFound(f"there is no study named '{name}'")
        self._raised[row.id] = row.seq
        return self._remember(_study(row), locked=True)

    def save(self, study: Study) -> Study:
        """Write a study but for its numbers of trials; answers it with its new seq and updated_at."""
        changed = _SAVE.row(
            self._connection,
            {
                "study": study.id,
                "state": study.state,
                "archived": study.archived,
                "definition": study.definition.model_dump_json(),
                "revision": study.revision,
                "system": study.system,
                "reason": study.reason,
                "tally": study.tally,
                "data_fingerprint": study.data_fingerprint,
                "updated_at": self._clock.now,
            },
        )
        if changed is None:
            raise StudyNotFound(f"there is no study named '{study.name}'")
        self._raised.pop(study.id, None)
        return self._remember(_study(changed), locked=True)

    def list(self, query: StudyQuery) -> Page[Study]:
        """Read a page of studies, newest first."""
        wanted = select(_rows).where(_SEEN).order_by(_rows.c.id.desc())
        if query.states:
            wanted = wanted.where(_rows.c.state.in_(query.states))
        if query.archived is not None:
            wanted = wanted.where(_rows.c.archived == query.archived)
        if query.creator is not None:
            wanted = wanted.where(or_(_rows.c.created_by == query.creator, _rows.c.creator == query.creator))
        if query.before_id is not None:
            wanted = wanted.where(_rows.c.id < query.before_id)
        searched = bool(query.tag or query.text)
        rows = self._connection.execute(wanted if searched else wanted.limit(query.size + 1))
        # Tags and texts are looked for here: studies are few, and databases fold case each in its own way.
        found = list(islice((study for study in map(_study, rows) if _matches(study, query)), query.size + 1))
        return Page(tuple(found[: query.size]), len(found) > query.size)

    def bump(self, study_id: int, count: int = 1) -> int:
        """Raise the seq of a study under its row lock, so that the order of seq is the order of commits."""
        raised = self._raised.pop(study_id, None)
        if raised is not None and count == 1:
            return raised
        row = _BUMP.row(self._connection, {"study": study_id, "count": count})
        if row is None:
            raise StudyNotFound("the study has been deleted")
        self._remember(_study(row), locked=True)
        seq: int = row.seq
        return seq

    def next_number(self, study_id: int, *, free: bool) -> tuple[int, int]:
        """Take the next trial number, and the seq that goes with it; a free one costs no budget."""
        taken = self._numbers(study_id, _NEXT, {"count": 1, "free": int(free)})
        if taken is None:
            raise StudyNotFound("the study has been deleted")
        return taken

    def numbers_after(self, seen: Study, count: int, *, free: int) -> tuple[int, int] | None:
        """The first of so many numbers and seqs, if the study is as it was seen, else None; some cost no budget."""
        given = {"count": count, "free": free, "next": seen.next_number, "revised": seen.revision}
        return self._numbers(seen.id, _NEXT_AFTER, given)

    def _numbers(self, study_id: int, wanted: Prepared, given: Mapping[str, int]) -> tuple[int, int] | None:
        row = wanted.row(self._connection, {"study": study_id, **given})
        if row is None:
            return None
        self._changed(study_id, seq=row.seq, next_number=row.next_number, added=row.added)
        return row.next_number - given["count"], row.seq - given["count"] + 1

    def first_metric(self, study_id: int) -> str:
        """The metric by whose value the trials of a study are ordered."""
        if study_id not in self._metrics:
            definition = _DEFINITION.value(self._connection, {"study": study_id})
            self._metrics[study_id] = _definition(definition).objectives[0].metric
        return self._metrics[study_id]

    def forget(self) -> None:
        """Forget what was read: something that was written since has been undone."""
        self._read.clear()
        self._locked.clear()
        self._raised.clear()
        self._metrics.clear()

    def delete(self, study: Study) -> None:
        """Take the study out of sight; its name is free again. `purge` removes what it leaves."""
        self.forget()
        gone = update(_rows).where(_rows.c.id == study.id).values(deleted_at=self._clock.now, seq=_rows.c.seq + 1)
        self._connection.execute(gone)

    def purge(self, rows: int) -> int:
        """Remove up to about `rows` rows of deleted studies; answers how many, 0 when nothing is left."""
        deleted = select(_rows.c.id).where(_rows.c.deleted_at.is_not(None)).order_by(_rows.c.id).limit(1)
        study_id = self._connection.execute(deleted).scalar()
        if study_id is None:
            return 0
        removed = 0
        for table in _LEFT_BEHIND:
            removed += self._purge_from(table, study_id, rows - removed)
            if removed >= rows:
                return removed
        for table in (tables.suggesters, tables.finishes):
            self._connection.execute(delete(table).where(table.c.study_id == study_id))
        self._connection.execute(delete(_rows).where(_rows.c.id == study_id))
        return removed + 1

    def _purge_from(self, table: Any, study_id: int, rows: int) -> int:
        """Remove whole trials' worth of a table's rows: the primary key leads to them without an index of its own."""
        numbers = select(table.c.number).where(table.c.study_id == study_id).order_by(table.c.number).limit(rows)
        last = self._connection.execute(select(func.max(numbers.subquery().c.number))).scalar()
        if last is None:
            return 0
        gone = delete(table).where(table.c.study_id == study_id, table.c.number <= last)
        return self._connection.execute(gone).rowcount

    def _one(self, name: str, *, lock: bool) -> Study:
        if name in self._locked or (name in self._read and not lock):
            return self._read[name]
        row = (_NAMED_LOCKED if lock else _NAMED).row(self._connection, {"named": name})
        if row is None:
            raise StudyNotFound(f"there is no study named '{name}'")
        return self._remember(_study(row), locked=lock)

    def _remember(self, study: Study, *, locked: bool) -> Study:
        self._read[study.name] = study
        self._metrics[study.id] = study.definition.objectives[0].metric
        if locked:
            self._locked.add(study.name)
        return study

    def _changed(self, study_id: int, **changes: Any) -> None:
        """Take note of what was written to a study's row. One that was not locked before may have changed otherwise."""
        for name, study in list(self._read.items()):
            if study.id != study_id:
                continue
            if name in self._locked:
                self._read[name] = replace(study, **changes)
            else:
                del self._read[name]


# Statements are put together once: doing it each time costs as much as carrying them out.
_named = select(_rows).where(_SEEN, _rows.c.name == bindparam("named"))
_NAMED = Prepared(_named)
_NAMED_LOCKED = Prepared(_named.with_for_update())
_DEFINITION = Prepared(select(_rows.c.definition).where(_rows.c.id == bindparam("study")))
_trials = tables.trials
_here = _trials.c.study_id == _rows.c.id
_due = or_(_trials.c.not_before.is_(None), _trials.c.not_before <= bindparam("now", type_=UtcDateTime))
_RUNNING = select(func.count()).where(_here, _trials.c.state == "running").scalar_subquery()
_WAITS = exists().where(_here, _trials.c.state == "queued", _due)
_RERUN_WAITS = _WAITS.where(text("trials.purpose <> 'search'"))
_runs_reruns = or_(*[_rows.c.state == state for state in sorted(RERUNS_RUN)])
_OFFERING = Prepared(
    select(_rows, _RUNNING.label("running"))
    .where(_SEEN, _rows.c.archived.is_(False))
    .where(or_(and_(_rows.c.state == "active", _WAITS), and_(_runs_reruns, _RERUN_WAITS)))
    .order_by(_rows.c.id)
)
_this = and_(_rows.c.id == bindparam("study"), _SEEN)
# What has been written to is locked: its row comes along, and need not be read any more.
# Each that is Prepared has parameters of its own.
_higher = update(_rows).values(seq=_rows.c.seq + 1).returning(*_rows.c)
_SAVE = Prepared(_higher.where(_this))
_BUMP = Prepared(update(_rows).values(seq=_rows.c.seq + bindparam("count")).returning(*_rows.c).where(_this))
_RAISE = Prepared(_higher.where(_SEEN, _rows.c.name == bindparam("named")))
_next = (
    update(_rows)
    .where(_this)
    .values(
        seq=_rows.c.seq + bindparam("count"),
        next_number=_rows.c.next_number + bindparam("count"),
        added=_rows.c.added + bindparam("free"),
    )
    .returning(_rows.c.next_number, _rows.c.seq, _rows.c.added)
)
_NEXT = Prepared(_next)
_NEXT_AFTER = Prepared(_next.where(_rows.c.next_number == bindparam("next"), _rows.c.revision == bindparam("revised")))


@lru_cache(maxsize=512)
def _definition(text: str) -> StudyDefinition:
    # Reading a definition costs a hundred times what reading its row does, and reports read their study each time.
    return StudyDefinition.model_validate_json(text)


def _matches(study: Study, query: StudyQuery) -> bool:
    definition = study.definition
    text = (query.text or "").casefold()
    in_text = text in definition.name.casefold() or text in definition.note.casefold()
    return in_text and (query.tag is None or query.tag in definition.tags)


def _study(row: Any) -> Study:
    return Study(
        id=row.id,
        definition=_definition(row.definition),
        state=row.state,
        archived=row.archived,
        revision=row.revision,
        seq=row.seq,
        next_number=row.next_number,
        added=row.added,
        system=row.system,
        reason=row.reason,
        tally=row.tally,
        data_fingerprint=row.data_fingerprint,
        created_by=row.created_by,
        creator=row.creator,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
