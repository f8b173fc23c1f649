"""References that people say aloud, and every other number that must not skip or repeat."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from storage.deadlines import PARIS

_NEXT = text(
    "INSERT INTO counter (name, value) VALUES (:name, :count) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + :count RETURNING value"
)

_VALUE = text("SELECT value FROM counter WHERE name = :name")
_SET = text("INSERT INTO counter (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value")


def next_numbers(session: Session, name: str, count: int) -> range:
    """The next `count` numbers under a name, from 1; the row stays locked until the transaction ends."""
    last = int(session.execute(_NEXT, {"name": name, "count": count}).scalar_one())
    return range(last - count + 1, last + 1)


def last_number(session: Session, name: str) -> int:
    """The last number that was given under a name; 0 before the first."""
    return session.scalar(_VALUE, {"name": name}) or 0


def next_references(session: Session, prefix: str, count: int, *, now: datetime) -> list[str]:
    """New references such as DSR-2026-0042, in order; the year is that of Paris."""
    year = now.astimezone(PARIS).year
    return [f"{prefix}-{year}-{number:04}" for number in next_numbers(session, f"{prefix}-{year}", count)]


def next_reference(session: Session, prefix: str, *, now: datetime) -> str:
    """One new reference."""
    return next_references(session, prefix, 1, now=now)[0]


def skip_numbers(session: Session, name: str, least: int) -> int:
    """Go on after the next full hundred that leaves out at least so many numbers; the last one left out."""
    value = last_number(session, name)
    skipped_to = -(-(value + least) // 100) * 100
    session.execute(_SET, {"name": name, "value": skipped_to})
    return skipped_to
