"""The affected customers of a breach: named, told by other means than our mail (clause 6)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breaches import is_ringing, record, refuse_closed, refuse_future, take_turn_on
from storage.errors import NotAffected, ToldBeforeNoticed
from storage.models import Affected, Breach, Call, Customer
from storage.types import Actor, Means


def add_customers(
    session: Session, breach: Breach, customers: Iterable[Customer], *, by: Actor, now: datetime
) -> list[Affected]:
    """Name further affected customers; one found later inherits the deadline. Those already named stay as they are."""
    take_turn_on(session, breach)
    refuse_closed(breach)
    known = {affected.customer_id for affected in breach.affected}
    added = []
    for customer in customers:
        if customer.id not in known:
            known.add(customer.id)
            added.append(Affected(breach=breach, customer=customer, added_at=now))
    session.add_all(added)
    session.flush()
    if added:
        names = [affected.customer.reference for affected in added]
        record(session, breach, "breach-customers-added", by=by, now=now, customers=names)
    return added


def record_told(
    session: Session, breach: Breach, customer: Customer, *, means: Means, at: datetime, by: Actor, now: datetime
) -> Affected:
    """Record that a customer was told, by which means and when. Telling twice keeps both records.

    Raises NotAffected, BreachClosed, InstantInFuture, ToldBeforeNoticed.
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    refuse_future(at, now)
    noticed_at = min(instant for instant in (breach.detected_at, breach.suspected_at, breach.aware_at) if instant)
    if at < noticed_at:
        raise ToldBeforeNoticed(breach.reference, noticed_at)
    affected = next((one for one in breach.affected if one.customer_id == customer.id), None)
    if affected is None:
        raise NotAffected(breach.reference, customer.name)
    session.add(Call(affected=affected, means=means, reached=True, by=by.name, at=at, recorded_at=now))
    told: dict[str, journal.Detail] = {"customer": customer.reference, "means": means, "told_at": at.isoformat()}
    record(session, breach, "customer-told", by=by, now=now, **told)
    if not is_ringing(breach):
        outbox.supersede_reminders(session, breach.reference, now=now)
    return affected
