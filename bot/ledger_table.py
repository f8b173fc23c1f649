"""The whole ledger of a breach for the shell: a table to read, and CSV to work with."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from sqlalchemy.orm import Session

from bot.next_words import step_in_words
from bot.showing import notice_versions
from bot.words import word
from storage.breach_rows import is_found_late
from storage.clock import in_paris
from storage.ledger import Row, read_ledger
from storage.models import Breach
from storage.next_step import next_step, step_at

HEADER = ("customer_id", "name", "state", "told", "notice", "received", "notes", "next step")
COLUMNS = (
    *("customer_id", "name", "state", "told_at", "means", "notice", "accepted_at", "received_at", "documents_owed"),
    *("added_at", "found_late", "excluded_at", "excluded_by", "excluded_reason", "next_step"),
)
LANGUAGE = "en"


@dataclass(frozen=True)
class LedgerRow:
    """One customer of the breach; `version` is the number of the newest notice that it has."""

    row: Row
    version: int | None
    step: str

    @property
    def notes(self) -> str:
        found_late = "found after the deadline" if is_found_late(self.row.affected) else ""
        return ", ".join(filter(None, (found_late, "documents owed" if self.row.owed else "")))


def list_rows(session: Session, breach: Breach, *, now: datetime) -> list[LedgerRow]:
    """Every customer, in the order in which they were named."""
    versions = notice_versions(session, [breach])
    return [_ledger_row(row, versions.get(row.notice_id or 0), now) for row in read_ledger(breach)]


def say_rows(rows: Sequence[LedgerRow]) -> Iterator[tuple[str, ...]]:
    """The lines of a table, its header first."""
    yield HEADER
    for one in rows:
        row = one.row
        told = f"told {in_paris(row.told_at)} by {row.means}" if row.told_at else "-"
        cells = (row.customer.reference, row.customer.name, word(LANGUAGE, f"state.{row.state.value}"), told)
        yield (*cells, str(one.version or "-"), _paris(row.received_at), one.notes or "-", one.step)


def write_csv(rows: Sequence[LedgerRow], file: TextIO) -> None:
    """Instants in UTC, as ISO 8601."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, rows))


def _ledger_row(row: Row, version: int | None, now: datetime) -> LedgerRow:
    step = next_step(row, now)
    return LedgerRow(row, version, step_in_words(step, step_at(row, step), LANGUAGE))


def _cells(one: LedgerRow) -> tuple[str, ...]:
    row, affected = one.row, one.row.affected
    return (
        row.customer.reference,
        row.customer.name,
        row.state.value,
        _iso(row.told_at),
        row.means.value if row.means else "",
        str(one.version or ""),
        _iso(row.accepted_at),
        _iso(row.received_at),
        _yes(row.owed),
        _iso(affected.added_at),
        _yes(is_found_late(affected)),
        _iso(affected.excluded_at),
        (affected.excluded_by or "") if affected.excluded_at else "",
        (affected.excluded_reason or "") if affected.excluded_at else "",
        one.step,
    )


def _paris(instant: datetime | None) -> str:
    return in_paris(instant) if instant else "-"


def _iso(instant: datetime | None) -> str:
    return instant.isoformat() if instant else ""


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
