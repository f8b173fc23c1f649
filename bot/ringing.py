"""Letters that ring at once: what staff read of them in Slack, and the letter to dpo and escalation addresses.

Who is told is queued by whoever opens the case (storage/ringing.py). Each is written of at once; but after three such
e-mails within 15 minutes, all that come meanwhile are written of together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from bot import letters, telling
from bot.blocks import Said, button, section
from bot.cards import READ, RequestCard
from bot.desk import Desk
from bot.gathering import put_down
from bot.words import word
from storage import ladder, outbox
from storage.announcements import DESK_CASE
from storage.deadlines import notification_deadline
from storage.models import Delivery, Request
from storage.outbox import Words
from storage.ringing import POSSIBLE_BREACH, RINGS
from storage.types import Kind
from templates import render

SHOWN = 200
"""Letters that one e-mail names; the rest are counted."""
SENT = "rings"
"""The topic of the e-mails."""
DEADLINE = "deadline"
"""The flag of a letter that names a date."""


@dataclass(frozen=True)
class Ring:
    """A letter that rings: which, of what kind, and when it came. `until` are the 48 hours that a breach would have."""

    reference: str
    kind: str
    received_at: datetime
    possible_breach: bool
    names_deadline: bool
    until: datetime


def say_ring(card: RequestCard, language: str) -> Said:
    """In the thread and to each dpo: what came and what to do, with the button that brings the letter."""
    ring = _ring(card.reference, card.kind, card.received_at, card.flags)
    text = render(RINGS, language, "slack", ring=ring, what=_what(ring, language))
    buttons = {"type": "actions", "elements": [button(READ, card, language)]}
    return Said(text, (section(text), buttons))


def gather_rings(desk: Desk, *, slack_out: bool, now: datetime) -> int:
    """One tick: write to every reader of the letters that rang since the last time; how many e-mails."""
    with desk.database.reading() as session:
        if not (put_down(session, Delivery.topic == RINGS, to_write=False) and _find_readers(session, desk, now)):
            return 0
    with desk.database.begin() as session:
        readers = _find_readers(session, desk, now)
        if not readers:
            return 0
        rows = put_down(session, Delivery.topic == RINGS, to_write=True)
        rings = _find_rings(session, [row.case for row in rows])
        written = _write_all(session, desk, readers, rings, rows, slack_out=slack_out, now=now)
        for row in rows:
            outbox.record_accepted(row, reply=f"in {written} letters", now=now)
    return written


def write(rings: Sequence[Ring], language: str, *, company: str, slack_out: bool) -> Words:
    """What to do, once for each sort of letter, and which letters these are, the oldest first."""
    values: dict[str, Any] = {
        "rings": rings[:SHOWN],
        "count": len(rings),
        "authority": any(one.kind == Kind.AUTHORITY for one in rings),
        "controller": any(one.kind == Kind.CONTROLLER for one in rings),
        "dated": any(one.names_deadline for one in rings),
        "breach": any(one.possible_breach for one in rings),
        "what": [_what(one, language) for one in rings[:SHOWN]],
        "company": company,
        "in_slack": not slack_out,
    }
    return letters.write_mail(RINGS, language, **values)


def _what(ring: Ring, language: str) -> str:
    """What came, in a few words."""
    if ring.kind not in {Kind.AUTHORITY, Kind.CONTROLLER}:
        return word(language, "rings.possible_breach")
    what = word(language, f"rings.{ring.kind}")
    return word(language, "rings.and_breach", what=what) if ring.possible_breach else what


def _find_readers(session: Session, desk: Desk, now: datetime) -> dict[str, str]:
    """Who is written to now; nobody so soon after the last three. While there is nobody, all stays put down."""
    many = telling.were_many(session, DESK_CASE, SENT, now=now)
    return {} if many else telling.find_readers(session, desk.settings, now=now)


def _find_rings(session: Session, references: Sequence[str]) -> list[Ring]:
    found = ladder.find_changed(session, sorted(set(references)))
    return sorted((_of(request) for request in found), key=lambda one: (one.received_at, one.reference))


def _of(request: Request) -> Ring:
    return _ring(request.reference, request.kind.value, request.received_at, request.flags)


def _ring(reference: str, kind: str, received_at: datetime, flags: Sequence[str]) -> Ring:
    return Ring(
        reference=reference,
        kind=kind,
        received_at=received_at,
        possible_breach=POSSIBLE_BREACH in flags,
        names_deadline=DEADLINE in flags,
        until=notification_deadline(aware_at=None, suspected_at=received_at),
    )


def _write_all(
    session: Session,
    desk: Desk,
    readers: dict[str, str],
    rings: Sequence[Ring],
    rows: Sequence[Delivery],
    *,
    slack_out: bool,
    now: datetime,
) -> int:
    if not rings:
        return 0
    company = desk.settings.company_name
    write_all = partial(write, rings, company=company, slack_out=slack_out)
    key_of = partial(telling.key_of_alert, f"{SENT}:{rows[0].id}-{rows[-1].id}")
    telling.write_to(session, readers, key_of, write_all, case=DESK_CASE, topic=SENT, now=now)
    return len(readers)
