"""What a report about one of our e-mails says of it (RFC 3464), whatever it was for: it came back, or is delayed."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import addresses, outbox
from storage.models import Delivery
from storage.types import Actor

TOO_LARGE = frozenset({"5.2.3", "5.3.4"})
"""RFC 3463: message length exceeds the administrative limit; message too big for system."""


def note_bounce(
    session: Session, delivery: Delivery, *, status: str | None, reason: str, by: Actor, now: datetime
) -> bool:
    """It came back; False for a second report of the same, which is nothing new.

    `status` is that of RFC 3463, None where the report names none; `reason` stays in the record. Whatever was not only
    too large marks the address.
    """
    if delivery.bounced_at is not None:
        return False
    if delivery.accepted_at is None and delivery.refused_at is None:
        outbox.record_accepted(delivery, reply=delivery.reply or "a report about it came back", now=now)
    delivery.bounced_at, delivery.bounce_status = now, status or reason.strip()[:200] or "unknown"
    if status not in TOO_LARGE:
        addresses.mark_lost(session, delivery, by=by, now=now)
    return True


def note_delay(delivery: Delivery, *, now: datetime) -> bool:
    """It is still being tried; False where that is known, or no longer so."""
    if delivery.delayed_at is not None or delivery.bounced_at is not None:
        return False
    delivery.delayed_at = now
    return True
