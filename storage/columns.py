"""How SQL keeps what it has no type for."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC. A naive value is refused: it would be an hour wrong one day."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("This instant has no time zone: give an aware datetime, in UTC if you can.")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Labels(TypeDecorator[tuple[str, ...]]):
    """A short tuple of words, kept as text with spaces between."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 - the signature is SQLAlchemy's
        return " ".join(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002 - the signature is SQLAlchemy's
        return tuple((value or "").split())


class minute_of(GenericFunction[datetime]):  # noqa: N801 - it is written as a function of SQL
    """The whole minute of an instant, to be compared with another one."""

    type = Instant()
    inherit_cache = True


@compiles(minute_of, "sqlite")
def _minute_in_sqlite(element: minute_of, compiler: SQLCompiler, **kw: Any) -> str:
    """In the spelling in which SQLAlchemy keeps an instant there."""
    return f"strftime('%Y-%m-%d %H:%M:00.000000', {compiler.process(element.clauses, **kw)})"


@compiles(minute_of)
def _minute(element: minute_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"date_trunc('minute', {compiler.process(element.clauses, **kw)})"
