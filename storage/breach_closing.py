"""Closing a breach: refused while a customer is not told, and never without a decision."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import outbox
from storage.breaches import record, refuse_closed, take_turn_on
from storage.errors import CustomersNotTold, NobodyAffected, ReasonMissing
from storage.ledger import read_ledger
from storage.models import Breach
from storage.types import Actor, Role


def close_breach(session: Session, breach: Breach, *, by: Actor, now: datetime) -> None:
    """Close a breach. Raises CustomersNotTold with their names, NobodyAffected, BreachClosed."""
    take_turn_on(session, breach)
    refuse_closed(breach)
    waiting = tuple(row.customer.name for row in read_ledger(breach) if row.waits)
    if waiting:
        raise CustomersNotTold(breach.reference, waiting)
    if not breach.affected:
        raise NobodyAffected(breach.reference)
    breach.closed_at, breach.closed_by = now, by.name
    record(session, breach, "breach-closed", by=by, now=now)
    outbox.supersede_reminders(session, breach.reference, now=now)


def role_to_rule_out(breach: Breach) -> Role:
    """Who may say that it was no breach: of a mere doubt a handler.

    Once somebody was aware, or when a request went to a wrong customer, only the dpo.
    """
    astray = "/" in (breach.about or "")
    return Role.DPO if breach.aware_at is not None or astray else Role.HANDLER


def close_as_no_breach(session: Session, breach: Breach, reason: str, *, by: Actor, now: datetime) -> None:
    """It was no breach after all: closed with the reason, and kept. Raises ReasonMissing, BreachClosed.

    Whether this person may say so is for the caller to see (`role_to_rule_out`).
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    if not reason.strip():
        raise ReasonMissing(breach.reference)
    breach.closed_at, breach.closed_by, breach.no_breach_reason = now, by.name, reason.strip()
    record(session, breach, "breach-closed", by=by, now=now, no_breach=True)
    outbox.supersede_reminders(session, breach.reference, now=now)
