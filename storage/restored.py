"""A restored backup, or another copy, is noticed before anything is sent or taken in, and sending is paused.

What was queued in it may have gone out long ago; letters that came since stand in the mailbox and would be forwarded
again; ids and references would be given out a second time. So the key that signs is replaced, references move on, and
a person looks at what may have gone out (storage/gone_out.py).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage import clock, counters, home, journal, marks, pauses, tokens
from storage.database import Database
from storage.deadlines import PARIS
from storage.models import Counter, Cursor, Delivery, Entry, Mark, Pause
from storage.types import DESK

COPY_TAKEN = "copy-taken"
COMPARED = "compared:"
LOOKING = 0x4B61766B6F6E
"""An advisory lock's number on PostgreSQL: one process looks at a time."""

LEAST_SKIPPED = 100
"""References that are left out at least."""


@dataclass(frozen=True)
class Restored:
    """What was noticed, and by what: `copy` (of our own making), another `home`, an `older` journal, a `receipt`."""

    since_at: datetime
    evidence: tuple[str, ...]


@contextmanager
def at_home(database: Database) -> Iterator[Pause | None]:
    """How each process begins and ends: look whether this is a copy, then the pause that stands, if any."""
    look_for_restore(database)
    with database.reading() as session:
        pause = pauses.is_paused(session)
    try:
        yield pause
    finally:
        home.note_progress(database)


def look_for_restore(database: Database) -> Restored | None:
    """Pause sending when this database was restored since it was last looked at; None when there is nothing new.

    Usually only a read. Any number of processes may start at once: one of them acts.
    """
    with database.reading() as session:
        if home.remembered_home(session) == home.find_home(session) and not _find_evidence(session):
            return None
    with database.begin() as session:
        return _settle(session, now=clock.now())


def report_foreign_receipt(session: Session, signed: str, *, now: datetime) -> Restored | None:
    """Pause sending for a receipt that we signed for a delivery newer than any in this record; None when it is not so.

    The delivery was made in a life of this record that is lost. Under a key that was retired, that is known already.
    """
    _take_turn(session)
    lost = tokens.read_lost(session, signed)
    if lost is None or not tokens.is_current(session, signed):
        return None
    newest = session.scalar(select(func.max(Delivery.id))) or 0
    return _act(session, ["receipt"], lost_entries=lost[1] - newest, now=now)


def record_compared(session: Session, account: str, *, now: datetime) -> None:
    """A mailbox was compared with this record, `Processed` too: what the lost life had taken in is known again."""
    marks.put(session, f"{COMPARED}{account}", "", now=now)


def not_compared(session: Session, pause: Pause) -> list[str]:
    """The mailboxes that must still be compared before anybody can say what may have gone out."""
    marks = session.scalars(select(Mark).where(Mark.name.startswith(COMPARED), Mark.at >= pause.since_at))
    compared = {mark.name.removeprefix(COMPARED) for mark in marks}
    known = set(session.scalars(select(Cursor.account).distinct()))
    return sorted(known - compared) if known or compared else ["privacy"]


def _settle(session: Session, *, now: datetime) -> Restored | None:
    """Act on the evidence, and make this the home. What another process did meanwhile is not done again."""
    _take_turn(session)
    evidence, lost = _find_evidence(session), home.lost_progress(session)
    marks.put(session, home.HOME, json.dumps(home.find_home(session), sort_keys=True), now=now)
    if lost:
        marks.put(session, home.PASSED, lost, now=now)
    if copy := session.get(Mark, COPY_TAKEN):
        session.delete(copy)
    if not evidence:
        return None
    return _act(session, evidence, lost_entries=_lost_entries(session, lost), now=now)


def _take_turn(session: Session) -> None:
    """On SQLite only one transaction writes anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOOKING})


def _find_evidence(session: Session) -> list[str]:
    known = home.remembered_home(session)
    found = {
        "copy": session.get(Mark, COPY_TAKEN) is not None,
        "home": known is not None and home.is_elsewhere(known, home.find_home(session)),
        "older": home.lost_progress(session) is not None,
    }
    return [name for name, is_so in found.items() if is_so]


def _lost_entries(session: Session, lost: str | None) -> int:
    """How many journal entries the lost life is known to have had beyond this one."""
    return max(0, int(lost.partition(" ")[0]) - journal.head(session)[0]) if lost else 0


def _act(session: Session, evidence: list[str], *, lost_entries: int, now: datetime) -> Restored:
    """Lock order: counters of references first, the journal's head last."""
    moved = _skip_references(session, lost_entries, now)
    tokens.replace_secret(session, now=now)
    journal.record(session, "restore-noticed", by=DESK, now=now, evidence=evidence, references=moved)
    pause = pauses.pause_sending(session, pauses.RESTORED, now=now)
    return Restored(pause.since_at, tuple(evidence))


def _skip_references(session: Session, lost_entries: int, now: datetime) -> list[str]:
    year = now.astimezone(PARIS).year
    names = session.scalars(select(Counter.name))
    prefixes = {found[1] for name in names if (found := re.fullmatch(r"([A-Z]+)-\d{4}", name))}
    least = max(LEAST_SKIPPED, lost_entries)
    moved = []
    for name in sorted(f"{prefix}-{year}" for prefix in prefixes):
        paced = _at_this_pace(session, name, now)
        moved.append(f"{name}-{counters.skip_numbers(session, name, max(least, paced)):04}")
    return moved


def _at_this_pace(session: Session, name: str, now: datetime) -> int:
    """Twice what would have been given out since the last entry, at this year's pace: a guess for the lost life."""
    last_at: datetime | None = session.scalar(select(func.max(Entry.at)))
    given = session.scalar(select(Counter.value).where(Counter.name == name)) or 0
    begin = datetime(now.astimezone(PARIS).year, 1, 1, tzinfo=PARIS)
    if last_at is None or last_at <= begin:
        return 0
    pace: float = given / ((last_at - begin) / timedelta(days=1))
    return max(0, round(2 * pace * ((now - last_at) / timedelta(days=1))))
