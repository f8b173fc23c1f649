"""The affected customers of a breach: naming them, with what is known of each (clause 6)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from storage import breach_facts
from storage.breach_choosing import Line
from storage.breaches import record, refuse_closed, take_turn_on, whole_breaches
from storage.bulk import insert_rows
from storage.models import Affected, Breach, Customer
from storage.types import Actor


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


def record_facts(session: Session, breach: Breach, lines: Iterable[Line], *, by: Actor, now: datetime) -> int:
    """Write down what is known of single customers, all of them named in the breach; how many facts were new."""
    ids = {one.customer.reference: one.id for one in breach.affected}
    values = {ids[line.reference]: line.facts for line in lines if line.facts}
    new = breach_facts.append_customer_facts(session, breach, values, by=by.name, now=now) if values else []
    if new:
        of = {id_: reference for reference, id_ in ids.items()}
        told = sorted({of[affected] for affected, _ in new if affected is not None})
        names = sorted({name.value for _, name in new})
        record(session, breach, "breach-facts-of-customers", by=by, now=now, customers=told, facts=names)
    return len(new)
