"""Column types that mean the same on SQLite and on PostgreSQL."""

from collections.abc import Mapping
from datetime import UTC, datetime
from json import JSONDecoder, JSONEncoder
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

_decoded = JSONDecoder().decode
Id = BigInteger().with_variant(Integer, "sqlite")
"""A number that may grow past 32 bits. On SQLite only `INTEGER` counts up by itself."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, tz-aware in UTC: `timestamptz` on PostgreSQL, text that sorts on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; a moment without a zone is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON in a text column, where NaN and the infinities keep their sign and come back as they went in.

    PostgreSQL's own JSON types refuse them, and SQLite's functions do too; text refuses nothing.
    """

    impl = Text
    cache_ok = True
    # Made once: `json.dumps` makes one for each text, unless it is to write spaces.
    encoder = JSONEncoder(separators=(",", ":"))

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database."""
        if value is None:
            return None
        return self.encoder.encode(dict(value) if isinstance(value, Mapping) else value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From the database."""
        return None if value is None else _decoded(value)


class JsonParams(Json):
    """JSON that the database looks into: letters stand as they are, for SQLite does not find an escaped name."""

    cache_ok = True
    encoder = JSONEncoder(separators=(",", ":"), ensure_ascii=False)
