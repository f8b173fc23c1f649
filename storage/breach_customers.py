"""The affected customers of a breach: naming them (clause 6)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from storage.breaches import record, refuse_closed, take_turn_on
from storage.models import Affected, Breach, Customer
from storage.types import Actor


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
