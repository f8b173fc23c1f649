"""A customer of a breach that is not affected after all: with a reason and a person; and back again.

One that was told keeps the record of that. A notice that has not left is withdrawn.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breach_errors import AlreadyExcluded, NotExcluded, WhyExcludedMissing
from storage.breach_rungs import DEADLINE
from storage.breaches import is_ringing, record, refuse_closed
from storage.calls import take_affected
from storage.ledger import notified_at
from storage.models import Affected, Breach, Customer, Delivery
from storage.notice_queueing import withdraw_unsent
from storage.reasons import read_reason
from storage.types import Actor


def exclude_customer(
    session: Session, breach: Breach, customer: Customer, reason: str, *, by: Actor, now: datetime
) -> Affected:
    """Mark a customer as not affected.

    Raises NotAffected, AlreadyExcluded, WhyExcludedMissing, ReasonTooShort, BreachClosed.
    """
    affected = _take_turn(session, breach, customer)
    if affected.excluded_at is not None:
        raise AlreadyExcluded(breach.reference, customer.name)
    if not reason.strip():
        raise WhyExcludedMissing(breach.reference, customer.name)
    why = read_reason(breach.reference, reason)
    affected.excluded_at, affected.excluded_by, affected.excluded_reason = now, by.name, why
    withdrawn = withdraw_unsent(session, Delivery.affected_id == affected.id, now=now)
    session.expire(affected, ["deliveries"])
    told = notified_at(affected) is not None
    known: dict[str, journal.Detail] = {"customer": customer.reference, "told": told, "withdrawn": withdrawn}
    record(session, breach, "customer-excluded", by=by, now=now, **known)
    if not is_ringing(breach):
        outbox.supersede_reminders(session, breach.reference, about=DEADLINE, now=now)
    return affected


def include_customer(session: Session, breach: Breach, customer: Customer, *, by: Actor, now: datetime) -> Affected:
    """It is affected after all, and to be told like the others; the reason that no longer holds stays on record.

    Raises NotAffected, NotExcluded, BreachClosed.
    """
    affected = _take_turn(session, breach, customer)
    if affected.excluded_at is None:
        raise NotExcluded(breach.reference, customer.name)
    affected.excluded_at = None
    record(session, breach, "customer-included", by=by, now=now, customer=customer.reference)
    return affected


def _take_turn(session: Session, breach: Breach, customer: Customer) -> Affected:
    affected = take_affected(session, breach, customer)
    refuse_closed(breach)
    return affected
