"""Many rows in one statement on PostgreSQL: a column travels as one array, not each row as a message of its own.

SQLite is called in this very process, where a statement repeated for each row costs less than building arrays. A few
rows, as nearly all are on a server that is not busy, are no arrays on PostgreSQL either: one takes half as long as an
array of one.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, cast, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import FromClause

from service.store.prepared import Prepared

Rows = Sequence[Mapping[str, Any]]
FEW = 3
"""So many take no longer one by one."""


def insert_many(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows, each with a value for every column."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) > FEW:
        _insert_arrays(table, tuple(rows[0])).run(connection, columns(rows))
    else:
        _insert_each(table, tuple(rows[0])).each(connection, rows)


def update_many(connection: Connection, table: Table, rows: Rows) -> None:
    """Update rows by their primary key; each has its key and the same other columns."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) > FEW:
        _update_arrays(table, tuple(rows[0])).run(connection, columns(rows))
    else:
        keys = {key.name for key in table.primary_key}
        given = [{f"at_{name}" if name in keys else name: value for name, value in row.items()} for row in rows]
        _update_each(table, tuple(rows[0])).each(connection, given)


def columns(rows: Rows) -> dict[str, list[Any]]:
    """The parameters that go with `arrays`."""
    return {f"all_{name}": [row[name] for row in rows] for name in rows[0]}


@lru_cache(maxsize=64)
def _insert_each(table: Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table).values({name: bindparam(name) for name in names}))


@lru_cache(maxsize=64)
def _update_each(table: Table, names: tuple[str, ...]) -> Prepared:
    keys = {key.name for key in table.primary_key}
    changes: dict[str, Any] = {name: bindparam(name) for name in names if name not in keys}
    return Prepared(
        update(table).values(changes).where(*[table.c[name] == bindparam(f"at_{name}") for name in sorted(keys)])
    )


@lru_cache(maxsize=64)
def _insert_arrays(table: Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table).from_select(names, select(arrays(table, names))))


@lru_cache(maxsize=64)
def _update_arrays(table: Table, names: tuple[str, ...]) -> Prepared:
    given = arrays(table, names)
    keys = {key.name for key in table.primary_key}
    changes = {name: given.c[name] for name in names if name not in keys}
    return Prepared(update(table).values(changes).where(*[table.c[name] == given.c[name] for name in sorted(keys)]))


def arrays(table: Table, names: tuple[str, ...], *, placed: str | None = None) -> FromClause:
    """The rows as a table, made of one array for each column; `placed` names a further one that counts them from 1."""
    # One dimension: a list that is the value of a column is no further one.
    kinds = {name: ARRAY(table.c[name].type, dimensions=1) for name in names}
    given = [cast(bindparam(f"all_{name}", type_=kind), kind) for name, kind in kinds.items()]
    named = [column(name, table.c[name].type) for name in names]
    rows = func.unnest(*given).table_valued(*named, name="given", with_ordinality=placed)
    return rows.render_derived()
