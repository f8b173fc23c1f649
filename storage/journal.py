"""The journal: who did what, when, on which case, under which clause; each line holds the hash of the one before.

Details are references, counts and hashes, never contents, so that a body can be erased without breaking the chain.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from storage import database
from storage.bulk import insert_rows
from storage.counters import next_numbers
from storage.models import Counter, Entry
from storage.types import Actor

GENESIS = "0" * 64
_HASHED = ("number", "at", "actor", "origin", "case", "action", "clause", "detail", "previous")
_HASH = select(Entry.hash).where(Entry.number == bindparam("number"))
Detail = str | int | bool | list[str] | None


@dataclass(frozen=True)
class Line:
    """Something to record: what was done, on which case, under which clause."""

    action: str
    case: str | None = None
    clause: str | None = None
    detail: Mapping[str, Detail] | None = None


class Recorded(NamedTuple):
    """An entry as it was written: its number, when that was, and the case it is about."""

    number: int
    at: datetime
    case: str | None


def record(
    session: Session,
    action: str,
    *,
    by: Actor,
    now: datetime,
    case: str | None = None,
    clause: str | None = None,
    **detail: Detail,
) -> Recorded:
    """Append an entry. Lock order: counters of references first, the journal's head last."""
    return record_all(session, [Line(action, case, clause, detail)], by=by, now=now)[0]


def take_turn(session: Session) -> None:
    """Be the next one who appends: what every line before tells of is seen from here on. Lock order as above."""
    session.flush()
    database.take_turn(session, select(Counter.name).where(Counter.name == "journal"))


def record_all(session: Session, lines: Sequence[Line], *, by: Actor, now: datetime) -> list[Recorded]:
    """Append entries in this order, in one go."""
    if not lines:
        return []
    session.flush()
    numbers = next_numbers(session, "journal", len(lines))
    previous = session.scalar(_HASH, {"number": numbers[0] - 1}) or GENESIS
    rows = []
    for number, line in zip(numbers, lines, strict=True):
        rows.append(_row(number, line, previous, by=by, at=now.astimezone(UTC)))
        previous = rows[-1]["hash"]
    insert_rows(session, Entry, rows)
    return [Recorded(row["number"], row["at"], row["case"]) for row in rows]


def _row(number: int, line: Line, previous: str, *, by: Actor, at: datetime) -> dict[str, Any]:
    """The columns of an entry, in the order in which they are hashed."""
    row = {
        "number": number,
        "at": at,
        "actor": by.name,
        "origin": by.origin,
        "case": line.case,
        "action": line.action,
        "clause": line.clause,
        "detail": _canonical(line.detail or {}),
        "previous": previous,
    }
    return row | {"hash": _hash(row)}


def hash_of(entry: Entry) -> str:
    """SHA-256, hex, over every other column in canonical JSON."""
    return _hash({name: getattr(entry, name) for name in _HASHED})


def _hash(row: Mapping[str, Any]) -> str:
    columns = [row["at"].isoformat() if name == "at" else row[name] for name in _HASHED]
    return sha256(_canonical(columns).encode()).hexdigest()


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


def compare(session: Session, number: int, digest: str) -> list[str]:
    """Whether the line with this number still has the hash that was noted elsewhere: a chain written anew has not."""
    found = session.scalar(_HASH, {"number": number})
    if found is None:
        return [f"The journal has no entry {number} any more."]
    return [] if found == digest else [f"Entry {number} is not the one that was noted: its hash is {found} now."]


def head(session: Session) -> tuple[int, str]:
    """The number and hash of the last entry."""
    row = session.execute(select(Entry.number, Entry.hash).order_by(Entry.number.desc()).limit(1)).first()
    return (row.number, row.hash) if row else (0, GENESIS)


def entries_of(session: Session, case: str) -> list[Entry]:
    """Everything the journal says about a case, oldest first."""
    return list(session.scalars(select(Entry).where(Entry.case == case).order_by(Entry.number)))


def hashes_followed(session: Session, case: str) -> dict[int, str]:
    """For each entry about a case, the hash that the entry after it names; the last of all is followed by none."""
    following = aliased(Entry)
    after = select(Entry.number, following.previous).join(following, following.number == Entry.number + 1)
    return {row.number: row.previous for row in session.execute(after.where(Entry.case == case))}


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
