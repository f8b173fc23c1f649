"""Imports from the shell: read and compared outside the transaction that writes, so that writing stays short."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import addresses, directory, journal
from storage.clock import PARIS, now
from storage.customer_file import Entry
from storage.customers import version
from storage.database import Database
from storage.directory import Changes
from storage.models import Staff
from storage.staff import is_active
from storage.tables import BadCell, BadLine, BadTable, Row, address, cell, day, read_table
from storage.types import Actor, Role

NO_DPO = "Warning: nobody in it is a dpo today: of letters that ring, only ESCALATION_ADDRESSES are written to."
STAFF_COLUMNS = ("slack_user", "name", "email", "role", "language", "active_from", "active_until")


@dataclass(frozen=True)
class Compared:
    """What an import would change about the directory as it was at this version."""

    version: int
    changes: Changes


class NotAgreed(Exception):
    """The person who was shown the changes did not want them: nothing was changed."""


def import_directory(
    database: Database,
    entries: Sequence[Entry],
    *,
    dry_run: bool,
    by: Actor,
    agree: Callable[[Changes], bool] | None = None,
) -> Changes:
    """Compare the directory with what is recorded, and write the difference unless it is a dry run.

    `agree` is shown the changes before anything is written, and again where somebody was quicker. Raises NotAgreed.
    """
    while True:
        compared = _compare(database, entries)
        if agree is not None and not agree(compared.changes):
            raise NotAgreed
        if dry_run or _write(database, compared, by=by):
            return compared.changes


def _compare(database: Database, entries: Sequence[Entry]) -> Compared:
    with database.reading() as session:
        return Compared(version(session), directory.compare(session, entries))


def _write(database: Database, compared: Compared, *, by: Actor) -> bool:
    """False when the directory is another one by now: then nothing is written."""
    changes = compared.changes
    try:
        with database.begin_after(lambda connection: directory.stage(connection, changes)) as session:
            directory.write_staged(session, expected=compared.version + 1)
            addresses.withdraw_unsent(session, now=now())
            added, changed = len(changes.added), len(changes.changed)
            journal.record(session, "customers-imported", by=by, now=now(), added=added, changed=changed)
    except directory.ChangedMeanwhile:
        return False
    return True


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
    lines += [f"- {slack_user} may not use the bot any more" for slack_user in known]
    return lines if any(_is_dpo_today(row) for row in rows) else [*lines, NO_DPO]


def _is_dpo_today(row: dict[str, Any]) -> bool:
    return row["role"] is Role.DPO and is_active(Staff(**row), now().astimezone(PARIS).date())


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
