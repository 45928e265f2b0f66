"""The honest ends of studies in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from service.domain.finish import Finish, Outcome, Plan
from service.store import tables

_rows = tables.finishes
_LIST = select(_rows).where(_rows.c.study_id == bindparam("s")).order_by(_rows.c.round)
_SAVE = update(_rows).where(_rows.c.study_id == bindparam("at_study"), _rows.c.round == bindparam("at_round"))


class SqlFinishes:
    """The `Finishes` port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, finish: Finish) -> None:
        """Add a round."""
        fixed = {
            "study_id": finish.study_id,
            "round": finish.round,
            "plan": asdict(finish.plan),
            "started_by": finish.started_by,
            "started_at": finish.started_at,
        }
        self._connection.execute(insert(_rows), {**fixed, **_changing(finish)})

    def list(self, study_id: int) -> Sequence[Finish]:
        """Read all rounds of a study, the first one first."""
        return [_finish(row) for row in self._connection.execute(_LIST, {"s": study_id})]

    def save(self, finish: Finish) -> None:
        """Write what of a round can change: its state, the reason, the outcome and its end."""
        where = {"at_study": finish.study_id, "at_round": finish.round}
        self._connection.execute(_SAVE, {**_changing(finish), **where})


def _changing(finish: Finish) -> dict[str, Any]:
    return {
        "state": finish.state,
        "reason": finish.reason,
        "outcome": asdict(finish.outcome),
        "ended_at": finish.ended_at,
    }


def _finish(row: Row[Any]) -> Finish:
    plan = {**row.plan, "candidates": tuple(row.plan["candidates"]), "seeds": tuple(row.plan["seeds"])}
    return Finish(
        study_id=row.study_id,
        round=row.round,
        state=row.state,
        reason=row.reason,
        plan=Plan(**plan),
        outcome=Outcome(**row.outcome),
        started_by=row.started_by,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
