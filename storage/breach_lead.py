"""Who leads a breach: claimed by a colleague or handed to one; everybody else goes on seeing whose it is."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import staff
from storage.breach_errors import AlreadyLed
from storage.breaches import record, refuse_closed, take_turn_on
from storage.models import Breach, Staff
from storage.staff import Roster
from storage.types import Actor, Role


def claim_lead(session: Session, breach: Breach, *, by: Actor, now: datetime) -> bool:
    """Lead a breach that nobody leads yet; False for one's own.

    Raises AlreadyLed, BreachClosed, UnknownStaff, RoleTooSmall.
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    colleague = staff.get_staff(session, by.name, now=now, at_least=Role.HANDLER)
    if breach.lead not in (None, colleague.slack_user):
        raise AlreadyLed(breach.reference)
    return _lead(session, breach, colleague, by=by, now=now)


def hand_over_lead(session: Session, breach: Breach, colleague: Staff, *, by: Actor, now: datetime) -> bool:
    """Give the lead to a handler or dpo; False when it is theirs already. Raises BreachClosed, RoleTooSmall."""
    take_turn_on(session, breach)
    refuse_closed(breach)
    able = staff.get_staff(session, colleague.slack_user, now=now, at_least=Role.HANDLER)
    return _lead(session, breach, able, by=by, now=now)


def find_people(session: Session, breach: Breach, *, now: datetime) -> list[Staff]:
    """Who answers for a breach: the lead, if on the staff, and every active dpo."""
    return people_of(breach, staff.read_roster(session, now=now))


def people_of(breach: Breach, roster: Roster) -> list[Staff]:
    """The same, of a staff that is read already."""
    lead = roster.find(breach.lead)
    return [*([lead] if lead else []), *(one for one in roster.dpos if one is not lead)]


def _lead(session: Session, breach: Breach, colleague: Staff, *, by: Actor, now: datetime) -> bool:
    if breach.lead == colleague.slack_user:
        return False
    before, breach.lead, breach.lead_at = breach.lead, colleague.slack_user, now
    record(session, breach, "breach-lead", by=by, now=now, lead=colleague.slack_user, before=before)
    return True
