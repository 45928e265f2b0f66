"""Statements that are put together once, and from then on handed to the driver as they are.

SQLAlchemy writes them, converts what goes in and what comes out, and tells what errors mean. What it does besides each
time that a statement is carried out takes as long as the statement itself: decision 26.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ReturnsRows

if TYPE_CHECKING:
    from service.store.straight import Straight

Given = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Prepared:
    """A statement whose parameters are given by their names: the same ones each time, and no lists to be spelt out."""

    def __init__(self, statement: ReturnsRows) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def rows(self, connection: Connection, given: Given) -> list[Any]:
        """What it finds: tuples with the columns' names."""
        return self._carry_out(connection, given)[0]

    def row(self, connection: Connection, given: Given) -> Any | None:
        """The first row of what it finds, if there is one."""
        found = self.rows(connection, given)
        return found[0] if found else None

    def value(self, connection: Connection, given: Given) -> Any:
        """The first column of the first row, which there is."""
        return self.rows(connection, given)[0][0]

    def run(self, connection: Connection, given: Given) -> int:
        """Carry it out; answers how many rows it has changed."""
        return self._carry_out(connection, given)[1]

    def each(self, connection: Connection, given: Sequence[Given]) -> None:
        """Carry it out for each of these, one or more."""
        text = self._text(connection.dialect, given[0])
        if text.straight is not None:
            for one in given:
                self.run(connection, one)
            return
        bound = [text.bound(one) for one in given]
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(text.words, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, text.words, bound, error) from error
        finally:
            cursor.close()

    def _carry_out(self, connection: Connection, given: Given) -> tuple[list[Any], int]:
        text = self._text(connection.dialect, given)
        bound = text.bound(given)
        try:
            if text.straight is not None and text.reads and (found := text.straight.carry_out(connection, bound)):
                return text.made(found[0]), found[1]
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, text.words, bound, error) from error
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text.words, bound)
            return text.read(cursor) if text.types else [], cursor.rowcount
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, text.words, bound, error) from error
        finally:
            cursor.close()

    def _text(self, dialect: Dialect, given: Given) -> "_Text":
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = _put_together(self._statement, dialect, given)
        return text


@dataclass(slots=True)
class _Text:
    """A statement in the words of one database. Those of its parameters that are no constants are `open`."""

    words: str
    constants: tuple[Any, ...] | dict[str, Any]
    open: Sequence[tuple[Any, str, Convert | None]]
    """Of each where it goes (its place or its name), its name, and what is made of it."""
    names: frozenset[str]
    types: Sequence[Any]
    dialect: Dialect
    straight: "Straight | None"
    _make: Callable[[Sequence[Any]], Any] | None = None
    _found: list[tuple[int, Convert]] = field(default_factory=list)

    def bound(self, given: Given) -> Any:
        """The parameters as the driver wants them."""
        if given.keys() != self.names:
            raise TypeError(f"the parameters {sorted(self.names)} are wanted, not {sorted(given)}: {self.words}")
        bound: Any = list(self.constants) if isinstance(self.constants, tuple) else self.constants.copy()
        for place, name, convert in self.open:
            value = given[name]
            bound[place] = value if convert is None else convert(value)
        return bound

    @property
    def reads(self) -> bool:
        """Whether it is known how its rows are made: from its first answer on."""
        return self._make is not None or not self.types

    def read(self, cursor: DBAPICursor) -> list[Any]:
        """All rows that the driver has."""
        if self._make is None:
            self._know(cursor)
        return self.made(cursor.fetchall())

    def made(self, answer: Sequence[Any]) -> list[Any]:
        """Rows with the columns' names, of those of the driver."""
        make, found = self._make, self._found
        if make is None:
            return []
        rows = []
        for raw in answer:
            values = list(raw)
            for place, convert in found:
                values[place] = convert(values[place])
            rows.append(make(values))
        return rows

    def _know(self, cursor: DBAPICursor) -> None:
        """Find out how a row is made; only an answer tells of what kind its columns are in the database."""
        columns = cursor.description or ()
        kinds = [
            one.dialect_impl(self.dialect).result_processor(self.dialect, column[1])
            for one, column in zip(self.types, columns, strict=True)
        ]
        self._found[:] = [(place, convert) for place, convert in enumerate(kinds) if convert is not None]
        kind: Any = namedtuple
        self._make = kind("Row", [column[0] for column in columns], rename=True)._make


def _put_together(statement: ReturnsRows, dialect: Dialect, given: Given) -> _Text:
    compiled = statement.compile(dialect=dialect, column_keys=list(given))
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params or compiled.literal_execute_params:
        raise TypeError(f"its words depend on its parameters: {compiled}")
    if missing := {name for name, bind in compiled.binds.items() if bind.required} - given.keys():
        raise TypeError(f"the parameters {sorted(missing)} are missing: {compiled}")
    converts = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    fixed = {
        name: bind.effective_value if (convert := converts[name]) is None else convert(bind.effective_value)
        for name, bind in compiled.binds.items()
        if name not in given
    }
    places = compiled.positiontup
    return _Text(
        words=str(compiled),
        constants=fixed if places is None else tuple(fixed.get(name) for name in places),
        open=[(place, name, converts[name]) for place, name in _placed(compiled) if name in given],
        names=frozenset(given),
        types=[column.type for column in statement.exported_columns],
        dialect=dialect,
        straight=_straight(str(compiled), dialect),
    )


def _straight(words: str, dialect: Dialect) -> "Straight | None":
    if dialect.driver != "psycopg":
        return None
    from service.store.straight import Straight  # psycopg: not loaded where there is no PostgreSQL

    return Straight(words)


def _placed(compiled: SQLCompiler) -> Sequence[tuple[Any, str]]:
    """The parameters, each with its place, or its name where they go by names."""
    if compiled.positiontup is not None:
        return list(enumerate(compiled.positiontup))
    return [(name, name) for name in compiled.binds]


def _told(connection: Connection, words: str, bound: Any, error: Any) -> BaseException:
    """What an error of the driver is called by SQLAlchemy."""
    dialect = connection.dialect
    if dialect.is_disconnect(error, connection.connection.dbapi_connection, None):
        # It would find out by itself, and then lets go of all connections that are no good any more.
        connection.exec_driver_sql("SELECT 1")
    told: BaseException = DBAPIError.instance(words, bound, error, dialect.loaded_dbapi.Error, dialect=dialect)
    return told
