"""The affected customers of a breach: named, told by other means than our mail (clause 6)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breaches import is_ringing, record, refuse_closed, refuse_future, take_turn_on, whole_breaches
from storage.bulk import insert_rows
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
    new = {one.id: one.reference for one in customers if one.id not in known}
    if not new:
        return []
    insert_rows(session, Affected, [{"breach_id": breach.id, "customer_id": id_, "added_at": now} for id_ in new])
    session.scalars(whole_breaches().where(Breach.id == breach.id).execution_options(populate_existing=True)).one()
    record(session, breach, "breach-customers-added", by=by, now=now, customers=list(new.values()))
    return [one for one in breach.affected if one.customer_id in new]


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
