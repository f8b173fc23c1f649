"""The journal: who did what, when, on which case, under which clause; each line holds the hash of the one before.

Details are references, counts and hashes, never contents, so that a body can be erased without breaking the chain.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.counters import next_number
from storage.models import Counter, Entry
from storage.types import Actor

GENESIS = "0" * 64
Detail = str | int | bool | list[str] | None


def record(
    session: Session,
    action: str,
    *,
    by: Actor,
    now: datetime,
    case: str | None = None,
    clause: str | None = None,
    **detail: Detail,
) -> Entry:
    """Append an entry. Lock order: counters of references first, the journal's head last."""
    number = next_number(session, "journal")
    previous = session.execute(select(Entry.hash).where(Entry.number == number - 1)).scalar() or GENESIS
    entry = Entry(
        number=number,
        at=now.astimezone(UTC),
        actor=by.name,
        origin=by.origin,
        case=case,
        action=action,
        clause=clause,
        detail=_canonical(detail),
        previous=previous,
        hash="",
    )
    entry.hash = hash_of(entry)
    session.add(entry)
    session.flush()
    return entry


def hash_of(entry: Entry) -> str:
    """SHA-256, hex, over every other column in canonical JSON."""
    columns = (entry.number, entry.at.isoformat(), entry.actor, entry.origin, entry.case, entry.action)
    return sha256(_canonical([*columns, entry.clause, entry.detail, entry.previous]).encode()).hexdigest()


def verify(session: Session) -> list[str]:
    """Walk the whole chain; every sentence returned is a place where it was tampered with."""
    problems: list[str] = []
    last, previous = 0, GENESIS
    for entry in _entries(session):
        problems += _faults(entry, last + 1, previous)
        last, previous = entry.number, entry.hash
    counted = session.execute(select(Counter.value).where(Counter.name == "journal")).scalar() or 0
    if counted != last:
        problems.append(f"The journal ends at entry {last}, but {counted} were written.")
    return problems


def head(session: Session) -> tuple[int, str]:
    """The number and hash of the last entry."""
    row = session.execute(select(Entry.number, Entry.hash).order_by(Entry.number.desc()).limit(1)).first()
    return (row.number, row.hash) if row else (0, GENESIS)


def entries_of(session: Session, case: str) -> list[Entry]:
    """Everything the journal says about a case, oldest first."""
    return list(session.scalars(select(Entry).where(Entry.case == case).order_by(Entry.number)))


def _faults(entry: Entry, expected: int, previous: str) -> Iterator[str]:
    if entry.number != expected:
        yield f"Entry {expected} is missing: the next one found is {entry.number}."
    elif entry.previous != previous:
        yield f"Entry {entry.number} does not follow the one before it."
    if entry.hash != hash_of(entry):
        yield f"Entry {entry.number} was changed after it was written."


def _entries(session: Session) -> Iterator[Entry]:
    return iter(session.scalars(select(Entry).order_by(Entry.number).execution_options(yield_per=1000)))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
