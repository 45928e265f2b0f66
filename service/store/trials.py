"""The trials in the database."""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from sys import intern
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, text, update

from service.domain.errors import TrialNotFound
from service.domain.query import Page, TrialQuery
from service.domain.study import Study
from service.domain.trial import Rerun, Trial
from service.store import tables
from service.store.bulk import insert_many, update_many
from service.store.clock import Clock
from service.store.filters import passes, placed
from service.store.keys import DATABASES, among, listed
from service.store.prepared import Prepared
from service.store.studies import SqlStudies
from service.usecases.engine import System
from service.usecases.ports import PutOff
from service.wire.trial import Failure, TrialState

_rows = tables.trials
_AT_ONCE = 1_000
_once: Callable[[str], Any] = intern


class SqlTrials:
    """The `Trials` port over one connection."""

    def __init__(self, connection: Connection, studies: SqlStudies, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._studies = studies
        # Those that are locked: they are as they are until the commit, and what is as it was need not be written.
        self._locked: dict[tuple[int, int], Trial] = {}

    def add(self, trial: Trial) -> Trial:
        """Add a trial under the study's next number (the one given is ignored); answers it with number and seq."""
        number, seq = self._studies.next_number(trial.study_id, free=_free(trial))
        return self._add([replace(trial, number=number, seq=seq)])[0]

    def add_to(self, seen: Study, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Add trials like `add`, or none unless their study is as it was seen: not added to, nor edited or moved."""
        if not trials:
            return ()
        first = self._studies.numbers_after(seen, len(trials), free=sum(map(_free, trials)))
        if first is None:
            return ()
        number, seq = first
        return self._add([replace(one, number=number + n, seq=seq + n) for n, one in enumerate(trials)])

    def _add(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        insert_many(
            self._connection,
            _rows,
            [
                {"study_id": one.study_id, "number": one.number, "seq": one.seq, **self._course(one), **_lasting(one)}
                for one in trials
            ],
        )
        return [_own(one) for one in trials]

    def get(self, study_id: int, number: int) -> Trial:
        """Read a trial; TrialNotFound."""
        return self._one(study_id, number, lock=False)

    def lock(self, study_id: int, number: int) -> Trial:
        """Read a trial and keep others from changing it until the commit; TrialNotFound."""
        return self._one(study_id, number, lock=True)

    def claim(self, study_id: int, count: int, *, node: str | None = None, reruns: bool = False) -> Sequence[Trial]:
        """Lock up to `count` queued trials that are due and do not avoid the node, lowest numbers first.

        Those that others are claiming are passed over.
        """
        given = {"s": study_id, "n": count, "now": self._clock.now} | ({} if node is None else {"node": node})
        wanted = _CLAIMS[reruns, node is not None]
        return [self._lock(_trial(row)) for row in wanted.rows(self._connection, given)]

    def put_off(self) -> Sequence[PutOff]:
        """Read the queued trials, of all studies, that are not due yet or still avoid a node."""
        now = self._clock.now
        wanted = (
            select(tables.studies.c.name, _rows.c.not_before, _rows.c.avoid, _rows.c.avoid_until)
            .join(tables.studies, tables.studies.c.id == _rows.c.study_id)
            .where(_rows.c.not_before.is_not(None), _rows.c.state == "queued", tables.studies.c.deleted_at.is_(None))
            .where(or_(_rows.c.not_before > now, _rows.c.avoid_until > now))
            .order_by(_rows.c.not_before)
        )
        return [PutOff(*row) for row in self._connection.execute(wanted)]

    def pick(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Trial]:
        """Read trials by their numbers; unknown ones are left out."""
        found: dict[int, Trial] = {}
        for place in range(0, len(numbers), _AT_ONCE):
            some = _rows.c.number.in_(numbers[place : place + _AT_ONCE])
            rows = self._connection.execute(select(_rows).where(_rows.c.study_id == study_id, some))
            found |= {row.number: _trial(row) for row in rows}
        return found

    def save(self, trial: Trial) -> Trial:
        """Write everything of a trial but its number; answers it with its new seq."""
        before = self._locked.get((trial.study_id, trial.number))
        as_it_was = before is not None and all(getattr(before, name) is getattr(trial, name) for name in _LASTING)
        seq = self._studies.bump(trial.study_id)
        here = {"seq": seq, "at_study": trial.study_id, "at_number": trial.number}
        written = here | self._course(trial) | ({} if as_it_was else _lasting(trial))
        if not (_MOVE if as_it_was else _SAVE).run(self._connection, written):
            raise TrialNotFound(f"the study has no trial {trial.number}")
        if not as_it_was:
            return self._lock(_own(replace(trial, seq=seq)))
        # What is as it was has been read here.
        return self._lock(replace(trial, seq=seq, values=None if trial.values is None else dict(trial.values)))

    def note(self, study_id: int, systems: Mapping[int, System]) -> None:
        """Merge into what an engine remembers of trials, by their numbers; unknown ones are left out."""
        known = self._systems(study_id, sorted(systems))
        if not known:
            return
        seq = self._studies.bump(study_id, len(known)) - len(known)
        rows = [
            {"study_id": study_id, "number": number, "seq": seq + n, "system": {**known[number], **systems[number]}}
            for n, number in enumerate(known, start=1)
        ]
        update_many(self._connection, _rows, rows)
        for number in known:
            self._locked.pop((study_id, number), None)

    def _systems(self, study_id: int, numbers: Sequence[int]) -> dict[int, System]:
        """What an engine remembers of trials, which are locked in one order: no two batches wait for each other."""
        wanted = {"s": study_id, **listed(self._connection, numbers)}
        rows = _SYSTEMS[self._connection.dialect.name].rows(self._connection, wanted)
        return {row.number: row.system for row in rows}

    def list(self, study_id: int, query: TrialQuery) -> Page[Trial]:
        """Read a page of trials."""
        wanted: Select[Any] = select(_rows).where(_rows.c.study_id == study_id)
        if query.states:
            wanted = wanted.where(_rows.c.state.in_(query.states))
        if query.origins:
            wanted = wanted.where(_rows.c.origin.in_(query.origins))
        if query.purposes:
            wanted = wanted.where(_rows.c.purpose.in_(query.purposes))
        for condition in query.where:
            wanted = wanted.where(passes(condition, self._connection.dialect.name))
        wanted = placed(wanted, query).limit(query.size + 1)
        found = [_trial(row) for row in self._connection.execute(wanted)]
        return Page(tuple(found[: query.size]), len(found) > query.size)

    def changed(self, study_id: int, after_seq: int, count: int) -> Sequence[Trial]:
        """Read up to `count` trials whose seq is greater than `after_seq`, in the order of seq."""
        return [_trial(row) for row in _CHANGED.rows(self._connection, {"s": study_id, "q": after_seq, "n": count})]

    def counts(self, study_ids: Sequence[int], *, elsewhere: bool = True) -> Mapping[int, Mapping[TrialState, int]]:
        """Count the trials of searches by state, those that completed elsewhere as asked for."""
        found: dict[int, dict[TrialState, int]] = {}
        counted = self._connection.execute(_COUNTS if elsewhere else _COUNTS_HERE, {"studies": study_ids})
        for study_id, state, count in counted:
            found.setdefault(study_id, {})[state] = count
        return found

    def _one(self, study_id: int, number: int, *, lock: bool) -> Trial:
        if (locked := self._locked.get((study_id, number))) is not None:
            return locked
        row = (_ONE_LOCKED if lock else _ONE).row(self._connection, {"s": study_id, "n": number})
        if row is None:
            raise TrialNotFound(f"the study has no trial {number}")
        return self._lock(_trial(row)) if lock else _trial(row)

    def forget(self) -> None:
        """Forget what was read: something that was written since has been undone."""
        self._locked.clear()

    def _lock(self, trial: Trial) -> Trial:
        self._locked[trial.study_id, trial.number] = trial
        return trial

    def _course(self, trial: Trial) -> dict[str, Any]:
        """What changes as a trial takes its course."""
        return {
            "state": trial.state,
            "values": trial.values,
            "value": self._value(trial),
            "token": trial.token,
            "attempts": trial.attempts,
            "failure": trial.failure.model_dump() if trial.failure else None,
            "started_at": trial.started_at,
            "finished_at": trial.finished_at,
            "not_before": trial.not_before,
            "avoid": trial.avoid,
            "avoid_until": trial.avoid_until,
        }

    def _value(self, trial: Trial) -> float | None:
        """What the trial is ordered by: the first objective's value, if it is a number."""
        if not trial.values:
            return None
        value = trial.values.get(self._studies.first_metric(trial.study_id))
        return None if value is None or math.isnan(value) else value


_one = select(_rows).where(_rows.c.study_id == bindparam("s"), _rows.c.number == bindparam("n"))
_ONE = Prepared(_one)
_ONE_LOCKED = Prepared(_one.with_for_update())
_SYSTEMS = {
    database: Prepared(
        select(_rows.c.number, _rows.c.system)
        .where(_rows.c.study_id == bindparam("s"), among(_rows.c.number, database))
        .order_by(_rows.c.number)
        .with_for_update()
    )
    for database in DATABASES
}
_queued = (
    select(_rows)
    .where(_rows.c.study_id == bindparam("s"), _rows.c.state == "queued")
    .where(or_(_rows.c.not_before.is_(None), _rows.c.not_before <= bindparam("now")))
    .order_by(_rows.c.number)
    .limit(bindparam("n"))
    .with_for_update(skip_locked=True)
)
_queued_at = _queued.where(
    or_(_rows.c.avoid.is_(None), _rows.c.avoid != bindparam("node"), _rows.c.avoid_until <= bindparam("now"))
)
_SEARCHES = _rows.c.purpose == "search"
# As the index of the reruns has it: SQLite takes an index for a part of the rows only where it sees the same words.
_RERUNS = text("trials.purpose <> 'search'")
_CLAIMS: Mapping[tuple[bool, bool], Prepared] = {
    (False, False): Prepared(_queued.where(_SEARCHES)),
    (False, True): Prepared(_queued_at.where(_SEARCHES)),
    (True, False): Prepared(_queued.where(_RERUNS)),
    (True, True): Prepared(_queued_at.where(_RERUNS)),
}
"""By whether reruns are wanted, and whether a node is named."""
_COUNTS = (
    select(_rows.c.study_id, _rows.c.state, func.count())
    .where(_rows.c.study_id.in_(bindparam("studies", expanding=True)), _SEARCHES)
    .group_by(_rows.c.study_id, _rows.c.state)
)
_COUNTS_HERE = _COUNTS.where(or_(_rows.c.origin != "added", _rows.c.state != "completed"))
_CHANGED = Prepared(
    select(_rows)
    .where(_rows.c.study_id == bindparam("s"), _rows.c.seq > bindparam("q"))
    .order_by(_rows.c.seq)
    .limit(bindparam("n"))
)
_here = update(_rows).where(_rows.c.study_id == bindparam("at_study"), _rows.c.number == bindparam("at_number"))
# The same words, for as many columns as each is given.
_SAVE = Prepared(_here)
_MOVE = Prepared(_here)
_LASTING = ("origin", "params", "attrs", "system", "suggestion", "created_at", "purpose", "rerun")
"""What most often stays as it was when a trial was made. PostgreSQL stores what is long anew whenever it is named."""


def _lasting(trial: Trial) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in _LASTING} | {"rerun": asdict(trial.rerun) if trial.rerun else None}


def _free(trial: Trial) -> bool:
    """Whether it costs no budget."""
    return trial.origin == "added" or not trial.searches


def _own(trial: Trial) -> Trial:
    """A copy that shares nothing with what was given: as if it had been read, without asking the database."""
    return replace(
        trial,
        params=dict(trial.params),
        values=None if trial.values is None else dict(trial.values),
        attrs=deepcopy(dict(trial.attrs)),
        system=deepcopy(dict(trial.system)),
        suggestion=None if trial.suggestion is None else deepcopy(dict(trial.suggestion)),
    )


def _trial(row: Any) -> Trial:
    values = row.values
    return Trial(
        study_id=row.study_id,
        number=row.number,
        state=_once(row.state),
        origin=_once(row.origin),
        params=_named(row.params),
        values=None if values is None else _named(values),
        attrs=_named(row.attrs),
        system=_named(row.system),
        suggestion=None if row.suggestion is None else _named(row.suggestion),
        token=row.token,
        attempts=row.attempts,
        failure=Failure.model_validate(row.failure) if row.failure else None,
        seq=row.seq,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        not_before=row.not_before,
        avoid=row.avoid,
        avoid_until=row.avoid_until,
        purpose=_once(row.purpose),
        rerun=Rerun(**row.rerun) if row.rerun else None,
    )


def _named(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same under names that are there once: many thousand trials are held, and all have the same."""
    return {_once(name): value for name, value in found.items()}
