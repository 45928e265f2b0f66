"""Statements that are handed to the driver as they are: what goes in, what comes out, what their errors are called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from service.store import engine, tables
from service.store.faults import connection_lost
from service.store.prepared import Prepared

_rows = tables.attempts
_KEY = ("study_id", "number", "attempt")
GRANTED = datetime(2026, 11, 28, 12, 0, 0, 250_000, tzinfo=UTC)
ATTEMPT: dict[str, Any] = {
    "study_id": 1,
    "number": 0,
    "attempt": 1,
    "token": 2**40,
    "state": "running",
    "worker": 'node\'s "a"',
    "granted_at": GRANTED,
    "expires_at": GRANTED + timedelta(seconds=60),
    "acked_seq": 0,
    "last_metrics": {"loss": float("inf"), "größe": [1, None]},
    "gpu_seconds": 0.1,
    "resumes": True,
    "holder": None,
}
ADD = Prepared(insert(_rows))
ONE = Prepared(select(_rows).where(*[_rows.c[name] == bindparam(name) for name in _KEY], _rows.c.state == "running"))
SOME = Prepared(select(_rows.c.attempt, _rows.c.token).order_by(_rows.c.attempt).limit(bindparam("most")))
TOKEN = Prepared(update(_rows).where(_rows.c.attempt >= bindparam("least")).values(token=bindparam("new")))
GONE = Prepared(
    delete(_rows).where(_rows.c.attempt == bindparam("this")).returning(_rows.c.expires_at, _rows.c.resumes)
)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction with a trial whose attempts are written; it is undone."""
    made = engine.connect(engine.parse(database_url))
    with made.connect() as connection, connection.begin() as transaction:
        study = dict.fromkeys(("definition", "state"), "") | {"name": "s", "system": {}, "tally": {}}
        numbers = dict.fromkeys(("revision", "seq", "next_number", "added"), 1)
        moments = {"created_at": GRANTED, "updated_at": GRANTED}
        connection.execute(insert(tables.studies), {"id": 1, "archived": False, **study, **numbers, **moments})
        trial: dict[str, Any] = {name: {} for name in ("params", "attrs", "system")} | {
            "state": "running",
            "origin": "sampled",
        }
        counts = dict.fromkeys(("token", "attempts", "seq"), 1)
        connection.execute(
            insert(tables.trials), {"study_id": 1, "number": 0, **trial, **counts, "created_at": GRANTED}
        )
        yield connection
        transaction.rollback()
    made.dispose()


def test_what_goes_in_comes_out_under_the_names_of_the_columns(connection: Connection) -> None:
    assert ADD.run(connection, ATTEMPT) == 1
    row = ONE.row(connection, {name: ATTEMPT[name] for name in _KEY})
    assert row is not None
    assert {name: getattr(row, name) for name in ATTEMPT} == ATTEMPT
    assert (row.ended_at, row.continuity) == (None, None)
    assert row == tuple(connection.execute(select(_rows)).one())


def test_a_moment_of_another_zone_is_the_same_moment(connection: Connection) -> None:
    east = GRANTED.astimezone(timezone(timedelta(hours=5)))
    ADD.run(connection, {**ATTEMPT, "granted_at": east})
    row = ONE.row(connection, {name: ATTEMPT[name] for name in _KEY})
    assert row is not None
    assert (row.granted_at, row.granted_at.tzinfo) == (GRANTED, UTC)


def test_rows_come_in_their_order_and_changes_are_counted(connection: Connection) -> None:
    ADD.each(connection, [{**ATTEMPT, "attempt": number, "token": 10 * number} for number in (3, 1, 2)])
    assert SOME.rows(connection, {"most": 2}) == [(1, 10), (2, 20)]
    assert SOME.value(connection, {"most": 1}) == 1
    assert TOKEN.run(connection, {"least": 2, "new": 7}) == 2
    assert TOKEN.run(connection, {"least": 9, "new": 8}) == 0
    assert [row.token for row in SOME.rows(connection, {"most": 9})] == [10, 7, 7]
    assert GONE.rows(connection, {"this": 2}) == [(ATTEMPT["expires_at"], True)]
    assert GONE.row(connection, {"this": 2}) is None


def test_other_parameters_than_the_first_time_are_refused(connection: Connection) -> None:
    ADD.run(connection, ATTEMPT)
    for given in ({**ATTEMPT, "directive": None}, {name: ATTEMPT[name] for name in _KEY}):
        with pytest.raises(TypeError, match=r"the parameters .*'acked_seq'.* are wanted, not "):
            ADD.run(connection, given)


def test_a_parameter_that_was_never_given_is_missing(connection: Connection) -> None:
    with pytest.raises(TypeError, match=r"\['most'\] are missing: SELECT"):
        Prepared(select(_rows).limit(bindparam("most"))).rows(connection, {})


def test_a_statement_whose_words_depend_on_a_list_is_none_for_this(connection: Connection) -> None:
    listed = Prepared(select(_rows).where(_rows.c.attempt.in_(bindparam("these", expanding=True))))
    with pytest.raises(TypeError, match="its words depend on its parameters"):
        listed.rows(connection, {"these": [1, 2]})


def test_an_error_is_called_what_sqlalchemy_calls_it(connection: Connection) -> None:
    for refused in (ADD.run, lambda *given: ADD.each(given[0], [given[1]])):
        with pytest.raises(IntegrityError, match="number") as caught, connection.begin_nested():
            refused(connection, {**ATTEMPT, "number": None})
        assert "INSERT INTO attempts" in str(caught.value)
        assert not connection_lost(caught.value)
    ADD.run(connection, ATTEMPT)


def lose(connection: Connection, url: str) -> None:
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(url) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def test_a_lost_connection_is_known_as_one(postgres_url: str) -> None:
    made = engine.connect(engine.parse(postgres_url), readers=1)
    connection = made.connect()
    with connection.begin() as transaction:
        lose(connection, postgres_url)
        with pytest.raises(DBAPIError) as caught:
            SOME.rows(connection, {"most": 1})
        transaction.rollback()
    connection.close()
    assert connection_lost(caught.value)
    with made.connect() as connection, connection.begin():
        assert SOME.rows(connection, {"most": 1}) == []
    made.dispose()
