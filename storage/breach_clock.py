"""The ladder of a breach: its rungs are rows, inserted by the tick after they fell due, once each."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import outbox
from storage.breaches import is_ringing, record, take_turn_on
from storage.deadlines import Rung, due_rungs
from storage.models import Breach, Reminder
from storage.types import Actor

CLOCK = Actor("desk", "clock")


def ring(session: Session, breach: Breach, *, now: datetime) -> Reminder | None:
    """Insert the rungs that fell due since the last tick; the newest, if it is new, speaks for them all.

    The caller queues its deliveries in the same transaction. Older unsent reminders are superseded.
    """
    take_turn_on(session, breach)
    new = new_rungs(session, breach, now=now)
    if not new:
        return None
    reminders = [
        Reminder(case=breach.reference, rung=_rung_key(breach, rung), due_at=rung.at, rung_at=now) for rung in new
    ]
    outbox.supersede_reminders(session, breach.reference, now=now)
    session.add_all(reminders)
    session.flush()
    record(session, breach, "reminder-due", by=CLOCK, now=now, rung=new[-1].name)
    return reminders[-1]


def new_rungs(session: Session, breach: Breach, *, now: datetime) -> list[Rung]:
    """The rungs that fell due and have not rung, oldest first; none while the breach is silent."""
    if not is_ringing(breach):
        return []
    due = due_rungs(breach.deadline_at, opened_at=breach.opened_at, now=now, pace=breach.pace)
    known = set(session.scalars(select(Reminder.rung).where(Reminder.case == breach.reference)))
    return [rung for rung in due if _rung_key(breach, rung) not in known]


def _rung_key(breach: Breach, rung: Rung) -> str:
    """A rung belongs to a deadline: when awareness moves the deadline, the ladder begins anew."""
    return f"{rung.name}@{breach.deadline_at:%Y-%m-%dT%H:%M:%SZ}"
