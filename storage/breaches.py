"""Personal data breaches (agreement clause 6): finding them, whether they still ring, and the guards of every move.

The moves stand beside what they are about: breach_opening, breach_claims, breach_facts, breach_customers,
breach_closing, notices; the clock in breach_clock, the state of each customer in ledger.
"""

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, defer, selectinload

from storage import announcements, journal
from storage.breach_errors import BreachClosed
from storage.database import take_turn
from storage.errors import InstantInFuture, UnknownCase
from storage.ledger import read_ledger
from storage.models import Affected, Breach, Delivery
from storage.sealing import ROWS, seal_rows
from storage.types import Actor, Medium, Purpose

CLAUSE = "6"
BREACH, DRILL = "BR", "DRILL"
SOURCE = "breach-reported-from"
TOLERANCE = timedelta(minutes=2)
"""How far a person's clock may run ahead of ours."""


def is_drill(reference: str) -> bool:
    """Whether a breach is an exercise: numbered apart, and nothing of it reaches a customer."""
    return reference.upper().startswith(f"{DRILL}-")


def is_breach(case: str) -> bool:
    """Whether a case's reference is that of a breach or a drill."""
    return case.upper().startswith((f"{BREACH}-", f"{DRILL}-"))


def of_breaches() -> ColumnElement[bool]:
    """The same in SQL, of a Delivery."""
    return or_(*(Delivery.case.startswith(f"{kind}-") for kind in (BREACH, DRILL)))


def is_ringing(breach: Breach) -> bool:
    """Whether its clock still rings: it is open, and somebody is not told or nobody is named yet."""
    return breach.closed_at is None and (not breach.affected or any(row.waits for row in read_ledger(breach)))


def get_breach(session: Session, reference: str, *, to_change: bool = False) -> Breach:
    """The breach with this reference; `to_change` keeps others from changing it meanwhile. Raises UnknownCase."""
    wanted = whole_breaches().where(Breach.reference == reference.strip().upper())
    found = session.scalars(wanted.with_for_update(of=Breach, key_share=True) if to_change else wanted).first()
    if found is None:
        raise UnknownCase(reference.strip().upper())
    return found


def find_about(session: Session, about: str) -> Breach | None:
    """The open breach about exactly this: a request's letter, or a forward that went astray (`Breach.about`)."""
    return session.scalars(whole_breaches().where(Breach.about == about, Breach.closed_at.is_(None))).first()


def find_all_about(session: Session, cases: Iterable[str]) -> dict[str, str]:
    """The open breaches that came from these requests, or from their forwards: the first one, by the request."""
    wanted = set(cases)
    still = select(Breach.about, Breach.reference).where(Breach.about.is_not(None), Breach.closed_at.is_(None))
    found = [(str(about).partition("/")[0], one) for about, one in session.execute(still.order_by(Breach.id.desc()))]
    return {request: reference for request, reference in found if request in wanted}


def find_open(session: Session) -> list[Breach]:
    """The open breaches, the nearest deadline first."""
    return list(session.scalars(whole_breaches().where(Breach.closed_at.is_(None)).order_by(Breach.deadline_at)))


def list_breaches(session: Session, *, limit: int | None = None) -> list[Breach]:
    """All breaches, the newest first."""
    return list(session.scalars(whole_breaches().order_by(Breach.id.desc()).limit(limit)))


def take_turn_on(session: Session, breach: Breach) -> None:
    take_turn(session, whole_breaches().where(Breach.id == breach.id))


def take_turns(session: Session, references: Collection[str]) -> None:
    """Take the turn of several, always in the same order; before the journal's, which comes last."""
    if references:
        wanted = select(Breach.id).where(Breach.reference.in_(references))
        take_turn(session, wanted.order_by(Breach.id))


def refuse_closed(breach: Breach) -> None:
    if breach.closed_at is not None:
        raise BreachClosed(breach.reference)


def refuse_future(instant: datetime | None, now: datetime) -> None:
    if instant is not None and instant > now + TOLERANCE:
        raise InstantInFuture(instant)


def record(
    session: Session, breach: Breach, action: str, *, by: Actor, now: datetime, **detail: journal.Detail
) -> journal.Recorded:
    """Into the journal, with the hashes of the rows that are new: call it when they are all there."""
    instants = {"aware_at": breach.aware_at, "suspected_at": breach.suspected_at, "deadline_at": breach.deadline_at}
    shown = {name: instant.isoformat() for name, instant in instants.items() if instant} | detail
    journal.take_turn(session)  # or the rows would be older than a line that is written meanwhile
    shown[ROWS] = seal_rows(session, breach)
    entry = journal.record(session, action, by=by, now=now, case=breach.reference, clause=CLAUSE, **shown)
    announcements.show_card(session, entry)
    return entry


def keep_source(session: Session, breach: Breach, permalink: str, *, by: Actor, now: datetime) -> None:
    """Keep, once and in the journal, where the message stands from which a breach was reported; never its text."""
    if permalink and find_source(session, breach.reference) is None:
        record(session, breach, SOURCE, by=by, now=now, message=permalink)


def find_source(session: Session, reference: str) -> str | None:
    """Where the message stands from which this breach was reported, if it was reported from one."""
    entries = (entry for entry in journal.entries_of(session, reference) if entry.action == SOURCE)
    return next((json.loads(entry.detail).get("message") for entry in entries), None)


def whole_breaches() -> Select[Breach]:
    """Breaches with all that their ledgers are read from; the words of the notices stay in the record."""
    told = selectinload(Breach.affected)
    notices = Affected.deliveries.and_(Delivery.purpose == Purpose.NOTICE, Delivery.medium == Medium.EMAIL)
    sent = told.selectinload(notices).options(defer(Delivery.text), defer(Delivery.html))
    rest = (told.selectinload(Affected.calls), told.selectinload(Affected.mails), told.joinedload(Affected.customer))
    return select(Breach).options(sent, *rest)
