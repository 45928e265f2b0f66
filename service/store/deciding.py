"""What schedulers have decided, and which process makes suggestions, in the database."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from service.domain.decision import Decision
from service.domain.trial import AttemptKey
from service.store import tables
from service.store.bulk import FEW, arrays, columns
from service.store.clock import Clock
from service.store.prepared import Prepared

_decisions = tables.decisions
_suggesters = tables.suggesters
_KEY = ("study_id", "number", "attempt", "step")
_TOLD = ("act", "reason", "basis", "at")


def _kept(new: Any) -> Any:
    """Of those that are there already, one that ends an attempt takes the place of one that does not."""
    return new.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: new.excluded[name] for name in _TOLD},
        where=(_decisions.c.act == "continue") & (new.excluded.act != "continue"),
    )


# Alike in both databases, but each has a statement of its own for it.
_ADD = {name: Prepared(_kept(one.insert(_decisions))) for name, one in (("postgresql", postgresql), ("sqlite", sqlite))}
_names = (*_KEY, *_TOLD)
_ADD_MANY = Prepared(_kept(postgresql.insert(_decisions).from_select(_names, select(arrays(_decisions, _names)))))
_LIST = Prepared(
    select(_decisions)
    .where(_decisions.c.study_id == bindparam("s"), _decisions.c.number == bindparam("n"))
    .order_by(_decisions.c.attempt, _decisions.c.step)
)
_here = _suggesters.c.study_id == bindparam("study")
_OWNER = Prepared(select(_suggesters.c.owner).where(_here))
_TAKE = Prepared(
    update(_suggesters).where(
        _here, or_(_suggesters.c.owner == bindparam("me"), _suggesters.c.expires_at <= bindparam("now"))
    )
)
_TRIALS_AT_ONCE = 500
_OF = (
    select(_decisions)
    .where(
        _decisions.c.study_id == bindparam("s"),
        _decisions.c.number.in_(bindparam("numbers", expanding=True)),
    )
    .order_by(_decisions.c.number, _decisions.c.attempt, _decisions.c.step)
)


class SqlDecisions:
    """The `Decisions` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, decisions: Sequence[Decision]) -> None:
        """Add decisions; of the same attempt and step the first is kept, unless only a later one ends it."""
        rows = [_row(decision) for decision in decisions]
        database = self._connection.dialect.name
        # Two of the same attempt and step cannot be kept or left by one statement.
        apart = len({(decision.key, decision.step) for decision in decisions}) == len(rows)
        if database == "postgresql" and len(rows) > FEW and apart:
            _ADD_MANY.run(self._connection, columns(rows))
        elif rows:
            _ADD[database].each(self._connection, rows)

    def list(self, study_id: int, number: int) -> Sequence[Decision]:
        """Read the decisions on a trial, in the order of attempts and steps."""
        return [_decision(row) for row in _LIST.rows(self._connection, {"s": study_id, "n": number})]

    def of(self, study_id: int, numbers: Sequence[int]) -> Mapping[int, Sequence[Decision]]:
        """Read the decisions on several trials, each trial's like `list`; those without any are left out."""
        found: dict[int, list[Decision]] = {}
        for place in range(0, len(numbers), _TRIALS_AT_ONCE):
            wanted = {"s": study_id, "numbers": numbers[place : place + _TRIALS_AT_ONCE]}
            for row in self._connection.execute(_OF, wanted):
                found.setdefault(row.number, []).append(_decision(row))
        return found


def _row(decision: Decision) -> dict[str, Any]:
    key = decision.key
    place = {"study_id": key.study_id, "number": key.number, "attempt": key.attempt, "step": decision.step}
    return place | {"act": decision.act, "reason": decision.reason, "basis": decision.basis, "at": decision.at}


def _decision(row: Any) -> Decision:
    return Decision(
        key=AttemptKey(row.study_id, row.number, row.attempt),
        step=row.step,
        act=row.act,
        reason=row.reason,
        basis=row.basis,
        at=row.at,
    )


class SqlSuggesters:
    """The `Suggesters` port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def take(self, study_id: int, owner: str, seconds: float) -> bool:
        """Be the one for so long, by the database's clock; False while another one is."""
        mine = {"owner": owner, "expires_at": self._clock.now + timedelta(seconds=seconds)}
        if _TAKE.run(self._connection, {"study": study_id, "me": owner, "now": self._clock.now, **mine}):
            return True
        if _OWNER.row(self._connection, {"study": study_id}) is not None:
            return False
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(_suggesters), {"study_id": study_id, **mine})
        except IntegrityError:
            # Another replica was faster between the look and the insert.
            return False
        return True

    def release(self, study_id: int, owner: str) -> None:
        """Let go, if it is ours."""
        ours = delete(_suggesters).where(_suggesters.c.study_id == study_id, _suggesters.c.owner == owner)
        self._connection.execute(ours)
