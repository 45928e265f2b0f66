"""Statements that PostgreSQL is handed without a cursor: what goes in, what comes out, and who begins and refuses."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Double,
    Engine,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DataError, DBAPIError

from service.store import engine
from service.store.faults import connection_lost
from service.store.prepared import Prepared
from service.store.straight import Straight

KINDS: dict[str, tuple[Any, list[Any]]] = {
    "bigint": (BigInteger, [0, -1, 2**62, None]),
    "double": (Double, [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), None]),
    "boolean": (Boolean, [True, False, None]),
    "text": (Text, ["", "größe 🙂", 'a "b" \\ {c,d}', "NULL", "null", " %s %(x)s %% ", "\n\t'", None]),
    "moment": (
        DateTime(timezone=True),
        [datetime(2026, 11, 29, 1, 2, 3, 45, UTC), datetime(1999, 1, 1, tzinfo=timezone(timedelta(hours=5))), None],
    ),
}
SEVEN = Prepared(select(literal_column("7").label("seven"), cast(bindparam("x"), BigInteger).label("x")))


@pytest.fixture
def opened(postgres_url: str) -> Iterator[Engine]:
    made = engine.connect(engine.parse(postgres_url), readers=1)
    yield made
    made.dispose()


@pytest.fixture
def connection(opened: Engine) -> Iterator[Connection]:
    with opened.connect() as connection, connection.begin():
        yield connection


def prepared(connection: Connection) -> list[str]:
    """The names of what the connection has prepared for itself."""
    found = connection.execute(text("SELECT name FROM pg_prepared_statements WHERE name LIKE 'basin%' ORDER BY name"))
    return [row.name for row in found]


def seven(connection: Connection, x: Any = 1) -> Any:
    return SEVEN.row(connection, {"x": x})


@pytest.mark.parametrize("kind", KINDS)
def test_all_values_of_a_kind_come_back_alone_and_in_a_list(connection: Connection, kind: str) -> None:
    column, values = KINDS[kind]
    one = Prepared(select(cast(bindparam("it", type_=column()) if kind != "moment" else bindparam("it"), column)))
    many = Prepared(select(cast(bindparam("them"), ARRAY(column, dimensions=1))))
    for _ in range(2):
        assert [one.value(connection, {"it": value}) for value in values] == values
        assert many.value(connection, {"them": values}) == values
        assert many.value(connection, {"them": []}) == []
    assert len(prepared(connection)) == 2, "from its second time on each is carried out without a cursor"


def test_no_number_is_one_too(connection: Connection) -> None:
    nan = Prepared(select(cast(bindparam("it"), Double)))
    assert [str(nan.value(connection, {"it": float("nan")})) for _ in range(2)] == ["nan"] * 2
    several = Prepared(select(cast(bindparam("them"), ARRAY(Double, dimensions=1))))
    assert [str(several.value(connection, {"them": [float("nan")]})) for _ in range(2)] == ["[nan]"] * 2


def test_one_parameter_in_two_places_and_a_sign_that_is_none(connection: Connection) -> None:
    statement = Prepared(select((bindparam("x", type_=BigInteger) % 7 + bindparam("x", type_=BigInteger)).label("y")))
    assert [statement.value(connection, {"x": 10}) for _ in range(3)] == [13] * 3
    assert len(prepared(connection)) == 1


def test_letters_are_what_they_are_whatever_others_write_them_in(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    made = engine.connect(engine.parse(postgres_url), readers=1)
    letters = Prepared(select(func.length(cast(bindparam("it"), Text))))
    with made.connect() as connection, connection.begin():
        assert [letters.value(connection, {"it": "größe"}) for _ in range(3)] == [5] * 3
        assert len(prepared(connection)) == 1
    made.dispose()


@pytest.mark.parametrize("words", ["SELECT '%%(x)s' || %(x)s", "SELECT '%%' || '(x)s' || %(x)s::VARCHAR"])
def test_a_sign_that_stands_for_itself_is_no_parameter(connection: Connection, words: str) -> None:
    connection.exec_driver_sql("SELECT 1")
    found = Straight(words).carry_out(connection, {"x": "!"})
    assert found is not None
    assert found[0] == [("%(x)s!",)]


def test_what_cannot_be_written_psycopg_refuses_or_writes(connection: Connection) -> None:
    echo = Prepared(select(cast(bindparam("it"), Text)))
    assert echo.value(connection, {"it": "a"}) == "a"
    with pytest.raises(DataError, match="NUL"):
        echo.value(connection, {"it": "a\0b"})
    listed = Prepared(select(cast(bindparam("them"), ARRAY(Text, dimensions=1))))
    assert listed.value(connection, {"them": ["a"]}) == ["a"]
    with pytest.raises(DataError, match="NUL"):
        listed.value(connection, {"them": ["a\0b"]})
    assert seven(connection).seven == 7
    assert seven(connection, Decimal("1e2")).x == 100, "of this kind only psycopg knows"


def test_the_first_statement_begins_the_transaction_as_the_connection_wants_it(opened: Engine) -> None:
    with opened.connect() as connection:
        for _ in range(2):
            with connection.begin() as transaction:
                seven(connection)
                driver: Any = connection.connection.dbapi_connection
                assert driver.pgconn.transaction_status == TransactionStatus.INTRANS
                assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
                transaction.rollback()
            assert driver.pgconn.transaction_status == TransactionStatus.IDLE


def test_a_statement_outlives_what_was_undone_and_each_connection_has_its_own(opened: Engine) -> None:
    for _ in range(2):
        with opened.connect() as connection:
            with connection.begin() as transaction:
                seven(connection)
                seven(connection)
                for _ in range(9):
                    # What psycopg had prepared by now it would have the database forget, with all else.
                    connection.exec_driver_sql("SELECT 1")
                transaction.rollback()
            with connection.begin():
                assert len(prepared(connection)) == 1
                assert seven(connection, 5) == (7, 5)
            connection.invalidate()


def test_after_an_error_the_transaction_is_over_until_it_is_undone(connection: Connection) -> None:
    divided = Prepared(select((1 / cast(bindparam("x"), BigInteger)).label("y")))
    divided.value(connection, {"x": 1})
    with pytest.raises(DBAPIError, match="division by zero") as caught, connection.begin_nested():
        divided.value(connection, {"x": 0})
    assert caught.value.orig.sqlstate == "22012"  # type: ignore[union-attr]  # psycopg's errors have one
    assert divided.value(connection, {"x": 1}) == 1


def ended(connection: Connection, url: str) -> None:
    """The database ends it, and says so."""
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(url) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def cut(connection: Connection, _: str) -> None:
    """The network ends it, and says nothing."""
    driver: Any = connection.connection.dbapi_connection
    with socket.fromfd(driver.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("lose", [ended, cut])
def test_a_connection_that_is_lost_between_two_statements_is_known_as_lost(
    opened: Engine, postgres_url: str, lose: Callable[[Connection, str], None]
) -> None:
    connection = opened.connect()
    with connection.begin():
        seven(connection)
        seven(connection)
    with connection.begin() as transaction:
        seven(connection)
        lose(connection, postgres_url)
        with pytest.raises(DBAPIError) as caught:
            seven(connection)
        transaction.rollback()
    connection.close()
    assert connection_lost(caught.value)
    with opened.connect() as another, another.begin():
        assert seven(another, 3) == (7, 3)
