"""How well a customer's order address is: came something back from it, was it asked, did it answer.

Requests and breach notices go there and nowhere else (agreement clauses 4 and 6): whether somebody reads it is to be
known before. Three instants of the customer tell, and an import that changes the address forgets them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breaches import is_drill
from storage.deadlines import PARIS
from storage.models import Affected, Customer, Delivery, Message
from storage.requests import CLAUSE, is_ours
from storage.types import Actor, Medium, Purpose, Said

CONFIRMED_FOR = timedelta(days=365)
"""How long a confirmation holds."""

NOT_AGAIN_FOR = timedelta(days=30)
"""After asking, and after something came back, an address is left alone for so long."""

AT_ONCE = 500
"""Customers that are asked in one transaction: others wait for none that is longer."""

CONFIRMING = frozenset({Said.RECEIVED, Said.HELP, Said.INSTRUCTION, Said.ANSWER})
"""Replies to a forward that show that its customer reads there; "not ours" may come from whoever has it now."""


class Health(StrEnum):
    """What is known of an address."""

    CONFIRMED = "confirmed"
    ASKED = "asked"
    UNCONFIRMED = "unconfirmed"
    CAME_BACK = "came back"


def health_of(customer: Customer, *, now: datetime) -> Health:
    """The worst that is known: what came back since it was last confirmed, then how old that is."""
    bounced, confirmed, asked = customer.address_bounced_at, customer.address_confirmed_at, customer.address_asked_at
    if bounced is not None and (confirmed is None or confirmed < bounced):
        return Health.CAME_BACK
    if confirmed is not None and confirmed > now - CONFIRMED_FOR:
        return Health.CONFIRMED
    return Health.ASKED if asked is not None and asked > now - NOT_AGAIN_FOR else Health.UNCONFIRMED


def mark_lost(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """Something that we sent to a customer did not arrive: its order address is marked, if that is where it went."""
    customer = customer_of(session, delivery)
    if customer is None or not _is_at(customer, delivery.recipient):
        return
    customer.address_bounced_at = now
    _record(session, "address-lost", customer, delivery, by=by, now=now)


def confirm(session: Session, delivery: Delivery, *, message: Message, by: Actor, now: datetime) -> Customer | None:
    """The customer answered what this delivery brought to its order address: somebody reads there.

    None when it went to another address than that of the order as it is today.
    """
    customer = customer_of(session, delivery)
    if customer is None or not _is_at(customer, delivery.recipient):
        return None
    customer.address_confirmed_at = now
    _record(session, "address-confirmed", customer, delivery, by=by, now=now, sha256=message.sha256)
    return customer


def customer_of(session: Session, delivery: Delivery) -> Customer | None:
    """The customer that a delivery was sent to; None for what went to staff or to a data subject, or is of a drill."""
    if is_drill(delivery.case):
        return None
    if delivery.forward is not None:
        return delivery.forward.customer
    if delivery.affected_id is not None:
        return session.get_one(Affected, delivery.affected_id).customer
    return session.get(Customer, delivery.customer_id) if delivery.customer_id is not None else None


def find_to_ask(session: Session, *, own_address: str | None, now: datetime) -> list[Customer]:
    """Live customers whose address was not confirmed for a year, and who may be asked now; by reference."""
    wanted = select(Customer).where(_is_live(now), _is_due(now)).order_by(Customer.reference)
    found = session.scalars(wanted)
    return [one for one in found if own_address is None or not is_ours(one.request_address, own_address)]


def find_unconfirmed(session: Session, *, now: datetime) -> list[Customer]:
    """Live customers whose address is not known to be well: never or long ago confirmed, or something came back."""
    wanted = select(Customer).where(_is_live(now), or_(_is_old(now), _is_lost()))
    return list(session.scalars(wanted.order_by(Customer.reference)))


def count_unwell(session: Session, *, now: datetime) -> tuple[int, int]:
    """How many live customers have an address that was not confirmed for a year, and from how many something came
    back since it was."""
    counted = select(func.count().filter(and_(_is_old(now), ~_is_lost())), func.count().filter(_is_lost())).select_from(
        Customer
    )
    unconfirmed, lost = session.execute(counted.where(_is_live(now))).one()
    return unconfirmed, lost


def ask(session: Session, ids: Sequence[int], *, by: Actor, now: datetime) -> list[str]:
    """Queue a confirmation to each of these customers that may still be asked now; the references of those.

    Whoever asks at the same time finds them asked; mail composes the words when it sends.
    """
    still = update(Customer).where(Customer.id.in_(ids), _is_due(now)).values(address_asked_at=now)
    asked = set(session.scalars(still.returning(Customer.id).execution_options(synchronize_session=False)))
    customers = select(Customer).where(Customer.id.in_(asked)).order_by(Customer.reference)
    rows = [_queued(one, now) for one in session.scalars(customers.execution_options(populate_existing=True))]
    outbox.queue_all(session, rows, now=now)
    if rows:
        journal.record(session, "addresses-asked", by=by, now=now, clause=CLAUSE, customers=[one.case for one in rows])
    return [one.case for one in rows]


def withdraw_unsent(session: Session, *, now: datetime) -> None:
    """What would still go to an address that is the customer's no longer, and was not tried yet."""
    waiting = (Delivery.purpose == Purpose.CONFIRMATION, Delivery.due_at.is_not(None), Delivery.sending_at.is_(None))
    moved = select(Customer.id).where(
        Customer.id == Delivery.customer_id, Customer.request_address != Delivery.recipient
    )
    withdrawn = update(Delivery).where(*waiting, moved.correlate(Delivery).exists())
    session.execute(withdrawn.values(superseded_at=now, due_at=None).execution_options(synchronize_session=False))


def _record(
    session: Session,
    action: str,
    customer: Customer,
    delivery: Delivery,
    *,
    by: Actor,
    now: datetime,
    sha256: str | None = None,
) -> None:
    about: dict[str, journal.Detail] = {"customer": customer.reference, "purpose": delivery.purpose.value}
    detail = about | ({"sha256": sha256} if sha256 else {})
    line = journal.Line(action, delivery.case, CLAUSE, detail)
    journal.record_all(session, [line], by=by, now=now)


def _queued(customer: Customer, now: datetime) -> outbox.Queued:
    """One for each time of asking, which `address_asked_at` keeps from coming too soon."""
    address = sha256(customer.request_address.lower().encode()).hexdigest()[:8]
    return outbox.Queued(
        key=f"confirmation:{customer.reference}:{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}:{address}",
        medium=Medium.EMAIL,
        purpose=Purpose.CONFIRMATION,
        topic="confirmation",
        recipient=customer.request_address,
        language="fr" if customer.language == "fr" else "en",
        case=customer.reference,
        customer_id=customer.id,
    )


def _is_at(customer: Customer, address: str) -> bool:
    return customer.request_address.lower() == address.lower()


def _is_live(now: datetime) -> ColumnElement[bool]:
    """The contract runs; its first and its last day are of it."""
    today = now.astimezone(PARIS).date()
    begun = or_(Customer.contract_start.is_(None), Customer.contract_start <= today)
    return and_(begun, or_(Customer.contract_end.is_(None), Customer.contract_end >= today))


def _is_old(now: datetime) -> ColumnElement[bool]:
    return or_(Customer.address_confirmed_at.is_(None), Customer.address_confirmed_at <= now - CONFIRMED_FOR)


def _is_lost() -> ColumnElement[bool]:
    confirmed, bounced = Customer.address_confirmed_at, Customer.address_bounced_at
    return and_(bounced.is_not(None), or_(confirmed.is_(None), confirmed < bounced))


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Not confirmed for a year, and neither asked nor known to fail lately: a mailbox may be full for a while."""
    since = now - NOT_AGAIN_FOR
    quiet = [or_(at.is_(None), at <= since) for at in (Customer.address_asked_at, Customer.address_bounced_at)]
    return and_(_is_old(now), *quiet)
