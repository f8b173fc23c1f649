"""Many rows in one statement, past the ORM: for what comes in groups. Columns' types still convert each value."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.orm import Session

from storage.models import Base

Row = Mapping[str, Any]


def table_of(model: type[Base]) -> Table:
    """The table behind a mapped class."""
    return cast("Table", model.__table__)


def insert_rows(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows; all of them name the same columns."""
    if rows:
        session.connection().execute(insert(table_of(model)), rows)


def insert_with_ids(session: Session, model: type[Base], rows: Sequence[Row]) -> list[int]:
    """Insert rows; their new ids, in the same order."""
    if not rows:
        return []
    table = table_of(model)
    added = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.connection().execute(added, rows).scalars())


def update_rows(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Set the other columns that rows name, by their `id`; objects that are loaded already do not notice."""
    if not rows:
        return
    table = table_of(model)
    named: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "id"}
    changed = update(table).where(table.c.id == bindparam("id_")).values(named)
    session.connection().execute(changed, [{"id_": row["id"], **_without_id(row)} for row in rows])


def _without_id(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}
