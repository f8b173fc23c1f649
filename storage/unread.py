"""Who has not answered a notice long after its server took it: they ring once, and stand on the call sheet.

Acceptance is not reading. Read in SQL, for a breach may have ten thousand customers and a tick comes often.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from storage.breach_rows import has_arrived, was_reached
from storage.breaches import record, take_turn_on
from storage.ledger import UNREAD
from storage.models import Affected, Breach, CaseMail, Delivery, Reminder
from storage.types import CLOCK, Correspondence, Said

RUNG = "call-sheet"
"""How the rungs of this ring begin; behind the @ stands until when it tells."""
GATHERED = timedelta(hours=1)
"""Notices go out over a while: who comes onto the sheet within this time after a ring is told of in the next."""


class Told(NamedTuple):
    """The last ring: until when it told who came onto the sheet, and when it rang."""

    until: datetime
    at: datetime


def find_unread_due(session: Session, *, now: datetime) -> list[str]:
    """The open breaches in which somebody newly came onto the call sheet for want of an answer."""
    told = _last_rungs(session)
    due = []
    for reference, breach_id, pace, first, last in session.execute(_accepted()):
        before, window = told.get(reference), UNREAD / pace
        if first is None or last is None or first + window > now or (before and last + window <= before.until):
            continue
        if _newly(session, breach_id, pace, before, now=now) is not None:
            due.append(reference)
    return due


def ring_unread(session: Session, breach: Breach, *, now: datetime) -> Reminder | None:
    """Insert the rung that tells of all who newly came; None when there is nobody, or another process did.

    The caller queues its deliveries in the same transaction.
    """
    take_turn_on(session, breach)
    before = _last_rungs(session, breach.reference).get(breach.reference)
    until = _newly(session, breach.id, breach.pace, before, now=now)
    if until is None or breach.closed_at is not None:
        return None
    rung = f"{RUNG}@{until:%Y-%m-%dT%H:%M:%S.%fZ}"
    reminder = Reminder(case=breach.reference, rung=rung, due_at=until, rung_at=now)
    session.add(reminder)
    session.flush()
    record(session, breach, "call-sheet-due", by=CLOCK, now=now)
    return reminder


def _newly(session: Session, breach_id: int, pace: int, before: Told | None, *, now: datetime) -> datetime | None:
    """When the last of those who newly came onto the sheet did; None for nobody, or so soon after the last ring."""
    if before and before.at <= now < before.at + GATHERED / pace:
        return None
    window = UNREAD / pace
    accepted = func.min(Delivery.accepted_at, type_=Delivery.accepted_at.type)
    silent = _silent(breach_id).group_by(Affected.id).having(accepted <= now - window)
    silent = silent.having(accepted > before.until - window) if before else silent
    found = [at for at in session.scalars(silent.with_only_columns(accepted)) if at is not None]
    return max(found) + window if found else None


def _silent(breach_id: int) -> Select[Any]:
    """The customers who have a notice and were neither reached nor have answered."""
    said = CaseMail.said.is_not(None) & (CaseMail.said != Said.OUT_OF_OFFICE)
    answered = exists().where(CaseMail.affected_id == Affected.id, CaseMail.what == Correspondence.REPLY, said)
    theirs = select(Affected.id).join(Delivery, Delivery.affected_id == Affected.id)
    here = (Affected.breach_id == breach_id, Affected.excluded_at.is_(None))
    return theirs.where(*here, has_arrived(), ~answered, ~was_reached())


def _accepted() -> Select[str, int, int, datetime | None, datetime | None]:
    """Of each open breach with notices that arrived: when the first and the last one was accepted."""
    at = Delivery.accepted_at
    first, last = func.min(at, type_=at.type), func.max(at, type_=at.type)
    of_open = select(Breach.reference, Breach.id, Breach.pace, first, last).join(
        Delivery, Delivery.case == Breach.reference
    )
    return of_open.where(Breach.closed_at.is_(None), has_arrived()).group_by(Breach.reference, Breach.id, Breach.pace)


def _last_rungs(session: Session, reference: str | None = None) -> dict[str, Told]:
    """Of each open breach, or of this one, the last ring of this kind."""
    due, rung = Reminder.due_at, Reminder.rung_at
    newest = select(Reminder.case, func.max(due, type_=due.type), func.max(rung, type_=rung.type))
    still = select(Breach.reference).where(Breach.closed_at.is_(None))
    ours = Reminder.case == reference if reference else Reminder.case.in_(still)
    rungs = newest.where(Reminder.rung.startswith(f"{RUNG}@"), ours).group_by(Reminder.case)
    return {case: Told(until, at) for case, until, at in session.execute(rungs)}
