"""References that people say aloud, and every other number that must not skip or repeat."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from storage.deadlines import PARIS

_NEXT = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)

_VALUE = text("SELECT value FROM counter WHERE name = :name")
_SET = text("INSERT INTO counter (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value")


def next_number(session: Session, name: str) -> int:
    """The next number under a name, from 1; the row stays locked until the transaction ends."""
    return int(session.execute(_NEXT, {"name": name}).scalar_one())


def next_reference(session: Session, prefix: str, *, now: datetime) -> str:
    """A new reference such as DSR-2026-0042; the year is that of Paris."""
    year = now.astimezone(PARIS).year
    return f"{prefix}-{year}-{next_number(session, f'{prefix}-{year}'):04}"


def skip_numbers(session: Session, name: str, least: int) -> int:
    """Go on after the next full hundred that leaves out at least so many numbers; the last one left out."""
    value = session.scalar(_VALUE, {"name": name}) or 0
    skipped_to = -(-(value + least) // 100) * 100
    session.execute(_SET, {"name": name, "value": skipped_to})
    return skipped_to
