"""Imports from the shell: read and compared outside the transaction that writes, so that writing stays short."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import directory, journal
from storage.clock import now
from storage.database import Database
from storage.models import Entry, Staff
from storage.tables import BadCell, BadLine, BadTable, Row, address, cell, day, read_table
from storage.types import Actor, Role

STAFF_COLUMNS = ("slack_user", "name", "email", "role", "language", "active_from", "active_until")


def import_directory(
    database: Database, entries: Sequence[directory.Entry], *, dry_run: bool, by: Actor
) -> directory.Changes:
    """Compare the directory with what is recorded, and write the difference unless it is a dry run."""
    with database.reading() as session:
        seen, changes = _last_import(session), directory.compare(session, entries)
    if dry_run:
        return changes
    with database.begin() as session:
        if _last_import(session) != seen:  # somebody imported while we compared
            changes = directory.compare(session, entries)
        directory.apply(session, changes)
        added, changed = len(changes.added), len(changes.changed)
        journal.record(session, "customers-imported", by=by, now=now(), added=added, changed=changed)
    return changes


def import_staff(database: Database, path: Path, *, dry_run: bool, by: Actor) -> list[str]:
    """Make the staff table what the file says; who is not in it any more ends. Raises BadTable. Lines of changes."""
    rows = _read_staff(path)
    if dry_run:
        with database.reading() as session:
            return [*_staff_changes(session, rows), "Nothing was changed."]
    with database.begin() as session:
        lines = _staff_changes(session, rows)
        _write_staff(session, rows)
        journal.record(session, "staff-imported", by=by, now=now(), people=len(rows))
    return [*lines, f"Imported: {len(rows)} people."]


def _last_import(session: Session) -> int | None:
    return session.scalar(select(func.max(Entry.number)).where(Entry.action == "customers-imported"))


def _read_staff(path: Path) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    problems: list[BadLine] = []
    for line, row in read_table(path, problems, required=STAFF_COLUMNS):
        try:
            colleague = _colleague(row)
        except BadCell as error:
            problems.append(BadLine(line, str(error)))
            continue
        if rows.setdefault(colleague["slack_user"], colleague) is not colleague:
            problems.append(BadLine(line, f"{colleague['slack_user']} stands in the file twice."))
    if problems:
        raise BadTable(problems)
    return list(rows.values())


def _colleague(row: Row) -> dict[str, Any]:
    cell(row, "email")
    if row["role"] not in list(Role):
        raise BadCell("“role” is viewer, handler or dpo.")
    if row["language"] not in ("fr", "en"):
        raise BadCell("“language” is fr or en.")
    return {
        "slack_user": cell(row, "slack_user"),
        "name": cell(row, "name"),
        "email": address(row, "email"),
        "role": Role(row["role"]),
        "language": row["language"],
        "active_from": day(row, "active_from"),
        "active_until": day(row, "active_until"),
    }


def _staff_changes(session: Session, rows: list[dict[str, Any]]) -> list[str]:
    known = {one.slack_user: one for one in session.scalars(select(Staff))}
    lines = []
    for row in rows:
        colleague = known.pop(row["slack_user"], None)
        if colleague is None:
            lines.append(f"+ {row['slack_user']} {row['role'].value}")
        elif fields := [name for name, value in row.items() if getattr(colleague, name) != value]:
            lines.append(f"~ {row['slack_user']} {', '.join(fields)}")
    return lines + [f"- {slack_user} may not use the bot any more" for slack_user in known]


def _write_staff(session: Session, rows: list[dict[str, Any]]) -> None:
    known = {one.slack_user: one for one in session.scalars(select(Staff))}
    for row in rows:
        colleague = known.pop(row["slack_user"], None)
        if colleague is None:
            session.add(Staff(**row))
        else:
            for name, value in row.items():
                setattr(colleague, name, value)
    for gone in known.values():
        session.delete(gone)
