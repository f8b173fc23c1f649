"""Many rows in one statement, past the ORM: for what comes in groups. Columns' types still convert each value."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Insert, Select, Table, Update, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from storage.models import Base

Row = Mapping[str, Any]


def table_of(model: type[Base]) -> Table:
    """The table behind a mapped class."""
    return cast("Table", model.__table__)


def insert_rows(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows; all of them name the same columns."""
    if rows:
        session.connection().execute(_insert(table_of(model)), rows)


def insert_with_ids(session: Session, model: type[Base], rows: Sequence[Row]) -> list[int]:
    """Insert rows; their new ids, in the same order.

    On SQLite, where only one writes, they are chosen here as it would: RETURNING makes a statement of each row there.
    """
    if not rows:
        return []
    connection, table = session.connection(), table_of(model)
    if connection.dialect.name != "sqlite":
        return list(connection.execute(_insert_with_ids(table), rows).scalars())
    last = connection.execute(_last_id(table)).scalar() or 0
    ids = list(range(last + 1, last + 1 + len(rows)))
    connection.execute(_insert(table), [{"id": id_, **row} for id_, row in zip(ids, rows, strict=True)])
    return ids


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


@cache
def _last_id(table: Table) -> Select[int]:
    return select(func.max(table.c.id))


@cache
def _insert_with_ids(table: Table) -> ReturningInsert[int]:
    return insert(table).returning(table.c.id, sort_by_parameter_order=True)


def insert_new(session: Session, model: type[Base]) -> Any:
    """An INSERT to which ON CONFLICT can be said: in the database's own dialect."""
    return _own_insert(session.get_bind().dialect.name, table_of(model))


@cache
def _own_insert(dialect: str, table: Table) -> Any:
    insert_of = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return insert_of[dialect](table)


def update_rows(
    session: Session, model: type[Base], rows: Sequence[Row], *, also: Mapping[str, ColumnElement[Any]] | None = None
) -> None:
    """Set the other columns that rows name, by their `id`; objects that are loaded already do not notice.

    `also` are columns that SQL computes, the same way for all.
    """
    if not rows:
        return
    names = tuple(name for name in rows[0] if name != "id")
    changed = _update(table_of(model), names)
    changed = changed.values(also) if also else changed
    session.connection().execute(changed, [{"id_": row["id"], **_without_id(row)} for row in rows])


@cache
def _update(table: Table, names: tuple[str, ...]) -> Update:
    """Made once: making a statement takes longer than running it."""
    return update(table).where(table.c.id == bindparam("id_")).values({name: bindparam(name) for name in names})


def _without_id(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}
