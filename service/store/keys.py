"""Many keys as one parameter, so that a statement's text is the same for one key and for a thousand."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import FromClause, select

from service.domain.trial import AttemptKey

DATABASES = ("sqlite", "postgresql")
_NAMES = ("study_id", "number", "attempt")


def attempt_keys(database: str) -> FromClause:
    """A table of attempt keys, made from what `parameters` gives."""
    if database == "sqlite":
        rows = func.json_each(bindparam("keys")).table_valued("value", name="rows")
        parts = [func.json_extract(rows.c.value, f"$[{place}]").label(name) for place, name in enumerate(_NAMES)]
        return select(*parts).subquery("wanted")
    arrays = [cast(bindparam(f"keys_{name}"), ARRAY(BigInteger)) for name in _NAMES]
    return (
        func.unnest(*arrays)
        .table_valued(*[column(name, BigInteger) for name in _NAMES], name="wanted")
        .render_derived()
    )


def among(numbers: ColumnElement[int], database: str) -> ColumnElement[bool]:
    """Whether a number is among those that `listed` gives under the name `numbers`."""
    if database == "sqlite":
        return numbers.in_(select(func.json_each(bindparam("numbers")).table_valued("value").c.value))
    return numbers == func.any(cast(bindparam("numbers"), ARRAY(BigInteger)))


def listed(connection: Connection, numbers: Sequence[int]) -> dict[str, Any]:
    """The parameter that goes with `among`."""
    return {"numbers": json.dumps(list(numbers)) if connection.dialect.name == "sqlite" else list(numbers)}


def parameters(connection: Connection, keys: Sequence[AttemptKey]) -> dict[str, Any]:
    """The parameters that go with `attempt_keys`."""
    if connection.dialect.name == "sqlite":
        return {"keys": json.dumps([[key.study_id, key.number, key.attempt] for key in keys])}
    return {f"keys_{name}": [getattr(key, name) for key in keys] for name in _NAMES}
